"""How far a search goes: what is compared, what is looked at again, and when enough is explained."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from provenance.errors import CountermarkError
from provenance.media.comparison import Box, Comparison, Region, Transform
from provenance.media.comparison.comparison import ReferenceKind
from provenance.media.fingerprints import Fingerprints
from provenance.media.local_features import LocalFeatures
from provenance.media.media import Pixels
from provenance.verification.lookups import MAX_LEAD_DISTANCE, MIN_PDQ_QUALITY, Lookups
from provenance.verification.matcher import (
    LIKELY_FEATURES,
    MAX_COMPARED_OF_A_PART,
    MAX_LOOKED_AGAIN,
    MAX_UNEXPLAINED,
    MIN_LOCAL_FEATURES,
    SimilaritySearch,
)
from provenance.verification.registrations import Candidate, Proposed, Reference, Registrations

CANONICAL = cast(Pixels, np.zeros((1, 1, 3), np.uint8))
SPOT = Box(0, 0, 0.1, 0.1)
PLACED = Transform(False, 0.0, 1.0, Box(0, 0, 1, 1), (1, 0, 0, 0, 1, 0, 0, 0, 1))
STORED: ReferenceKind = "stored picture"
THE_SAME = Comparison(True, 40, PLACED, (), False, 1.0, None, "test")
ELSEWHERE = replace(THE_SAME, verified=False, transform=None)
LAYOUT = replace(THE_SAME, layout_only=True)


def differing(*areas: float) -> Comparison:
    return replace(THE_SAME, regions=tuple(Region("differs", SPOT, SPOT, area, 0.9) for area in areas))


@dataclass
class Registered:
    """Pictures of which a sketch and the stored picture are kept; a sketch has its record's id for its bytes."""

    number: int
    agreeing: int = LIKELY_FEATURES

    def candidates(self) -> list[Candidate]:
        return [
            Candidate(bytes([number]) * 32, None, f"publisher {number}", agreeing=self.agreeing)
            for number in range(self.number)
        ]

    def by_fingerprint(self, _orientations: object, _quality: int) -> list[Candidate]:
        return []

    def by_local_features(self, _features: object) -> Proposed:
        return Proposed(self.candidates())

    def reference(self, record_id: bytes) -> Reference:
        return Reference(record_id, None)

    def original(self, record_id: bytes) -> bytes:
        return b"the stored picture of " + record_id


@dataclass
class Eye:
    """Sees the same in all that it is shown, of which it keeps a list; each picture it looks at has one part."""

    sees: Comparison
    parts: int = 1
    compared: list[tuple[Reference, int | None]] = field(default_factory=list)
    described: int = 0

    def compare(
        self, _query: Pixels, references: Sequence[Reference], part: int | None = None
    ) -> Sequence[Comparison | CountermarkError]:
        self.compared += [(reference, part) for reference in references]
        return [self.sees if each.original is None else replace(self.sees, reference=STORED) for each in references]

    def describe(self, _query: Pixels) -> LocalFeatures:
        self.described += 1
        return LocalFeatures(bytes(96), bytes(96))

    def describe_parts(self, _query: Pixels, _left_open: object) -> Sequence[Any]:
        return [SimpleNamespace(count=100)] * self.parts


def search(
    eye: Eye, number: int = 1, agreeing: int = LIKELY_FEATURES, **how: Any
) -> tuple[SimilaritySearch, Registered, Lookups]:
    registered = Registered(number, agreeing)
    lookups = Lookups(cast(Registrations, registered))
    return SimilaritySearch(lookups, eye, CANONICAL, **how), registered, lookups


@pytest.mark.parametrize(
    ("areas", "enough"),
    [
        ((), True),
        ((MAX_UNEXPLAINED * 0.99,), True),
        ((MAX_UNEXPLAINED,), False),
        ((0.019,), False),  # an inset of a fifth of its sides, where it is tall and the picture wide
        ((0.01,), True),
        ((MAX_UNEXPLAINED * 0.6, MAX_UNEXPLAINED * 0.6), False),  # together they are too much
    ],
)
def test_a_picture_is_searched_for_by_parts_from_one_and_a_half_percent_on_that_no_match_explains(
    areas: Sequence[float], enough: bool
) -> None:
    eye = Eye(differing(*areas))
    looking, registered, _ = search(eye)
    looking.compare(registered.candidates())
    looking.search_by_local_features()
    assert (eye.described == 0) is enough


def test_a_layout_in_common_explains_nothing() -> None:
    eye = Eye(LAYOUT)
    looking, registered, _ = search(eye)
    looking.compare(registered.candidates())
    looking.search_by_local_features()
    assert eye.described == 1


def test_a_thorough_search_goes_on_whatever_explains_the_picture() -> None:
    eye = Eye(THE_SAME)
    looking, registered, _ = search(eye, thorough=True)
    looking.compare(registered.candidates())
    looking.search_by_local_features()
    assert eye.described == 1


