"""Voting: the pairs of a search are those that a comparison with every feature gives, however the lists are divided."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.search import segment as segments
from registry.search import voting
from registry.search.segment import KEY_SIGNS, About, Segment
from tests.unit.registry.test_shard import codes, row

ABOUT = About("", 0, 0, 30, 30, -1)


@pytest.fixture(scope="module")
def segment() -> Segment:
    """Thirty registrations of forty words, in lists of two to four features: words are divided, unlike each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "LIST", 4)
        made = segments.in_memory(ABOUT, [row(index) for index in range(30)])
    bits = segments.bits_of(np.arange(40), made.tables)
    assert len(set(bits.tolist())) > 1
    return made


def by_hand(segment: Segment, asked: np.ndarray) -> set[tuple[int, int]]:
    words, signs, _, _ = segment.columns()
    bits = segments.bits_of(words, segment.tables)
    found = set()
    for query, (word, own, *_) in enumerate(asked.tolist()):
        for place in np.flatnonzero(words == word).tolist():
            apart = own ^ int(signs[place])
            flips = sum(apart >> sign & 1 for sign in KEY_SIGNS[: bits[place]])
            if apart.bit_count() <= voting.MAX_APART and flips <= voting.FLIPS:
                found.add((query, place))
    return found


def near(segment: Segment, asked: np.ndarray) -> set[tuple[int, int]]:
    lists = voting.probe(segment, asked, segments.prefixes(asked["signs"]))
    votes = voting._near(segment, asked, np.ones(len(asked), np.bool_), *lists)
    pairs = list(zip(votes.query.tolist(), votes.place.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


@settings(max_examples=30, deadline=None)
@given(
    index=st.integers(0, 29),
    seed=st.integers(0, 99),
    flipped=st.integers(0, 20),
    at_once=st.sampled_from([1, 7, 65_536]),
)
def test_the_pairs_are_those_of_a_comparison_with_every_feature(
    segment: Segment, index: int, seed: int, flipped: int, at_once: int
) -> None:
    asked, random = codes(index), np.random.default_rng(seed)
    for feature in asked:
        for place in random.choice(64, flipped, replace=False).tolist():
            feature["signs"] ^= np.uint64(1 << place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voting, "_AT_ONCE", at_once)
        assert near(segment, asked) == by_hand(segment, asked)


def test_a_feature_finds_itself_in_its_list(segment: Segment) -> None:
    words, signs, _, _ = segment.columns()
    lists = segments.list_of(words, segments.prefixes(signs), segment.tables)
    places = np.arange(len(segment))
    assert (segment.starts[lists] <= places).all()
    assert (places < segment.starts[lists + 1]).all()


def test_no_features_find_nothing(segment: Segment) -> None:
    assert voting.propose([segment], codes(3)[:0]) == ([], 0)
    assert voting.propose([], codes(3)) == ([], 0)
    empty = segments.in_memory(ABOUT, [])
    assert voting.propose([empty], codes(3)) == ([], 0)


def test_a_search_that_would_compare_too_much_leaves_out_the_commonest_features(segment: Segment) -> None:
    found, left_out = voting.propose([segment], codes(7), most=10**6)
    assert left_out == 0
    few, cut = voting.propose([segment], codes(7), most=200)
    assert 0 < cut < len(codes(7))
    assert few[0].index == found[0].index == 7
    assert few[0].votes == len(codes(7)) - cut
