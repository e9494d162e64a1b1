"""No test depends on how quick a machine is: seconds are named in `tests/patience.py`, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
LIMITS = ("timeout", "failover_timeout", "patience", "body_timeout", "connect_timeout", "busy_seconds")
"""Names of arguments that are seconds, of which a busy machine may need more."""
WAITS = (
    *("sleep", "wait", "wait_for", "result", "exception", "join", "settimeout", "eventually", "wait_until_ready"),
    *("timeout", "fail_after", "move_on_after"),
)
"""What waits for as many seconds as its last argument says."""
CLOCKS = ("monotonic", "perf_counter", "time", "process_time")
KEPT = "pytest.mark.timeout"
"""A test that is longer than all others says so to the one clock that ends what hangs."""


def seconds_of_its_own(source: str) -> list[str]:
    """The lines of a test that wait for, or allow, a number of seconds: written out, or named in the same file."""
    tree = ast.parse(source)
    numbers = {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _is_number(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    found = (
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and any(_names(value, numbers) for value in _seconds(node)))
        or (isinstance(node, ast.Dict) and any(_names(value, numbers) for value in _limits(node)))
        or (isinstance(node, ast.Assert) and _measures(node.test))
    )
    return [f"{node.lineno}: {ast.unparse(node)}" for node in found]


def _seconds(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that say for how long it waits, or lets wait."""
    function = ast.unparse(call.func)
    if function == KEPT:
        return
    yield from (keyword.value for keyword in call.keywords if keyword.arg in LIMITS)
    if function.rpartition(".")[2] in WAITS:
        yield from call.args[-1:]


def _limits(options: ast.Dict) -> Iterator[ast.expr]:
    """The values of options that say how long something may take."""
    for name, value in zip(options.keys, options.values, strict=True):
        if isinstance(name, ast.Constant) and name.value in LIMITS:
            yield value


def _names(value: ast.expr, numbers: set[str]) -> bool:
    return (_is_number(value) and ast.literal_eval(value) > 0) or (isinstance(value, ast.Name) and value.id in numbers)


def _is_number(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) in (int, float)


def _measures(test: ast.expr) -> bool:
    """Whether an assertion keeps an upper bound on a time that passes."""
    return any(
        isinstance(comparison, ast.Compare)
        and any(isinstance(sign, ast.Lt | ast.LtE) for sign in comparison.ops)
        and isinstance(comparison.left, ast.BinOp)
        and any(isinstance(call, ast.Call) and _is_clock(call) for call in ast.walk(comparison.left))
        for comparison in ast.walk(test)
    )


def _is_clock(call: ast.Call) -> bool:
    return ast.unparse(call.func).rpartition(".")[2] in CLOCKS


@pytest.mark.parametrize(
    "line",
    [
        "done.wait(3)",
        "future.result(5)",
        "future.result(timeout=5)",
        "thread.join(2.5)",
        "time.sleep(0.1)",
        "sleep(1)",
        "asyncio.sleep(1)",
        "asyncio.wait_for(answer, timeout=1)",
        "asyncio.wait_for(answer, 1)",
        "asyncio.timeout(1)",
        "connection.settimeout(20)",
        "subprocess.run(['true'], timeout=10)",
        "eventually(lambda: True, 5)",
        "Client(**{'timeout': 5})",
        "assert time.monotonic() - began < 2",
        "assert answer and time.perf_counter() - began <= bound",
        "PATIENCE = 5\ndone.wait(PATIENCE)",
    ],
)
def test_seconds_of_ones_own_are_seen(line: str) -> None:
    assert seconds_of_its_own(line)


@pytest.mark.parametrize(
    "line",
    [
        "done.wait(HUNG_SECONDS)",
        "', '.join(names)",
        "future.result()",
        "asyncio.sleep(0)",
        "assert time.monotonic() - began >= 0.3",
        "pytest.mark.timeout(1200)",
    ],
)
def test_what_waits_as_the_others_do_is_left_alone(line: str) -> None:
    assert seconds_of_its_own(line) == []


def test_no_test_names_seconds_of_its_own() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != TESTS / "patience.py"
        for line in seconds_of_its_own(path.read_text(encoding="utf-8"))
    ]
    assert found == []
