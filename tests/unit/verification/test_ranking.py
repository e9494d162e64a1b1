"""Which match leads: the record that the picture has most in common with, and the finest look at it."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from provenance.media.comparison import Box, Comparison, Region, Transform
from provenance.verification.axes import Proof, Registration, Standing
from provenance.verification.evidence import Match, MatchBasis
from provenance.verification.findings.registration import value_of
from provenance.verification.ranking import coverage, detail, rank
from tests.unit.verification import pictures
from tests.unit.verification.pictures import COFFEE, MOUNTAINS, ROCKET, photo
from tests.unit.verification.simulator import open_registry

WHOLE = Box(0, 0, 1, 1)
SPOT = Box(0.3, 0.3, 0.36, 0.36)
SMALL, LARGE = Region("differs", SPOT, SPOT, 0.004, 0.9), Region("differs", SPOT, SPOT, 0.2, 0.9)
HALF_OUTSIDE = Region("outside", Box(0, 0.5, 1, 1), None, 0.5, 1.0)


@pytest.fixture(scope="module")
def some() -> Match:
    registry = open_registry("daily")
    registry.register("daily", photo(COFFEE))
    return registry.verify(photo(COFFEE)).matches[0]


def compared(*regions: Region, scale: float = 1.0, crop: Box = WHOLE, kind: str = "sketch") -> Comparison:
    placed = Transform(False, 0.0, scale, crop, (1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Comparison(True, 40, placed, regions, False, 0.95, None, "test", kind)  # type: ignore[arg-type]


def leading(some: Match, *comparisons: Comparison | MatchBasis) -> Sequence[int]:
    """Numbers of the comparisons in the order of their matches, whatever the order of their records."""
    orders = set()
    for turned in itertools.permutations(range(len(comparisons))):
        matches = [
            replace(some, index=index, basis=each, comparison=None)
            if isinstance(each := comparisons[number], MatchBasis)
            else replace(some, index=index, basis=MatchBasis.COMPARISON, comparison=each)
            for index, number in enumerate(turned)
        ]
        orders.add(tuple(turned[match.index] for match in rank(matches)))
    assert len(orders) == 1, "the order hangs on the log"
    return orders.pop()


def test_a_record_that_is_shown_whole_leads_one_of_which_a_part_is_shown(some: Match) -> None:
    page = compared(scale=2.5, crop=Box(0.1, 0.1, 0.5, 0.5))
    assert leading(some, page, compared(LARGE)) == (1, 0)


def test_a_picture_of_the_same_frame_leads_one_that_is_shown_inside_it(some: Match) -> None:
    inside = compared(Region("outside", WHOLE, None, 0.75, 1.0), scale=0.5)
    assert leading(some, inside, compared()) == (1, 0)


def test_of_equal_coverage_what_was_compared_in_more_detail_leads_though_it_differs(some: Match) -> None:
    assert leading(some, compared(), compared(LARGE, kind="stored picture")) == (1, 0)


def test_of_equal_detail_what_differs_least_leads(some: Match) -> None:
    assert leading(some, compared(LARGE), compared(), compared(SMALL, SMALL, SMALL, SMALL)) == (1, 2, 0)


def test_a_difference_that_a_coarse_record_could_not_show_decides_though_that_covers_more(some: Match) -> None:
    page = compared()
    on_it = compared(SMALL, Region("outside", WHOLE, None, 0.8, 1.0), scale=0.45)
    assert leading(some, page, on_it) == (1, 0)


def test_a_difference_that_the_coarse_record_would_have_shown_decides_nothing(some: Match) -> None:
    rendition = compared()
    older = compared(LARGE, Region("outside", WHOLE, None, 0.6, 1.0), scale=0.45)
    assert leading(some, rendition, older) == (0, 1)


def test_a_difference_outside_its_reach_does_not_overrule_a_match(some: Match) -> None:
    left = replace(compared(scale=0.5), transform=Transform(False, 0, 1.9, WHOLE, (1, 0, 0.6, 0, 1, 0, 0, 0, 1)))
    spot = Box(0.8, 0.3, 0.86, 0.36)
    right = compared(Region("differs", spot, spot, 0.004, 0.9), HALF_OUTSIDE, scale=0.5)
    assert leading(some, left, right) == (0, 1)


def test_what_is_proven_leads_and_a_layout_comes_after_a_lead(some: Match) -> None:
    layout = replace(compared(LARGE), layout_only=True)
    kinds = (layout, MatchBasis.FINGERPRINT, compared(LARGE), MatchBasis.PIXELS, MatchBasis.BYTES)
    assert leading(some, *kinds) == (4, 3, 2, 1, 0)


def test_of_matches_that_are_nearly_equal_those_that_hold_come_first_in_the_order_of_the_log(some: Match) -> None:
    near = [compared(replace(LARGE, area=area)) for area in (0.2, 0.204, 0.196, 0.2)]
    standings = (Standing.WITHDRAWN, Standing.CURRENT, Standing.CURRENT, Standing.SUPERSEDED)
    proofs = (Proof.PUBLISHED, Proof.BROKEN, Proof.PUBLISHED, Proof.PUBLISHED)
    matches = [
        replace(some, index=index, basis=MatchBasis.COMPARISON, comparison=each, standing=standing, proof=proof)
        for index, (each, standing, proof) in enumerate(zip(near, standings, proofs, strict=True))
    ]
    assert [match.index for match in rank(matches)] == [2, 0, 3, 1]


def test_coverage_is_of_both_pictures_and_detail_of_the_pixels_that_were_compared() -> None:
    assert coverage(compared()) == 1.0
    assert coverage(compared(HALF_OUTSIDE)) == pytest.approx(0.5)
    assert coverage(compared(HALF_OUTSIDE, crop=Box(0, 0, 1, 0.5))) == pytest.approx(1 / 3)
    assert detail(compared()) == 256
    assert detail(compared(scale=2.0)) == 128
    assert detail(compared(scale=0.1)) == detail(compared(kind="stored picture")) == 512


def newspaper_page(name: str) -> bytes:
    """A page whose photograph takes a fifth of it."""
    page = Image.new("RGB", (900, 1200), (250, 248, 240))
    drawn = ImageDraw.Draw(page)
    random = np.random.default_rng(4)
    for top in (*range(40, 300, 22), *range(720, 1160, 22)):
        left = 40
        while left < 820:
            width = int(random.integers(20, 90))
            drawn.rectangle((left, top, left + width, top + 9), (30, 30, 30))
            left += width + 12
    picture = pictures.opened(photo(name))
    picture.thumbnail((560, 560))
    page.paste(picture, (170, 320))
    return pictures.saved(page, quality=90)


def spotted(name: str) -> bytes:
    """A copy with dark discs all over it, which a sketch of a page would not show."""
    picture = pictures.opened(photo(name))
    random = np.random.default_rng(3)
    for _ in range(20):
        left, top, side = (*random.uniform(0.05, 0.9, 2) * picture.size, picture.width * 0.03)
        ImageDraw.Draw(picture).ellipse((left, top, left + side, top + side), fill=(20, 20, 160))
    return pictures.saved(picture, quality=85)


def slightly_painted(name: str) -> bytes:
    picture = pictures.opened(photo(name))
    width, height = picture.size
    box = (width * 60 // 100, height * 60 // 100, width * 66 // 100, height * 69 // 100)
    ImageDraw.Draw(picture).ellipse(box, fill=(20, 20, 160))
    return pictures.saved(picture, quality=85)


def test_a_photograph_that_was_painted_over_leads_to_it_and_not_to_the_page_that_once_showed_it() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    registry.register("daily", newspaper_page(MOUNTAINS))
    photograph = registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(spotted(MOUNTAINS))
    assert verdict.matches[0].record_id == photograph
    assert value_of(verdict.matches[0]) is Registration.MATCH_WITH_DIFFERENCES


def test_whatever_covers_as_much_as_the_leading_match_is_compared_with_its_stored_picture_too() -> None:
    registry = open_registry("daily", "weekly")
    stored = pictures.saved(pictures.opened(photo(MOUNTAINS)), "PNG", compress_level=1)
    painted = slightly_painted(MOUNTAINS)
    registry.register("daily", photo(MOUNTAINS), signed=stored)
    rendition = registry.register("weekly", painted, signed=pictures.saved(pictures.opened(painted), "PNG"))
    verdict = registry.verify(pictures.saved(pictures.opened(painted), quality=70))
    assert {match.comparison.reference for match in verdict.matches if match.comparison} == {"stored picture"}
    assert verdict.matches[0].record_id == rendition
    assert value_of(verdict.matches[0]) is Registration.MATCH_NO_DIFFERENCE_FOUND