@pytest.mark.parametrize("number", [MAX_COMPARED_OF_A_PART, MAX_COMPARED_OF_A_PART + 1])
def test_each_part_is_compared_with_two_pictures_and_what_is_left_out_is_said(number: int) -> None:
    eye = Eye(ELSEWHERE, parts=2)
    looking, registered, lookups = search(eye, number)
    looking.search_parts()
    nearest = registered.candidates()[:MAX_COMPARED_OF_A_PART]
    expected = [(each.record_id, part) for part in (0, 1) for each in nearest]
    assert [(reference.sketch, part) for reference, part in eye.compared] == expected
    said = [each.why for each in lookups.left_out() if each.what == "further candidates"]
    assert len(said) == number - MAX_COMPARED_OF_A_PART
    assert all("the nearest 2" in why for why in said)


@pytest.mark.parametrize(("distance", "compared"), [(MAX_LEAD_DISTANCE, 1), (MAX_LEAD_DISTANCE + 1, 0), (None, 0)])
def test_with_its_colours_inverted_a_picture_is_compared_with_the_near_ones_alone(
    distance: int | None, compared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    eye, asked = Eye(ELSEWHERE), []
    looking, registered, _ = search(eye)
    (candidate,) = registered.candidates()

    def by_fingerprint(pdq_orientations: Sequence[bytes], _quality: int) -> list[Candidate]:
        asked.extend(pdq_orientations)
        return [replace(candidate, distance=distance)]

    monkeypatch.setattr(registered, "by_fingerprint", by_fingerprint, raising=False)
    looking.search_inverted([b"\x0f\x00"], MIN_PDQ_QUALITY - 1)
    assert not asked
    looking.search_inverted([b"\x0f\x00"], MIN_PDQ_QUALITY)
    assert asked == [b"\xf0\xff"]
    assert len({reference.sketch for reference, _ in eye.compared}) == compared


PRINTS = cast(Fingerprints, SimpleNamespace(recoloured_by=(), pdq_dihedral=(bytes(32),) * 8, pdq_quality=100))


@pytest.mark.parametrize(("agreeing", "compared"), [(MIN_LOCAL_FEATURES - 1, 0), (MIN_LOCAL_FEATURES, 2)])
def test_a_picture_that_nobody_registered_is_compared_with_two_at_most(agreeing: int, compared: int) -> None:
    eye = Eye(ELSEWHERE, parts=2)
    looking, _, lookups = search(eye, 6, agreeing)
    looking.run(PRINTS)
    assert len(eye.compared) == compared
    assert all(reference.original is None for reference, _ in eye.compared)
    assert not [each for each in lookups.left_out() if each.what == "further candidates"]


def test_what_is_unlikely_is_compared_while_nothing_explains_the_picture_and_no_longer() -> None:
    eye = Eye(THE_SAME)
    looking, registered, lookups = search(eye, 6, LIKELY_FEATURES - 1)
    looking.run(PRINTS)
    first = registered.candidates()[0].record_id
    assert list(lookups.hits) == [first]
    assert looked_at_in_detail(eye) == [first]


def test_the_picture_before_an_edit_is_compared_though_another_explains_the_picture() -> None:
    eye = Eye(THE_SAME)
    looking, registered, lookups = search(eye, 2)
    edited, before = registered.candidates()
    proposed = [replace(edited, distance=4, agreeing=0), replace(before, distance=MAX_LEAD_DISTANCE + 1, agreeing=0)]
    cast(Any, registered).by_fingerprint = lambda *_: proposed
    looking.run(PRINTS)
    assert list(lookups.hits) == [edited.record_id, before.record_id]


def test_all_that_is_likely_is_compared_whatever_the_first_explains() -> None:
    eye = Eye(THE_SAME)
    looking, registered, lookups = search(eye, 3)
    looking.run(PRINTS)
    assert list(lookups.hits) == [each.record_id for each in registered.candidates()]


def looked_at_in_detail(eye: Eye) -> list[bytes]:
    return [reference.sketch for reference, _ in eye.compared if reference.original is not None]


@pytest.mark.parametrize("further", [MAX_LOOKED_AGAIN, MAX_LOOKED_AGAIN + 1])
def test_of_matches_that_cover_as_much_two_more_are_compared_with_their_stored_pictures(further: int) -> None:
    eye = Eye(THE_SAME)
    looking, registered, _ = search(eye, 1 + further)
    looking.compare(registered.candidates())
    first = [each.record_id for each in registered.candidates()][:1]
    assert looked_at_in_detail(eye) == first
    looking.compare_stored_pictures()
    looked = looked_at_in_detail(eye)
    assert looked[:1] == first
    assert len(looked) == len(set(looked)) == 1 + MAX_LOOKED_AGAIN


def test_one_more_is_looked_at_again_for_each_that_shares_a_layout_alone() -> None:
    eye = Eye(THE_SAME)
    looking, registered, _ = search(eye, 1 + MAX_LOOKED_AGAIN + 3)
    *matching, layout = registered.candidates()
    looking.compare(matching)
    eye.sees = LAYOUT
    looking.compare([layout])
    eye.sees = THE_SAME
    looking.compare_stored_pictures()
    assert len(looked_at_in_detail(eye)) == 1 + MAX_LOOKED_AGAIN + 1
