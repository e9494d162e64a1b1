"""The inverted file: registrations that share features with a picture, also with a part of it."""

import errno
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.errors import StoreUnavailable
from provenance.media.local_features import CODE, LocalFeatures
from registry.database import Session, Store, entries, events, local_features
from registry.database.entries import NewEntry
from registry.search import column_file, inverted_file
from registry.search import segment as segments
from registry.search import shard as shards
from registry.search.inverted_file import MAX_PROPOSED, InvertedFile
from registry.search.voting import MAX_APART, MAX_PAIRS, MIN_VOTES
from tests.patience import eventually

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
        return [proposal.index for proposal in file.candidates(session, features).proposals]


@pytest.fixture
def file(tmp_path: Path) -> InvertedFile:
    return InvertedFile(tmp_path / "features")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    register(opened, {index: codes(index) for index in range(40)})
    yield opened
    opened.close()


def test_a_part_of_a_picture_leads_to_it(store: Store, file: InvertedFile) -> None:
    assert found(store, file, query(codes(7)[:10])) == [7]


def test_a_mirrored_part_leads_to_it(store: Store, file: InvertedFile) -> None:
    assert found(store, file, query(codes(500), codes(7)[:10])) == [7]


def test_a_collage_leads_to_all_its_pictures(store: Store, file: InvertedFile) -> None:
    collage = np.concatenate([codes(index)[:20] for index in (3, 11, 25, 30)])
    assert sorted(found(store, file, query(collage))) == [3, 11, 25, 30]


def test_a_picture_that_shares_nothing_leads_nowhere(store: Store, file: InvertedFile) -> None:
    assert found(store, file, query(codes(1000))) == []
    assert found(store, file, query(codes(1000)[:0], codes(1000)[:0])) == []


def test_signs_decide_and_not_the_word_alone(store: Store, file: InvertedFile) -> None:
    near, far = codes(7)[:20], codes(7)[:20]
    near["signs"] ^= np.uint64(2**MAX_APART - 1)
    far["signs"] ^= np.uint64(2 ** (MAX_APART + 1) - 1)
    assert found(store, file, query(near)) == [7]
    assert found(store, file, query(far)) == []


def test_features_count_together_only_where_they_turn_and_grow_alike(store: Store, file: InvertedFile) -> None:
    turned = codes(7)
    turned["direction"] += 100
    turned["size"] += 32
    scattered = codes(7)
    scattered["direction"] += np.arange(FEATURES, dtype=np.uint8) * 64
    scattered["size"] += np.arange(FEATURES, dtype=np.uint8) % 15 * 8
    with store.read() as session:
        (whole,) = file.candidates(session, query(turned)).proposals
        parts = file.candidates(session, query(scattered)).proposals
    assert whole.votes == FEATURES
    assert all(proposal.votes < FEATURES / 3 for proposal in parts)


def test_one_feature_that_is_repeated_is_one_vote(store: Store, file: InvertedFile) -> None:
    assert found(store, file, query(np.repeat(codes(7)[: MIN_VOTES - 1], 20))) == []


def test_no_more_are_proposed_than_are_compared(store: Store, file: InvertedFile) -> None:
    register(store, {index: codes(7) for index in range(100, 120)})
    assert len(found(store, file, query(codes(7)))) == MAX_PROPOSED


def test_what_a_search_leaves_out_is_said_and_what_is_rare_is_found(store: Store, file: InvertedFile) -> None:
    common = codes(50)[:1]
    register(store, {index: np.repeat(common, MAX_PAIRS // 2_000) for index in range(100, 140)})
    with store.read() as session:
        found = file.candidates(session, query(np.concatenate([codes(7), np.repeat(common, FEATURES)])))
    assert [each.index for each in found.proposals] == [7]
    assert found.left_out is not None
    assert re.fullmatch(r"of 240 local features the [0-9]+ commonest were not looked up", found.left_out)


def test_a_search_among_the_older_registrations_is_not_crowded_out_by_newer_ones(
    store: Store, file: InvertedFile
) -> None:
    register(store, {index: codes(7) for index in range(100, 120)})
    with store.read() as session:
        among_the_older = file.candidates(session, query(codes(7)), range(40)).proposals
    assert [each.index for each in among_the_older] == [7]


def test_a_registration_is_found_by_the_next_search_and_an_erased_one_is_not(store: Store, file: InvertedFile) -> None:
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
        assert all(77 not in segment.owners for segment in file.catch_up(session)._state.all)


def test_one_that_is_revealed_late_is_found_by_files_that_were_made_before_and_after(
    store: Store, file: InvertedFile, tmp_path: Path
) -> None:
    register(store, {90: codes(90)})
    assert found(store, file, query(codes(77))) == []

    def reveal(session: Session) -> None:
        local_features.insert(session, 77, codes(77).tobytes())
        genesis = NewEntry(0, b"", b"", 0, b"\1" * 32, "log.genesis", b"{}")
        entries.append(session, [genesis, NewEntry(77, b"", b"", 0, bytes(32), "asset.registered", b"{}")])
        events.add(session, bytes(32), 300, "asset.revealed")

    store.write(reveal).result()
    again = InvertedFile(tmp_path / "again")
    for each in (file, file, again):
        assert found(store, each, query(codes(77))) == [77]
    with store.read() as session:
        votes = [each.candidates(session, query(codes(77))).proposals[0].votes for each in (file, again)]
    assert votes == [FEATURES, FEATURES]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.integers(1, 9), min_size=1, max_size=8), asked=st.integers(200, 210))
def test_the_answers_do_not_depend_on_when_the_file_caught_up(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], asked: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = Store.open(folder / "data")
    grown, index = InvertedFile(folder / "grown"), 200
    for size in batches:
        register(store, {each: codes(each) for each in range(index, index + size)})
        index += size
        found(store, grown, query(codes(asked)))
    with store.read() as session:
        one = grown.candidates(session, query(codes(asked)[:20]))
        other = InvertedFile(folder / "other").candidates(session, query(codes(asked)[:20]))
    store.close()
    assert one == other


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "TAIL", 8)
    monkeypatch.setattr(inverted_file, "AT_ONCE", 10)


