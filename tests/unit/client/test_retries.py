"""How long to wait before another try."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from countermark.retries import LONGEST_WAIT, backoff, retry_after
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(("retry", "seconds"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (5000, 8)])
def test_waits_double_up_to_eight_seconds(retry: int, seconds: float) -> None:
    assert backoff(retry, 0.0) == seconds


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_chance_takes_off_a_quarter_at_most(retry: int, chance: float) -> None:
    longest = backoff(retry, 0.0)
    assert 0.75 * longest <= backoff(retry, chance) <= longest <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("3", 3),
        ("0.25", 0.25),
        (format_datetime(NOW.replace(minute=31), usegmt=True), 60),
        (format_datetime(NOW.replace(minute=1), usegmt=True), 0),
        ("-1", None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("Mon, 99 May 2026 09:30:00 GMT", None),
    ],
)
def test_a_service_asks_for_a_wait_in_seconds_or_by_date(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW.timestamp()) == seconds


def test_a_service_may_not_ask_at_all() -> None:
    assert retry_after({}, NOW.timestamp()) is None


@given(st.text(max_size=40))
def test_no_header_is_an_exception(header: str) -> None:
    wait = retry_after({"retry-after": header}, NOW.timestamp())
    assert wait is None or wait >= 0
