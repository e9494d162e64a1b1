"""The similarity index: it proposes every registration within its radius, and nothing else."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlmodel import Session, select

from provenance.errors import InvalidRequest
from registry.database import Store
from registry.database.tables import Asset, PdqChunk, Publisher
from registry.search.index import MIN_QUALITY, PERMUTATION, RADIUS, Candidate, SimilarityIndex
from tests.hamming import hamming

PICTURES = 2_000
INDEX = SimilarityIndex()
Codes = NDArray[np.uint8]


def digest(index: int) -> bytes:
    return hashlib.sha256(index.to_bytes(8, "big")).digest()


def asset(index: int, pdq: bytes, quality: int = 100) -> Asset:
    return Asset(
        record_id=digest(index),
        index=index,
        publisher_id="daily-courier",
        media_sha256=digest(index),
        pixels_sha256=digest(index),
        claims_digest=digest(index),
        media_type="image/jpeg",
        width=640,
        height=480,
        phash=bytes(8),
        pdq=pdq,
        pdq_quality=quality,
        sketch_sha256=digest(index),
        thumbnail_sha256=digest(index),
        logged_at_ms=index,
    )


def register(session: Session, *assets: Asset) -> None:
    if session.get(Publisher, "daily-courier") is None:
        session.add(Publisher(id="daily-courier", name="The Daily Courier", established="x509", detail=""))
        session.flush()
    for each in assets:
        session.add(each)
        session.flush()
        INDEX.add(session, each)


def flipped(code: bytes, places: list[int]) -> bytes:
    bits = np.unpackbits(np.frombuffer(code, dtype=np.uint8))
    bits[places] ^= 1
    return np.packbits(bits).tobytes()


def brute_force(codes: list[bytes], queries: list[bytes], radius: int) -> list[Candidate]:
    nearest = [min(hamming(code, query) for query in queries) for code in codes]
    within = sorted((bits, index) for index, bits in enumerate(nearest) if bits <= radius)
    return [Candidate(digest(index), bits) for bits, index in within]


def draw_codes() -> list[bytes]:
    """Clusters of near codes, so that distances around the radius abound, and random ones."""
    generator = np.random.default_rng(7)
    made: list[bytes] = []
    for _ in range(PICTURES // 20):
        centre = generator.bytes(32)
        made += [centre] + [flipped(centre, generator.choice(256, k, replace=False).tolist()) for k in range(15, 33)]
        made += [generator.bytes(32)]
    return made


CODES = draw_codes()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    store = Store.open(tmp_path_factory.mktemp("store"), url)
    store.write(lambda session: register(session, *(asset(*each) for each in enumerate(CODES)))).result()
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path, database: str) -> Iterator[Store]:
    opened = Store.open(tmp_path, database)
    yield opened
    opened.close()


queries_near_a_code = st.tuples(
    st.integers(0, PICTURES - 1), st.lists(st.integers(0, 255), unique=True, max_size=40), st.integers(0, RADIUS)
)


@settings(max_examples=150)
@given(queries_near_a_code)
def test_candidates_are_exactly_those_of_a_brute_force_search(filled: Store, query: tuple[int, list[int], int]) -> None:
    number, flips, radius = query
    near = flipped(CODES[number], flips)
    with filled.read() as session:
        found = INDEX.candidates(session, [near], 100, radius=radius, limit=PICTURES)
    assert found == brute_force(CODES, [near], radius)


@settings(max_examples=40)
@given(st.lists(queries_near_a_code, min_size=2, max_size=8))
def test_all_orientations_are_searched_at_once(filled: Store, queries: list[tuple[int, list[int], int]]) -> None:
    hashes = [flipped(CODES[number], flips) for number, flips, _ in queries]
    with filled.read() as session:
        found = INDEX.candidates(session, hashes, 100, limit=PICTURES)
    assert found == brute_force(CODES, hashes, RADIUS)


def test_bits_that_are_spread_as_badly_as_can_be_are_still_found(store: Store) -> None:
    code = bytes(range(32))
    store.write(lambda session: register(session, asset(0, code))).result()
    in_every_chunk_two = [int(PERMUTATION[chunk * 16 + each]) for chunk in range(16) for each in (0, 1)]
    with store.read() as session:
        found = INDEX.candidates(session, [flipped(code, in_every_chunk_two[:-1])], 100)
        assert found == [Candidate(digest(0), 31)]
        assert INDEX.candidates(session, [flipped(code, in_every_chunk_two)], 100) == []


def test_the_nearest_come_first_and_of_equals_the_earlier(filled: Store) -> None:
    with filled.read() as session:
        everything = INDEX.candidates(session, [CODES[0]], 100, limit=PICTURES)
        few = INDEX.candidates(session, [CODES[0]], 100, limit=3)
    assert everything[0] == Candidate(digest(0), 0)
    assert [each.distance for each in everything] == sorted(each.distance for each in everything)
    assert few == everything[:3]


def test_pictures_with_too_little_structure_are_neither_found_nor_looked_for(store: Store) -> None:
    code = bytes(range(32))
    plain, structured = asset(0, code, MIN_QUALITY - 1), asset(1, code, MIN_QUALITY)
    store.write(lambda session: register(session, plain, structured)).result()
    with store.read() as session:
        assert [each.record_id for each in INDEX.candidates(session, [code], MIN_QUALITY)] == [digest(1)]
        assert INDEX.candidates(session, [code], MIN_QUALITY - 1) == []
        assert INDEX.count(session) == 1


def test_a_registration_that_fails_leaves_nothing_to_be_found(store: Store) -> None:
    def fail(session: Session) -> None:
        register(session, asset(0, bytes(32)))
        raise InvalidRequest("after the index was written")

    with pytest.raises(InvalidRequest):
        store.write(fail).result()
    with store.read() as session:
        assert INDEX.candidates(session, [bytes(32)], 100) == []
        assert INDEX.count(session) == 0


def test_a_registration_is_found_after_the_store_was_closed(tmp_path: Path) -> None:
    first = Store.open(tmp_path)
    first.write(lambda session: register(session, asset(5, b"\x55" * 32))).result()
    first.close()
    second = Store.open(tmp_path)
    with second.read() as session:
        assert INDEX.candidates(session, [b"\x55" * 32], 100) == [Candidate(digest(5), 0)]
    second.close()


def test_adding_twice_is_adding_once(store: Store) -> None:
    def twice(session: Session) -> None:
        register(session, asset(0, bytes(32)))
        INDEX.add(session, asset(0, bytes(32)))

    store.write(twice).result()
    with store.read() as session:
        assert len(session.exec(select(PdqChunk)).all()) == 16
        assert INDEX.count(session) == 1


def test_a_removed_asset_is_found_no_more(store: Store) -> None:
    def change(session: Session) -> None:
        register(session, asset(0, bytes(32)), asset(1, bytes(32)))
        INDEX.remove(session, asset(0, bytes(32)))

    store.write(change).result()
    with store.read() as session:
        assert INDEX.candidates(session, [bytes(32)], 100) == [Candidate(digest(1), 0)]


def test_a_rebuilt_index_gives_the_same_answers(filled: Store) -> None:
    def rows(session: Session) -> list[tuple[int, int]]:
        return sorted((row.chunk_key, row.asset) for row in session.exec(select(PdqChunk)).all())

    with filled.read() as session:
        before = rows(session)

    def damage_and_rebuild(session: Session) -> int:
        INDEX.remove(session, asset(3, CODES[3]))
        INDEX.add(session, asset(10**9, CODES[4]))
        return INDEX.rebuild(session)

    assert filled.write(damage_and_rebuild).result() == PICTURES
    with filled.read() as session:
        assert rows(session) == before
        assert INDEX.count(session) == PICTURES


def test_the_permutation_never_changes() -> None:
    """Stored chunks depend on it: numpy's own generator could change, and this would say so."""
    assert sorted(PERMUTATION.tolist()) == list(range(256))
    assert (
        hashlib.sha256(PERMUTATION.astype("u1").tobytes()).hexdigest()
        == "7176c03c766054234adbfcd2bf6b71a44517a24d7a153fe1e0ce13ac55b3c7fb"
    )


@pytest.mark.parametrize(("hashes", "radius"), [([bytes(32)], 32), ([bytes(32)], -1), ([bytes(31)], 31)])
def test_what_the_index_cannot_answer_exactly_is_refused(store: Store, hashes: list[bytes], radius: int) -> None:
    with store.read() as session, pytest.raises(InvalidRequest):
        INDEX.candidates(session, hashes, 100, radius=radius)


def test_no_hashes_have_no_candidates(store: Store) -> None:
    with store.read() as session:
        assert INDEX.candidates(session, [], 100) == []
