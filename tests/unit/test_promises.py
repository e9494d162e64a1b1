"""Each promise and each threat names a test, and that test exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = {
    "docs/threat-model.md": "| threat | mitigation | test | figure |",
    "docs/operating.md": "| promise | test | figure |",
}


def rows(page: str) -> list[list[str]]:
    """The cells of every row below a head of that kind."""
    found, within = [], False
    for line in (ROOT / page).read_text().splitlines():
        if line == TABLES[page]:
            within = True
        elif not line.startswith("|"):
            within = False
        elif within and not line.startswith("|---"):
            found.append([each.strip() for each in line.strip("|").split(" | ")])
    return found


def existing_tests() -> set[str]:
    """The names of all test functions."""
    files = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in files for name in re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize("page", TABLES)
def test_every_row_names_tests_that_exist(page: str) -> None:
    existing, named = existing_tests(), rows(page)
    assert len(named) > 15
    for row in named:
        cell = row[-2]
        names = re.findall(r"`(test_\w+)`", cell)
        assert names or "(no test: " in cell, row
        assert set(names) <= existing, row


@pytest.mark.parametrize("page", TABLES)
def test_every_row_has_a_figure(page: str) -> None:
    columns = TABLES[page].count("|") - 1
    assert [row for row in rows(page) if len(row) != columns or row[-1] in ("", "|") or "not measured" in row[-1]] == []
