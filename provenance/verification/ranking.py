"""Ranking: which of several matches leads, and in what order the others follow.

What is proven comes first. Of matches by comparison that one leads whose record and picture have most in common; of
equals, what was compared in more detail; of equals, what differs least. Measures that are nearly equal are equal: then
those that are proven and not taken back come first, each in log order. Where several pictures lie beside each other in
one, the first of them inside which something differs leads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from provenance.limits import CANONICAL_SIDE, SKETCH_SIDE
from provenance.media.comparison import Box, Comparison, Transform
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

APART = 0.2
"""Fraction of the smaller of two parts of a picture up to which they may overlap and be two pictures."""


def rank(matches: Sequence[Match]) -> tuple[Match, ...]:
    """The matches in their order."""
    ordered = list(_rank_group(list(matches), (_rank, _overruled_among(matches), *_MEASURES)))
    beside = apart(ordered)
    if beside and beside[0] is ordered[0]:
        differs = (match for match in beside if match.comparison and differing_area(match.comparison))
        leading = next(differs, beside[0])
        ordered.sort(key=lambda match: match is not leading)
    return tuple(ordered)


def apart(matches: Sequence[Match]) -> list[Match]:
    """Those of the matches that lie beside each other in the picture, the first of each place."""
    found: list[tuple[Match, Box]] = []
    for match in matches:
        compared = match.comparison
        if compared is None or compared.transform is None or compared.layout_only or match.proof is Proof.BROKEN:
            continue
        box = shown_at(compared.transform) if _area(compared, "outside") else None
        if box is not None and all(_overlap(box, other) <= APART for _, other in found):
            found.append((match, box))
    return [match for match, _ in found]


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


def shown_at(transform: Transform) -> Box | None:
    """The box of the query in which the whole reference lies, cut to the query; None where it has no area."""
    a, b, c, d, e, f, g, h, i = transform.homography
    inverse = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    corners = []
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        u, v, w = (row[0] * x + row[1] * y + row[2] for row in inverse)
        if abs(w) < 1e-12:
            return None
        corners.append((min(1.0, max(0.0, u / w)), min(1.0, max(0.0, v / w))))
    xs, ys = zip(*corners, strict=True)
    box = Box(min(xs), min(ys), max(xs), max(ys))
    return box if _size(box) > 0 else None


def _size(box: Box) -> float:
    return max(0.0, box.right - box.left) * max(0.0, box.bottom - box.top)


def _overlap(one: Box, other: Box) -> float:
    both = Box(
        max(one.left, other.left),
        max(one.top, other.top),
        min(one.right, other.right),
        min(one.bottom, other.bottom),
    )
    inside = _size(both) if both.right > both.left and both.bottom > both.top else 0.0
    return inside / min(_size(one), _size(other))
