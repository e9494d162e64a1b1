"""What becomes of each entry of a batch, in the one transaction that all of them share."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import Conflict, EntryTooLarge, FrozenLog, StoreCorrupt, StoreUnavailable
from provenance.limits import MAX_RECORD_BYTES
from provenance.statement.record import LogFrozen, LogKey, Record, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.log_keys import sign_change
from provenance.transparency.note import ED25519, VerifierKey
from registry.database import Session, Store, entries, heads, idempotency
from registry.log.batch import Appended, Pending, insert
from registry.log.log_keys import KnownKeys, no_other_keys
from registry.times import to_milliseconds
from tests.logs.records import ORIGIN, START, digest, genesis, signer
from tests.patience import HUNG_SECONDS

NOW_MS = to_milliseconds(START)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def keys() -> KnownKeys:
    return KnownKeys(ORIGIN, signer("log"), no_other_keys)


def pending(number: int, **how: Any) -> Pending:
    record = b'{"n":%d,"type":"test"}' % number
    return about(record, **how)


def about(record: bytes, by: str = "daily key", **how: Any) -> Pending:
    given = {"write_views": None, "find_duplicate": None, "published": True} | how
    return Pending.of(sign_statement(record, signer(by)), record, **given)


def put(store: Store, keys: KnownKeys, *batch: Pending, now_ms: int = NOW_MS, again: bool = False) -> "Future[Any]":
    return store.write(partial(insert, batch=list(batch), now_ms=now_ms, again=again, keys=keys))


def results(future: "Future[Any]") -> list[tuple[int, bool]]:
    """(index, created) of each entry; raises what befell one."""
    outcomes = future.result(HUNG_SECONDS)
    for each in outcomes:
        if isinstance(each, Exception):
            raise each
    return [(each.index, each.created) for each in outcomes]


def size(store: Store) -> int:
    with store.read() as session:
        assert entries.size(session) == heads.read(session).size
        return entries.size(session)


def test_entries_stand_in_the_order_in_which_they_came_and_all_are_of_one_moment(store: Store, keys: KnownKeys) -> None:
    assert results(put(store, keys, pending(3), pending(1), pending(2))) == [(0, True), (1, True), (2, True)]
    with store.read() as session:
        rows = entries.between(session, 0, 10)
    assert [row.record_id for row in rows] == [pending(number).record_id for number in (3, 1, 2)]
    assert {row.logged_at_ms for row in rows} == {NOW_MS}


def test_the_same_record_twice_in_a_batch_is_one_entry_and_the_next_has_the_next_index(
    store: Store, keys: KnownKeys
) -> None:
    assert results(put(store, keys, pending(1), pending(1), pending(2))) == [(0, True), (0, False), (1, True)]
    later = put(store, keys, pending(1), now_ms=NOW_MS + 60_000).result(HUNG_SECONDS)
    assert later == [Appended(0, pending(1).record_id, START, created=False)]
    assert size(store) == 2


def test_what_is_there_when_a_lost_batch_is_written_again_is_its_own(store: Store, keys: KnownKeys) -> None:
    put(store, keys, pending(1)).result(HUNG_SECONDS)
    assert results(put(store, keys, pending(1), pending(2), again=True)) == [(0, True), (1, True)]


def test_an_entry_that_another_makes_superfluous_is_not_logged_and_that_one_is_named(
    store: Store, keys: KnownKeys
) -> None:
    first = pending(1)
    in_its_place = partial(pending, find_duplicate=lambda _: first.record_id)
    assert results(put(store, keys, first, in_its_place(2))) == [(0, True), (0, False)]
    later = put(store, keys, in_its_place(3), now_ms=NOW_MS + 60_000).result(HUNG_SECONDS)
    assert later == [Appended(0, first.record_id, START, created=False)]
    assert size(store) == 1


def test_rows_that_an_entry_brought_before_it_was_refused_go_with_it(store: Store, keys: KnownKeys) -> None:
    def claim(session: Session, index: int, _logged_at: datetime) -> None:
        idempotency.claim(session, "key", "api key", holder=str(index), now_ms=0, until_ms=1)

    def claim_and_refuse(session: Session, index: int, logged_at: datetime) -> None:
        claim(session, index, logged_at)
        raise Conflict("the title is taken")

    batch = [pending(1), pending(2, write_views=claim_and_refuse), pending(3, write_views=claim)]
    first, refused, third = put(store, keys, *batch).result(HUNG_SECONDS)
    assert (first.index, type(refused), third.index) == (0, Conflict, 1)
    assert size(store) == 2


def test_a_full_disk_in_the_middle_of_a_batch_fails_all_of_it(store: Store, keys: KnownKeys) -> None:
    def full(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with pytest.raises(StoreUnavailable, match="full"):
        put(store, keys, pending(1), pending(2, write_views=full), pending(3)).result(HUNG_SECONDS)
    assert size(store) == 0
    assert results(put(store, keys, pending(1))) == [(0, True)]


def test_a_change_of_keys_counts_for_the_next_one_in_the_same_batch(store: Store) -> None:
    log = [signer(name) for name in ("log", "log 2", "log 3")]
    vkeys = [VerifierKey(ORIGIN, ED25519, each.public_key.raw) for each in log]
    sign = {vkey: each.sign for vkey, each in zip(vkeys, log, strict=True)}
    keys = KnownKeys(ORIGIN, log[0], sign.get)
    records: list[Record] = [genesis(vkeys[0])]
    for number, (old, new) in enumerate([(vkeys[0], vkeys[1]), (vkeys[1], vkeys[2])]):
        signatures = sign_change(ORIGIN, [old], [new], sign.__getitem__)
        records.append(LogKey(digest(f"change {number}"), START, (str(new),), signatures))
    batch = [about(to_canonical(record), "operator") for record in records]
    assert results(put(store, keys, *batch)) == [(0, True), (1, True), (2, True)]
    with store.read() as session:
        keys.refresh(session)
    assert [keys.keys.at(size) for size in (1, 2, 3)] == [(vkey,) for vkey in vkeys]


def test_a_change_to_a_key_that_nobody_here_holds_is_refused_and_the_rest_of_its_batch_is_not(
    store: Store, keys: KnownKeys
) -> None:
    own, far = (VerifierKey(ORIGIN, ED25519, signer(name).public_key.raw) for name in ("log", "far"))
    signatures = sign_change(ORIGIN, [own], [far], {own: signer("log").sign, far: signer("far").sign}.__getitem__)
    change = LogKey(digest("change"), START, (str(far),), signatures)
    batch = [about(to_canonical(genesis(own)), "operator"), about(to_canonical(change), "operator"), pending(1)]
    first, refused, last = put(store, keys, *batch).result(HUNG_SECONDS)
    assert (first.index, type(refused), last.index) == (0, StoreCorrupt, 1)


def test_a_log_that_is_frozen_takes_nothing_more_and_still_finds_what_it_has(store: Store, keys: KnownKeys) -> None:
    frozen = about(to_canonical(LogFrozen(salt=bytes(32), claimed_at=START, reason="moved")), "operator")
    first, end, refused, found = put(store, keys, pending(1), frozen, pending(2), pending(1)).result(HUNG_SECONDS)
    assert (first.index, end.index, type(refused), found.index) == (0, 1, FrozenLog, 0)
    (later,) = put(store, keys, pending(2)).result(HUNG_SECONDS)
    assert isinstance(later, FrozenLog)
    assert size(store) == 2


def test_the_times_of_entries_do_not_go_back_with_the_clock(store: Store, keys: KnownKeys) -> None:
    for number, now_ms in enumerate((NOW_MS, NOW_MS - 60_000, NOW_MS - 30_000, NOW_MS + 1)):
        put(store, keys, pending(number), now_ms=now_ms).result(HUNG_SECONDS)
    with store.read() as session:
        times = [row.logged_at_ms for row in entries.between(session, 0, 10)]
    assert times == [NOW_MS, NOW_MS, NOW_MS, NOW_MS + 1]


@pytest.mark.parametrize(("length", "taken"), [(MAX_RECORD_BYTES, True), (MAX_RECORD_BYTES + 1, False)])
def test_a_record_may_be_as_long_as_the_log_takes_and_no_longer(length: int, taken: bool) -> None:
    ends = b'{"n":"', b'"}'
    record = ends[0] + b"x" * (length - len(b"".join(ends))) + ends[1]
    if taken:
        assert about(record).record == record
    else:
        with pytest.raises(EntryTooLarge):
            about(record)
