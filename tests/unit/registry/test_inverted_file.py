"""The inverted file: registrations that share features with a picture, also with a part of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.media.local_features import CODE, LocalFeatures
from registry.database import Session, Store, entries, events, local_features
from registry.database.entries import NewEntry
from registry.search.inverted_file import MAX_APART, MAX_PROPOSED, MIN_VOTES, InvertedFile

FEATURES = 60


def codes(seed: int, number: int = FEATURES) -> np.ndarray:
    random = np.random.default_rng(seed)
    made = np.empty(number, CODE)
    made["word"] = random.integers(0, 128 * 128, number)
    made["signs"] = random.integers(0, 2**64, number, dtype=np.uint64)
    made["direction"], made["size"] = random.integers(0, 256, number), random.integers(60, 100, number)
    return made


def query(upright: np.ndarray, mirrored: np.ndarray | None = None) -> LocalFeatures:
    return LocalFeatures(upright.tobytes(), codes(999).tobytes() if mirrored is None else mirrored.tobytes())


def register(store: Store, pictures: dict[int, np.ndarray]) -> None:
    def rows(session: Session) -> None:
        for index, made in pictures.items():
            local_features.insert(session, index, made.tobytes())

    store.write(rows).result()


def found(store: Store, file: InvertedFile, features: LocalFeatures) -> list[int]:
    with store.read() as session:
        return [proposal.index for proposal in file.candidates(session, features)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    register(opened, {index: codes(index) for index in range(40)})
    yield opened
    opened.close()


def test_a_part_of_a_picture_leads_to_it(store: Store) -> None:
    assert found(store, InvertedFile(), query(codes(7)[:10])) == [7]


def test_a_mirrored_part_leads_to_it(store: Store) -> None:
    assert found(store, InvertedFile(), query(codes(500), codes(7)[:10])) == [7]


def test_a_collage_leads_to_all_its_pictures(store: Store) -> None:
    collage = np.concatenate([codes(index)[:20] for index in (3, 11, 25, 30)])
    assert sorted(found(store, InvertedFile(), query(collage))) == [3, 11, 25, 30]


def test_a_picture_that_shares_nothing_leads_nowhere(store: Store) -> None:
    assert found(store, InvertedFile(), query(codes(1000))) == []
    assert found(store, InvertedFile(), query(codes(1000)[:0], codes(1000)[:0])) == []


def test_signs_decide_and_not_the_word_alone(store: Store) -> None:
    near, far = codes(7)[:20], codes(7)[:20]
    near["signs"] ^= np.uint64(2**MAX_APART - 1)
    far["signs"] ^= np.uint64(2 ** (MAX_APART + 1) - 1)
    assert found(store, InvertedFile(), query(near)) == [7]
    assert found(store, InvertedFile(), query(far)) == []


def test_features_count_together_only_where_they_turn_and_grow_alike(store: Store) -> None:
    turned = codes(7)
    turned["direction"] += 100
    turned["size"] += 32
    scattered = codes(7)
    scattered["direction"] += np.arange(FEATURES, dtype=np.uint8) * 64
    scattered["size"] += np.arange(FEATURES, dtype=np.uint8) % 15 * 8
    with store.read() as session:
        (whole,) = InvertedFile().candidates(session, query(turned))
        parts = InvertedFile().candidates(session, query(scattered))
    assert whole.votes == FEATURES
    assert all(proposal.votes < FEATURES / 3 for proposal in parts)


def test_one_feature_that_is_repeated_is_one_vote(store: Store) -> None:
    assert found(store, InvertedFile(), query(np.repeat(codes(7)[: MIN_VOTES - 1], 20))) == []


def test_no_more_are_proposed_than_are_compared(store: Store) -> None:
    register(store, {index: codes(7) for index in range(100, 120)})
    assert len(found(store, InvertedFile(), query(codes(7)))) == MAX_PROPOSED


def test_a_registration_is_found_by_the_next_search_and_an_erased_one_is_not(store: Store) -> None:
    file = InvertedFile()
    assert found(store, file, query(codes(77))) == []
    register(store, {77: codes(77)})
    assert found(store, file, query(codes(77))) == [77]

    def erase(session: Session) -> None:
        local_features.remove(session, 77)
        entries.append(session, [NewEntry(77, b"", b"", 0, bytes(32), "asset.registered", b"")])
        events.add(session, bytes(32), 300, "record.erased")

    store.write(erase).result()
    assert found(store, file, query(codes(77))) == []
    with store.read() as session:
        assert all(77 not in segment.owners for segment in file.catch_up(session))


def test_one_that_is_revealed_late_is_found_where_it_stands_in_the_log(store: Store) -> None:
    file = InvertedFile()
    register(store, {90: codes(90)})
    assert found(store, file, query(codes(77))) == []

    def reveal(session: Session) -> None:
        local_features.insert(session, 77, codes(77).tobytes())
        entries.append(session, [NewEntry(77, b"", b"", 0, bytes(32), "asset.registered", b"{}")])
        events.add(session, bytes(32), 300, "asset.revealed")

    store.write(reveal).result()
    assert found(store, file, query(codes(77))) == [77]
    assert found(store, file, query(codes(77))) == [77]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.integers(1, 9), min_size=1, max_size=8), asked=st.integers(200, 210))
def test_the_answers_do_not_depend_on_when_the_file_caught_up(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], asked: int
) -> None:
    store = Store.open(tmp_path_factory.mktemp("store") / "data")
    grown, index = InvertedFile(), 200
    for size in batches:
        register(store, {each: codes(each) for each in range(index, index + size)})
        index += size
        found(store, grown, query(codes(asked)))
    with store.read() as session:
        one = grown.candidates(session, query(codes(asked)[:20]))
        other = InvertedFile().candidates(session, query(codes(asked)[:20]))
    store.close()
    assert one == other
