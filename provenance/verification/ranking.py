"""Ranking: which of several matches leads, and in what order the others follow.

What is proven comes first. Of matches by comparison that one leads whose record and picture have most in common; of
equals, what was compared in more detail; of equals, what differs least. Measures that are nearly equal are equal: then
those that are proven and not taken back come first, each in log order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from provenance.limits import CANONICAL_SIDE, SKETCH_SIDE
from provenance.media.comparison import Box, Comparison
from provenance.statement.appearance_digest import AppearanceMatch
from provenance.verification.axes import Proof, Standing
from provenance.verification.evidence import Match, MatchBasis

SAME_COVERAGE = 0.1
"""Fractions of both pictures that are nearly equal: two renditions of one picture, aligned, are closer than that."""

SAME_DETAIL = 0.25
"""Fraction by which two references may differ in pixels a side, and show nearly the same."""

SAME_AREA = 0.1
"""Fraction by which two areas that differ are nearly equal. An area of zero is equal to zero alone."""

VISIBLE_PIXELS = 400.0
"""Of a reference: an edit over fewer may stay unseen in it. They are 1 % of a sketch, where 93 % are found."""


def rank(matches: Sequence[Match]) -> tuple[Match, ...]:
    """The matches in their order."""
    return tuple(_rank_group(list(matches), (_rank, _overruled_among(matches), *_MEASURES)))


def coverage(comparison: Comparison) -> float:
    """How much of the record and the picture, taken together, is where the two overlap, 0..1 (intersection over union).

    A page that shows a photograph has little in common with it, whichever of the two was registered.
    """
    crop = comparison.transform.crop if comparison.transform is not None else None
    of_record = (crop.right - crop.left) * (crop.bottom - crop.top) if crop is not None else 0.0
    of_picture = 1.0 - _area(comparison, "outside")
    if min(of_record, of_picture) <= 0:
        return 0.0
    return 1 / (1 / of_record + 1 / of_picture - 1)


def detail(comparison: Comparison) -> float:
    """Pixels of the reference along the picture's longest side, were it as large as the picture; at most those that a
    comparison looks at."""
    side = SKETCH_SIDE if comparison.reference == "sketch" else CANONICAL_SIDE
    scale = comparison.transform.scale if comparison.transform is not None else 0.0
    return min(float(CANONICAL_SIDE), side / scale) if scale > 0 else 0.0


def differing_area(comparison: Comparison) -> float:
    """Fraction of the picture that differs from the record, or is moved."""
    return _area(comparison, "differs") + _area(comparison, "moved")


@dataclass(frozen=True)
class _Measure:
    """What is compared, the largest first; and how much less is nearly equal: as it is, or as a fraction."""

    of: Callable[[Match], float]
    near: float = 0.0
    relative: bool = False

    def tiers(self, matches: list[Match]) -> Iterator[list[Match]]:
        """The matches whose measures are nearly that of the first among them, and so on."""
        ordered = sorted(matches, key=self.of, reverse=True)
        while ordered:
            first = self.of(ordered[0])
            least = first - (abs(first) * self.near if self.relative else self.near)
            tier = [match for match in ordered if self.of(match) >= least]
            yield tier
            ordered = ordered[len(tier) :]


def _rank_group(matches: list[Match], measures: tuple[_Measure, ...]) -> Iterator[Match]:
    if not measures or len(matches) < 2:
        yield from sorted(matches, key=_in_log_order)
        return
    for tier in measures[0].tiers(matches):
        yield from _rank_group(tier, measures[1:])


def _in_log_order(match: Match) -> tuple[bool, bool, int]:
    taken_back = match.standing in (Standing.WITHDRAWN, Standing.SUPERSEDED)
    return match.proof is Proof.BROKEN, taken_back, match.index


_PROVEN = (MatchBasis.FINGERPRINT, MatchBasis.COMPARISON, MatchBasis.PIXELS, MatchBasis.BYTES)


def _kind(match: Match) -> float:
    shares_layout = match.comparison is not None and match.comparison.layout_only
    shown_otherwise = 0.5 * (match.appearance is AppearanceMatch.DIFFERS)
    return -1.0 if shares_layout else _PROVEN.index(match.basis) - shown_otherwise


def _measure_comparison(measure: Callable[[Comparison], float]) -> Callable[[Match], float]:
    return lambda match: 0.0 if match.comparison is None else measure(match.comparison)


_rank = _Measure(_kind)
_MEASURES = (
    _Measure(_measure_comparison(coverage), SAME_COVERAGE),
    _Measure(_measure_comparison(detail), SAME_DETAIL, relative=True),
    _Measure(_measure_comparison(lambda comparison: -differing_area(comparison)), SAME_AREA, relative=True),
)


def _overruled_among(matches: Sequence[Match]) -> _Measure:
    """Last come those that show no difference where a finer match does, and could not have shown it."""
    finer = [match.comparison for match in matches if match.comparison is not None and not match.comparison.layout_only]
    return _Measure(
        lambda match: (
            -1.0 if match.comparison is not None and any(_overrules(each, match.comparison) for each in finer) else 0.0
        )
    )


def _overrules(finer: Comparison, coarse: Comparison) -> bool:
    if differing_area(coarse) > 0 or detail(finer) * (1 - SAME_DETAIL) <= detail(coarse):
        return False
    return any(
        region.kind != "outside"
        and region.area * detail(coarse) ** 2 < VISIBLE_PIXELS
        and _reaches(coarse, region.query)
        for region in finer.regions
    )


def _reaches(comparison: Comparison, box: Box) -> bool:
    """Whether the middle of a box of the picture lies on the record."""
    if comparison.transform is None:
        return False
    a, b, c, d, e, f, g, h, i = comparison.transform.homography
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    w = g * x + h * y + i
    return w > 0 and 0 <= (a * x + b * y + c) / w <= 1 and 0 <= (d * x + e * y + f) / w <= 1


def _area(comparison: Comparison, kind: str) -> float:
    return sum(region.area for region in comparison.regions if region.kind == kind)