@pytest.mark.usefixtures("_small")
def test_the_thread_makes_the_files_and_says_when_they_are_there(store: Store, file: InvertedFile) -> None:
    file.start(store)
    try:
        eventually(lambda: file.trouble is None and file._shard is not None and file._shard.tail < 8)
        assert file.registrations == 40
        assert found(store, file, query(codes(7)[:10])) == [7]
        for path in (file._folder / "0").glob("*.features"):
            path.unlink()
        eventually(lambda: list((file._folder / "0").glob("*.features")))
        eventually(lambda: file.trouble is None)
        assert found(store, file, query(codes(7)[:10])) == [7]
    finally:
        file.close()


@pytest.mark.usefixtures("_small")
def test_the_index_is_not_ready_while_a_lost_file_is_not_made_again(
    store: Store, file: InvertedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.tend(store)
    register(store, {index: codes(index) for index in range(40, 50)})
    file.tend(store)
    oldest = min((file._folder / "0").glob(f"*{segments.SUFFIX}"))
    monkeypatch.setattr(inverted_file.Tender, "_run", lambda _self: None)  # as if its first look were outstanding
    opened = InvertedFile(file._folder)
    oldest.unlink()
    opened.start(store)
    assert file._shard is not None
    with file._shard.tending() as elsewhere:
        assert elsewhere
        opened.tend(store)
        assert isinstance(opened.trouble, StoreUnavailable)
    opened.tend(store)
    assert opened.trouble is None
    opened.close()


@pytest.mark.usefixtures("_small")
def test_a_search_before_the_files_are_there_says_what_it_has(
    store: Store, file: InvertedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inverted_file, "WAITED_FOR", 10)
    monkeypatch.setattr(inverted_file.Tender, "_run", lambda _self: None)
    file.start(store)
    assert isinstance(file.trouble, StoreUnavailable)
    with store.read() as session:
        assert file.candidates(session, query(codes(3))).left_out == (
            "the index is being made, and has 10 registrations so far"
        )
    file.close()


@pytest.mark.usefixtures("_small")
def test_two_processes_find_what_the_other_registers_and_nothing_that_was_erased(
    store: Store, file: InvertedFile
) -> None:
    other = InvertedFile(file._folder)
    for each in (file, other):
        each.tend(store)
    register(store, {index: codes(index) for index in range(50, 60)})
    assert [found(store, each, query(codes(55))) for each in (file, other)] == [[55], [55]]

    def erase(session: Session) -> None:
        local_features.remove(session, 5)
        entries.append(session, [NewEntry(5, b"", b"", 0, bytes(32), "asset.registered", b"")])
        events.add(session, bytes(32), 300, "record.erased")

    store.write(erase).result()
    assert [found(store, each, query(codes(5))) for each in (file, other)] == [[], []]
    for each in (file, other, other):
        each.tend(store)
    for each in (file, other):
        assert each._shard is not None
        assert all(5 not in segment.owners for segment in each._shard._state.all)
    assert {each.file for each in file._shard._state.files} == {each.file for each in other._shard._state.files}


@pytest.mark.usefixtures("_small")
def test_features_that_were_made_anew_replace_the_files_of_the_old_ones(store: Store, file: InvertedFile) -> None:
    file.tend(store)

    def again(session: Session) -> None:
        local_features.replace(session, {7: codes(700).tobytes()})
        local_features.begin_generation(session)

    store.write(again).result()
    assert found(store, file, query(codes(7))) == [7]
    file.tend(store)
    assert found(store, file, query(codes(7))) == []
    assert found(store, file, query(codes(700))) == [7]
    assert [path.name for path in file._folder.iterdir()] == ["1"]


@pytest.mark.usefixtures("_small")
def test_a_folder_that_cannot_be_written_is_told_once_and_searches_go_on(
    store: Store, file: InvertedFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inverted_file, "TEND_SECONDS", 0.01)

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(segments, "write", full)
    file.start(store)
    try:
        eventually(lambda: caplog.records)
        eventually(lambda: found(store, file, query(codes(7)[:10])) == [7])
        assert len(caplog.records) == 1
        assert "no space left" in caplog.text
    finally:
        file.close()


def test_a_search_that_finds_a_large_file_damaged_says_that_it_has_not_seen_all_and_the_next_one_finds_all(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "TAIL", 5)
    monkeypatch.setattr(column_file, "READ_AT_OPENING", 0)
    folder = tmp_path / "features"
    InvertedFile(folder).tend(store)
    (path,) = folder.rglob(f"*{segments.SUFFIX}")
    data = path.read_bytes()
    path.write_bytes(data.replace(codes(7)["signs"][:1].tobytes(), bytes(8), 1))
    file = InvertedFile(folder)
    with store.read() as session:
        seen = file.candidates(session, query(codes(7)))
    assert seen.left_out is not None
    assert "is being made" in seen.left_out
    assert found(store, file, query(codes(7))) == [7]
    with store.read() as session:
        assert file.candidates(session, query(codes(7))).left_out is None
