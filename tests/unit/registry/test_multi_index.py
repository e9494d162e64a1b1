"""The multi-index: the answers of a brute-force search, whatever lies in its tables or behind them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import InvalidRequest
from registry.database import Asset, Session, Store, assets, entries, events
from registry.database.entries import NewEntry
from registry.database.tables import Publisher
from registry.search import multi_index, scan
from registry.search.codes import MIN_QUALITY, PDQ, PHASH, RADIUS, Candidate, CodeMatrix, Codes, HashKind
from registry.search.multi_index import CHUNK_BITS, MAX_CANDIDATES, PERMUTATION, MultiIndex
from tests.hamming import hamming

PICTURES = 2_000


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


CHUNKS = len(multi_index._layout(PDQ))
queries_near_a_code = st.tuples(st.integers(0, PICTURES - 1), st.lists(st.integers(0, 255), unique=True, max_size=40))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(tmp_path_factory.mktemp("store"))
    store.write(lambda session: register(session, *(asset(*each) for each in enumerate(CODES)))).result()
    yield store
    store.close()


@pytest.fixture(scope="module")
def merging() -> Iterator[None]:
    """Tables from the first rows on, merged in several steps, and a tail behind them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multi_index, "MAX_TAIL", 150)
        patch.setattr(multi_index, "LONGEST_TAIL", 2_000)
        patch.setattr(multi_index, "_MERGED_AT_ONCE", 700)
        patch.setattr(multi_index, "_CHUNKED_AT_ONCE", 300)
        yield


@pytest.fixture(scope="module")
def index(filled: Store, merging: None) -> MultiIndex:
    """1,900 rows in its tables, 100 behind them."""
    made = MultiIndex(Codes())
    with filled.read() as session:
        held = made._codes.catch_up(session)
        made._merged(held.codes[:1_900])
    assert made._tables.size == 1_900
    return made


def with_code(row: Asset, kind: HashKind, code: bytes) -> Asset:
    setattr(row, kind.column, code)
    return row


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@settings(max_examples=100)
@given(st.lists(queries_near_a_code, min_size=1, max_size=8))
def test_candidates_are_exactly_those_of_a_brute_force_search(
    filled: Store, index: MultiIndex, queries: list[tuple[int, list[int]]]
) -> None:
    hashes = [flipped(CODES[number], flips) for number, flips in queries]
    with filled.read() as session:
        found = index.candidates(session, hashes, 100)
    assert found == brute_force(CODES, hashes, RADIUS)[:MAX_CANDIDATES]


@pytest.mark.parametrize("kind", [PDQ, PHASH], ids=lambda kind: kind.column)
def test_many_searches_at_once_find_what_each_would(
    store: Store, kind: HashKind, merging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi_index, "QUERIES_AT_ONCE", 16)
    monkeypatch.setattr(multi_index, "PAIRS_AT_ONCE", 1_000)
    width, generator = kind.bits // 8, np.random.default_rng(5)
    codes = [CODES[number][:width] for number in range(0, PICTURES, 2)]
    drawn = (generator.choice(kind.bits, bits, replace=False).tolist() for bits in range(kind.radius + 4) for _ in "ab")
    asked = [flipped(codes[int(generator.integers(len(codes)))], flips) for flips in drawn]
    rows = [with_code(asset(index, bytes(32)), kind, code) for index, code in enumerate(codes)]
    store.write(lambda session: register(session, *rows)).result()
    index = MultiIndex(Codes(kind))
    with store.read() as session:
        index._merged(index._codes.catch_up(session).codes[:900])
        found = index.near_each(session, asked)
        assert index.near_each(session, []) == []
    assert index._tables.size == 900
    expected = [
        [(place, apart) for apart, place in sorted((hamming(code, one), place) for place, code in enumerate(codes))]
        for one in asked
    ]
    assert found == [[(place, apart) for place, apart in near if apart <= kind.radius] for near in expected]
    assert sum(map(len, found)) > len(asked)


def test_bits_that_are_spread_as_badly_as_can_be_are_still_found(store: Store, merging: None) -> None:
    """Two or three flipped bits in every chunk, 31 in all."""
    code = bytes(range(32))
    others = np.random.default_rng(3).integers(0, 256, (200, 32), dtype=np.uint8)
    register_all = [asset(0, code), *(asset(1 + place, bytes(each)) for place, each in enumerate(others))]
    store.write(lambda session: register(session, *register_all)).result()
    worst = [
        int(PERMUTATION[chunk * CHUNK_BITS + place]) for chunk in range(CHUNKS) for place in range(2 + (chunk < 9))
    ]
    assert len(worst) == RADIUS
    index = MultiIndex(Codes())
    with store.read() as session:
        assert index.candidates(session, [flipped(code, worst)], 100) == [Candidate(digest(0), 31)]
        assert index._tables.size == 201
        assert index.candidates(session, [flipped(code, [*worst, int(PERMUTATION[255])])], 100) == []


