"""The view of what resembles what: what is named where there is more than can be, and who is waited for."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.limits import MAX_RESEMBLING
from registry.database import Session, Store, resemblances
from registry.database.resemblances import Compared, Pair
from registry.database.tables import Asset, Publisher


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data", database)
    yield opened
    opened.close()


def digest(index: int, what: str) -> bytes:
    return hashlib.sha256(f"{what} {index}".encode()).digest()


def add(session: Session, index: int, publisher: str, rendition_of: bytes | None = None) -> bytes:
    """A registration that waits to be compared."""
    if session.get(Publisher, publisher) is None:
        session.add(Publisher(id=publisher, name=publisher.title(), established="x", detail="x"))
        session.flush()
    row = Asset(
        record_id=digest(index, "record"),
        index=index,
        publisher_id=publisher,
        media_sha256=digest(index, "media"),
        pixels_sha256=digest(index, "pixels"),
        claims_digest=digest(index, "claims"),
        media_type="image/jpeg",
        width=1,
        height=1,
        phash=bytes(8),
        pdq=bytes(32),
        pdq_quality=90,
        sketch_sha256=digest(index, "sketch"),
        thumbnail_sha256=digest(index, "thumbnail"),
        logged_at_ms=index,
    )
    session.add(row)
    session.flush()
    resemblances.enqueue(session, row, rendition_of, 0)
    return row.record_id


def keep(session: Session, index: int, *older: int) -> None:
    pairs = [Pair(each, "MATCH_WITH_DIFFERENCES", True, "1 region differs", None) for each in older]
    resemblances.save(session, index, pairs, method="a method", left_out=[("a part", "no time")])


def test_one_publishers_many_leave_a_place_to_each_other_one_and_the_number_is_told(store: Store) -> None:
    crowd = MAX_RESEMBLING + 10

    def fill(session: Session) -> None:
        for index in range(crowd):
            add(session, index, "rival")
        add(session, crowd, "daily")
        add(session, crowd + 1, "hijacker")
        keep(session, crowd + 1, *range(crowd + 1))

    store.write(fill).result()
    with store.read() as session:
        found = resemblances.older_of_others(session, crowd + 1, "hijacker", MAX_RESEMBLING)
        rows = found.rows
        back = resemblances.of(session, crowd, MAX_RESEMBLING).rows
    assert (found.method, found.left_out) == ("a method", '[["a part", "no time"]]')
    assert len(rows) == MAX_RESEMBLING
    assert (rows[-1].publisher_id, rows[-1].older, rows[-1].newer) == ("daily", crowd + 1, 0)
    assert [row.other for row in rows] == sorted(row.other for row in rows)
    assert [(row.other, row.older, row.newer) for row in back] == [(crowd + 1, 0, 1)]


def test_renditions_count_as_one_and_only_of_their_own_publisher(store: Store) -> None:
    def fill(session: Session) -> None:
        first = add(session, 0, "daily")
        second = add(session, 1, "daily", rendition_of=first)
        add(session, 2, "daily", rendition_of=second)
        add(session, 3, "rival", rendition_of=first)
        add(session, 4, "hijacker")
        keep(session, 4, 0, 1, 2, 3)

    store.write(fill).result()
    with store.read() as session:
        rows = resemblances.of(session, 4, MAX_RESEMBLING).rows
    assert [(row.other, row.copies, row.older) for row in rows] == [(0, 3, 2), (3, 1, 2)]


def test_what_waits_is_claimed_by_one_and_taken_up_by_another_when_its_time_is_over(store: Store) -> None:
    def fill(session: Session) -> None:
        for index in range(3):
            add(session, index, "daily")
        keep(session, 1)

    store.write(fill).result()
    claim = store.write(lambda session: resemblances.claim(session, 1_000, 2_000, 10)).result()
    assert list(claim) == [0, 2]
    assert not store.write(lambda session: resemblances.claim(session, 1_999, 3_000, 10)).result()
    assert list(store.write(lambda session: resemblances.claim(session, 2_000, 3_000, 1)).result()) == [0]
    store.write(resemblances.release).result()
    assert list(store.write(lambda session: resemblances.claim(session, 1_000, 2_000, 10)).result()) == [0, 2]


def test_what_was_erased_meanwhile_is_not_kept(store: Store) -> None:
    def fill(session: Session) -> None:
        add(session, 0, "daily")
        add(session, 1, "rival")
        add(session, 2, "hijacker")

    def erase(session: Session, index: int) -> None:
        resemblances.forget(session, index)
        session.delete(session.get(Asset, digest(index, "record")))
        session.flush()

    store.write(fill).result()
    store.write(lambda session: erase(session, 0)).result()
    store.write(lambda session: keep(session, 2, 0, 1)).result()
    with store.read() as session:
        assert [row.other for row in resemblances.of(session, 2, MAX_RESEMBLING).rows] == [1]
    store.write(lambda session: erase(session, 2)).result()
    store.write(lambda session: keep(session, 2, 1)).result()
    with store.read() as session:
        assert resemblances.progress(session, 2) is None
        assert resemblances.of(session, 2, MAX_RESEMBLING) == Compared()
        assert resemblances.of(session, 1, MAX_RESEMBLING) == Compared()  # it waits
        assert resemblances.orphans(session) == 0
