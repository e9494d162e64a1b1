"""Who waits for a checkpoint is told when it is there, and not before: nor for ever."""

from concurrent.futures import Future

from provenance.errors import StoreCorrupt, StoreUnavailable
from registry.log.batch import Appended, Waiters
from tests.logs.records import START

LONG_PAST, FAR_OFF = 0.0, float("inf")


def callers(waiting: Waiters, *deadlines: float) -> "list[Future[Appended]]":
    """Of entries 0, 1, 2 …, each with its deadline."""
    futures: list[Future[Appended]] = [Future() for _ in deadlines]
    for index, (future, deadline) in enumerate(zip(futures, deadlines, strict=True)):
        waiting.add(Appended(index, bytes(32), START, created=True), future, deadline)
    return futures


def test_an_entry_is_acknowledged_by_the_first_tree_that_has_it() -> None:
    waiting = Waiters()
    first, second, third = callers(waiting, FAR_OFF, FAR_OFF, FAR_OFF)
    waiting.settle(2, None, overdue=True, hopeless=False)
    assert [first.result(0).index, second.result(0).index] == [0, 1]
    assert not third.done()
    waiting.settle(3, None, overdue=True, hopeless=False)
    assert third.result(0).index == 2


def test_after_a_failure_only_those_are_told_whose_time_is_up() -> None:
    waiting = Waiters()
    patient, overdue = callers(waiting, FAR_OFF, LONG_PAST)
    failure = StoreUnavailable("the bucket is away")
    waiting.settle(0, failure, overdue=True, hopeless=False)
    assert overdue.exception(0) is failure
    assert not patient.done()


def test_where_publishing_goes_on_nobody_is_sent_away_for_its_taking_long() -> None:
    waiting = Waiters()
    (late,) = callers(waiting, LONG_PAST)
    waiting.settle(0, None, overdue=False, hopeless=False)
    assert not late.done()
    waiting.settle(1, None, overdue=False, hopeless=False)
    assert late.result(0).index == 0


def test_where_nothing_can_come_any_more_all_are_told_at_once_but_those_who_have_it() -> None:
    waiting = Waiters()
    has_it, patient, overdue = callers(waiting, FAR_OFF, FAR_OFF, LONG_PAST)
    waiting.settle(1, StoreCorrupt("the log has stopped"), overdue=False, hopeless=True)
    assert has_it.result(0).index == 0
    assert {type(each.exception(0)) for each in (patient, overdue)} == {StoreCorrupt}


def test_who_waits_in_vain_for_another_process_hears_that_the_entry_is_sequenced() -> None:
    waiting = Waiters()
    (late,) = callers(waiting, LONG_PAST)
    waiting.settle(0, None, overdue=True, hopeless=False)
    assert isinstance(late.exception(0), StoreUnavailable)
    assert "sequenced, but not published yet" in str(late.exception(0))