def test_a_registration_is_found_by_the_next_search_and_after_a_restart(tmp_path: Path, database: str) -> None:
    store, index = Store.open(tmp_path / "data", database), MultiIndex(Codes())
    with store.read() as session:
        assert index.candidates(session, [b"\x55" * 32], 100) == []
    store.write(lambda session: register(session, asset(7, b"\x55" * 32))).result()
    for searching in (index, MultiIndex(Codes())):
        with store.read() as session:
            assert searching.candidates(session, [b"\x55" * 32], 100) == [Candidate(digest(7), 0)]
    store.close()


def test_a_search_does_not_wait_for_another_that_is_merging(filled: Store, merging: None) -> None:
    index = MultiIndex(Codes())
    index._lock.acquire()
    with filled.read() as session:
        found = index.candidates(session, [CODES[1_999]], 100)
    assert index._tables.size == 0
    assert found == brute_force(CODES, [CODES[1_999]], RADIUS)[:MAX_CANDIDATES]


def test_rows_that_another_search_has_merged_in_the_meantime_do_not_disturb(filled: Store, merging: None) -> None:
    codes = Codes()
    index = MultiIndex(codes)
    with filled.read() as session:
        held = codes.catch_up(session)
        index._merged(held.codes)
        fewer = CodeMatrix(held.codes[:500], held.indices[:500])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codes, "catch_up", lambda _: fewer)
            found = index.candidates(session, [CODES[499], CODES[501]], 100)
    assert found == brute_force(CODES[:500], [CODES[499], CODES[501]], RADIUS)


def test_an_erased_registration_is_found_no_more_and_its_hash_is_no_longer_held(filled: Store, merging: None) -> None:
    codes = Codes()
    index, nearest = MultiIndex(codes), scan.NearestScan(codes)
    with filled.read() as session:
        assert index.candidates(session, [CODES[40]], 100)[0] == Candidate(digest(40), 0)

    def erase(session: Session) -> None:
        row = session.get(Asset, digest(40))
        assert row is not None
        assets.delete(session, row)
        entries.append(session, [NewEntry(40, b"", b"", 0, digest(40), "asset.registered", b"")])
        events.add(session, digest(40), 10**6, "record.erased")

    filled.write(erase).result()
    with filled.read() as session:
        assert digest(40) not in {each.record_id for each in index.candidates(session, [CODES[40]], 100)}
        assert digest(40) not in {each.record_id for each in nearest.candidates(session, [CODES[40]], 100)}
        held = codes.catch_up(session)
    assert not held.codes[40].any()
    assert bytes(held.codes[41]) == CODES[41]


def test_what_another_process_has_erased_is_not_answered(store: Store) -> None:
    index = MultiIndex(Codes())
    store.write(lambda session: register(session, asset(0, CODES[0]), asset(1, CODES[0]))).result()
    with store.read() as session:
        assert len(index.candidates(session, [CODES[0]], 100)) == 2

    def erase(session: Session) -> None:
        session.delete(assets.get(session, digest(0)))

    store.write(erase).result()
    with store.read() as session:
        assert index.candidates(session, [CODES[0]], 100) == [Candidate(digest(1), 0)]


def test_pictures_with_too_little_structure_are_neither_found_nor_looked_for(store: Store) -> None:
    plain, structured = asset(0, CODES[0], MIN_QUALITY - 1), asset(1, CODES[0], MIN_QUALITY)
    store.write(lambda session: register(session, plain, structured)).result()
    index = MultiIndex(Codes())
    with store.read() as session:
        assert [each.record_id for each in index.candidates(session, [CODES[0]], MIN_QUALITY)] == [digest(1)]
        assert index.candidates(session, [CODES[0]], MIN_QUALITY - 1) == []
        assert index.candidates(session, [], 100) == []


@pytest.mark.parametrize("hashed", [bytes(31), bytes(33), b""])
def test_what_is_no_hash_is_refused(store: Store, hashed: bytes) -> None:
    with store.read() as session, pytest.raises(InvalidRequest):
        MultiIndex(Codes()).candidates(session, [hashed], 100)


def test_a_small_store_makes_no_tables(store: Store) -> None:
    store.write(lambda session: register(session, *(asset(*each) for each in enumerate(CODES[:100])))).result()
    index = MultiIndex(Codes())
    with store.read() as session:
        assert index.candidates(session, [CODES[50]], 100)[0] == Candidate(digest(50), 0)
    assert index._tables.size == 0
