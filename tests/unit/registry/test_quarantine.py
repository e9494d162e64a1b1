"""Which files are refused at once, and for how long: against a clock of the test's own."""

import pytest

from provenance.errors import ExaminationUnavailable, MediaTooCostly
from registry.sandbox.quarantine import QUARANTINE_SECONDS, Quarantine

FILE = ("examine", b"one")


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def lost() -> ExaminationUnavailable:
    return ExaminationUnavailable("lost", retry_after=5)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_file_that_has_ended_one_worker_is_looked_at_again(clock: Clock) -> None:
    quarantine = Quarantine(clock)
    quarantine.note(FILE, 1, lost())
    quarantine.check(FILE)


def test_the_second_worker_that_it_ends_has_it_refused_for_a_while(clock: Clock) -> None:
    quarantine = Quarantine(clock)
    quarantine.note(FILE, 1, MediaTooCostly("costly"))
    clock.now += 10
    quarantine.note(FILE, 1, lost())
    clock.now += 20
    with pytest.raises(ExaminationUnavailable, match="lost") as caught:
        quarantine.check(FILE)
    assert caught.value.retry_after == QUARANTINE_SECONDS - 20
    clock.now += QUARANTINE_SECONDS - 20
    quarantine.check(FILE)
    quarantine.note(FILE, 1, lost())
    quarantine.check(FILE)  # it begins anew


def test_another_file_and_another_thing_that_is_done_with_it_are_not_refused(clock: Clock) -> None:
    quarantine = Quarantine(clock)
    quarantine.note(FILE, 2, MediaTooCostly("costly"))
    quarantine.check(("examine", b"another"))
    quarantine.check(("compare", b"one"))
    with pytest.raises(MediaTooCostly, match="costly"):
        quarantine.check(FILE)


def test_a_full_table_forgets_who_offended_longest_ago(clock: Clock) -> None:
    quarantine = Quarantine(clock, max_remembered=2)
    for name in (b"a", b"b", b"a", b"c"):  # a comes back before c comes
        quarantine.note(("examine", name), 2, lost())
    assert quarantine.rest(("examine", b"b")) == 0
    assert quarantine.rest(("examine", b"a")) == quarantine.rest(("examine", b"c")) == QUARANTINE_SECONDS
