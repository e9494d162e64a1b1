"""The scan: what lies beyond the index's exact radius is still proposed, nearest first."""

from pathlib import Path

import numpy as np
import pytest

from registry.codes import Codes
from registry.index import RADIUS, SimilarityIndex
from registry.scan import MAX_PROPOSED, REACH, NearestScan
from registry.store import Session, Store
from tests.unit.registry.test_index import asset, digest, flipped, register


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
        assert SimilarityIndex().candidates(session, [query], 100) == []
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
    assert (found.record_id, found.distance, found.orientation) == (digest(3), 3, 1)
    store.close()


def test_unrelated_and_structureless_pictures_propose_nothing(store: Store, codes: list[bytes]) -> None:
    unrelated = bytes(np.random.default_rng(8).integers(0, 256, 32, dtype=np.uint8))
    with store.read() as session:
        assert NearestScan(Codes()).candidates(session, [unrelated], 100) == []
        assert NearestScan(Codes()).candidates(session, [codes[0]], 49) == []
    assert REACH < 128
    store.close()
