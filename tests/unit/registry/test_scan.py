"""The scan: what lies beyond the index's exact radius is still proposed, nearest first."""

from pathlib import Path

import numpy as np
import pytest

from provenance.statement.record import AssetRegistered, AssetRevealed, RecordErased
from registry.database import Asset, Session, Store, assets, entries, events
from registry.database.entries import NewEntry
from registry.search import scan as scanning
from registry.search.codes import RADIUS, Codes
from registry.search.multi_index import MultiIndex
from registry.search.scan import MAX_PROPOSED, REACH, NearestScan
from tests.unit.registry.test_multi_index import asset, digest, flipped, register


@pytest.fixture
def codes() -> list[bytes]:
    return [bytes(row) for row in np.random.default_rng(7).integers(0, 256, (300, 32), dtype=np.uint8)]


@pytest.fixture
def store(tmp_path: Path, codes: list[bytes]) -> Store:
    opened = Store.open(tmp_path / "data")
    opened.write(lambda session: register(session, *(asset(index, code) for index, code in enumerate(codes)))).result()
    return opened


def test_a_copy_beyond_the_exact_radius_is_proposed(store: Store, codes: list[bytes]) -> None:
    query = flipped(codes[42], list(range(0, 2 * 78, 2)))
    with store.read() as session:
        assert MultiIndex(Codes()).candidates(session, [query], 100) == []
        (found,) = NearestScan(Codes()).candidates(session, [query], 100)
    assert (found.record_id, found.distance) == (digest(42), 78)
    assert found.distance > RADIUS
    store.close()


def test_the_nearest_come_first_and_no_more_than_are_worth_comparing(store: Store, codes: list[bytes]) -> None:
    def near(session: Session) -> None:
        register(session, *(asset(1000 + bits, flipped(codes[7], list(range(bits)))) for bits in (40, 10, 30, 20, 50)))

    store.write(near).result()
    with store.read() as session:
        found = NearestScan(Codes()).candidates(session, [codes[7]], 100)
    assert [candidate.distance for candidate in found] == [0, 10, 20, 30]
    assert len(found) == MAX_PROPOSED
    store.close()


def test_a_search_among_the_older_registrations_is_not_crowded_out_by_newer_ones(
    store: Store, codes: list[bytes]
) -> None:
    store.write(lambda session: register(session, *(asset(1000 + number, codes[7]) for number in range(100)))).result()
    held = Codes()
    with store.read() as session:
        for index in (MultiIndex(held), NearestScan(held)):
            (found,) = index.candidates(session, [codes[7]], 100, range(300))
            assert (found.record_id, found.distance) == (digest(7), 0)
    store.close()


def test_a_registration_is_found_by_the_next_search(store: Store) -> None:
    scan, code = NearestScan(Codes()), bytes(range(32))
    with store.read() as session:
        assert scan.candidates(session, [code], 100) == []
    store.write(lambda session: register(session, asset(5000, code))).result()
    with store.read() as session:
        assert [found.record_id for found in scan.candidates(session, [code], 100)] == [digest(5000)]
    store.close()


def test_a_turned_picture_is_found_by_the_orientation_that_fits(store: Store, codes: list[bytes]) -> None:
    with store.read() as session:
        (found,) = NearestScan(Codes()).candidates(session, [bytes(32), flipped(codes[3], [1, 2, 3])], 100)
    assert (found.record_id, found.distance) == (digest(3), 3)
    store.close()


def test_unrelated_and_structureless_pictures_propose_nothing(store: Store, codes: list[bytes]) -> None:
    unrelated = bytes(np.random.default_rng(8).integers(0, 256, 32, dtype=np.uint8))
    with store.read() as session:
        assert NearestScan(Codes()).candidates(session, [unrelated], 100) == []
        assert NearestScan(Codes()).candidates(session, [codes[0]], 49) == []
    assert REACH < 128
    store.close()


def test_what_is_revealed_later_is_found_at_its_own_place_in_the_log(store: Store) -> None:
    held, code = Codes(), bytes(range(32))
    scan = NearestScan(held)
    with store.read() as session:
        held.catch_up(session)

    def reveal(session: Session) -> None:
        # Index 150 of the log is free: what stood there was sealed when the scan looked last.
        row = session.get(Asset, digest(150))
        assert row is not None
        assets.delete(session, row)
        register(session, asset(150, code))
        entries.append(session, [NewEntry(150, b"", b"", 0, digest(150), AssetRegistered.TYPE, b"{}")])
        events.add(session, digest(150), 301, AssetRevealed.TYPE)

    store.write(reveal).result()
    with store.read() as session:
        (found,) = scan.candidates(session, [code], 100)
        again = scan.candidates(session, [code], 100)
    assert (found.record_id, again) == (digest(150), [found])
    store.close()


def test_what_is_erased_leaves_the_memory(store: Store, codes: list[bytes]) -> None:
    held = Codes()
    scan = NearestScan(held)
    with store.read() as session:
        assert codes[9] in held.catch_up(session).codes.tobytes()

    def erase(session: Session) -> None:
        row = session.get(Asset, digest(9))
        assert row is not None
        assets.delete(session, row)
        entries.append(session, [NewEntry(9, b"", b"", 0, digest(9), AssetRegistered.TYPE, b"")])
        events.add(session, digest(9), 300, RecordErased.TYPE)

    store.write(erase).result()
    with store.read() as session:
        assert codes[9] not in held.catch_up(session).codes.tobytes()
        assert scan.candidates(session, [codes[9]], 100) == []
        assert scan.candidates(session, [codes[10]], 100)[0].record_id == digest(10)
    store.close()


def test_a_store_in_which_strangers_lie_as_near_is_not_scanned(
    store: Store, codes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = flipped(codes[42], list(range(0, 2 * 78, 2)))
    monkeypatch.setattr(scanning, "MAX_SCANNED", len(codes) - 1)
    with store.read() as session:
        assert NearestScan(Codes()).candidates(session, [query], 100) == []
        monkeypatch.setattr(scanning, "MAX_SCANNED", len(codes))
        assert NearestScan(Codes()).candidates(session, [query], 100)[0].record_id == digest(42)
    store.close()
