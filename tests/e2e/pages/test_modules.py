"""`clients/js` in browsers: the tests of Node.js, and every receipt of the vectors, step by step as in Python."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.conformance.receipt_cases import GIVEN, Case, asked, assert_agreed, changed, earlier, odd
from tests.e2e.pages.reader import Tab
from tests.loopback import serving

ROOT = Path(__file__).parents[3]
TESTS = sorted(path.name for path in (ROOT / "clients/js/test").glob("*.test.js"))
CHANGED = 150
"""Of the changed receipts that Node.js is asked all about."""

RUN = """async (names) => {
    for (const name of names) await import(`/clients/js/test/${name}`);
    return (await import("/tests/e2e/runtime/node_test.js")).run();
}"""
FOUND = """async (cases) => {
    const { found } = await import("/tests/conformance/receipt_steps.mjs");
    const answers = [];
    for (const each of cases) answers.push(await found(each));
    return answers;
}"""


@pytest.fixture(scope="module")
def checkout() -> Iterator[str]:
    """This repository's modules, vectors and tests on a server of their own."""
    folders = ("clients/js", "tests")
    with serving(Starlette(routes=[Mount(f"/{each}", StaticFiles(directory=ROOT / each)) for each in folders])) as url:
        yield url


@pytest.fixture(scope="module")
def runtime(tab: Tab, checkout: str) -> Tab:
    tab.goto(f"{checkout}/tests/e2e/runtime/index.html")
    return tab


def test_the_tests_of_node_pass(runtime: Tab) -> None:
    answer = runtime.evaluate(RUN, TESTS)
    assert answer["failures"] == []
    assert answer["count"] > 900


def agreed(tab: Tab, cases: list[Case]) -> int:
    return assert_agreed(cases, tab.evaluate(FOUND, [asked(case) for case in cases]))


def test_every_receipt_of_the_vectors_has_the_same_outcome_at_each_step(runtime: Tab) -> None:
    assert agreed(runtime, GIVEN) > 100


def test_odd_receipts_and_those_of_earlier_versions_have_the_same_outcome_at_each_step(runtime: Tab) -> None:
    assert agreed(runtime, [*earlier(), *odd()]) > 10


def test_changed_receipts_have_the_same_outcome_at_each_step(runtime: Tab) -> None:
    assert agreed(runtime, list(changed(20261130))[:CHANGED]) > 10
