"""Comparing a picture with a registered one: does it show the same, and where does it differ?

Three steps: `geometry` verifies that the query shows the sketch, `alignment` and `colour` warp the reference onto it in
its own colours, `difference` draws the regions that differ. Where the registered picture itself is kept, the last two
steps are taken again with it, from the geometry that its sketch has given. Coordinates of boxes and homographies are
fractions of width and height, 0..1 from the top left corner.

OpenCV's thread count is global state and is left to the process (`cv2.setNumThreads(1)` in a worker).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.calibration import Model, ReferenceKind, model
from provenance.media.canonical import Pixels
from provenance.media.comparison import layout
from provenance.media.comparison.alignment import (
    ECC_SCALES,
    ECC_SECOND_SCALES,
    FRAME,
    MIN_WORKING_SIDE,
    Alignment,
    Mask,
    align,
    visible_corners,
)
from provenance.media.comparison.colour import ColourTransfer, recolour
from provenance.media.comparison.difference import MIN_REGION, Measures, Overlap, evidence_map, overlap
from provenance.media.comparison.difference_map import DifferenceMap, map_differences, merge_maps, suspected_area
from provenance.media.comparison.geometry import Homography, Match, Query, scaling, verify
from provenance.media.comparison.tiles import TiledMeasures, measure_tiles

COMPARISON_VERSION = "countermark-comparison-6"

MIN_SIDE = 48
"""Pixels a side of the sketch: a smaller one has no keypoints away from its edge."""

MIN_TEXTURED = 0.02
"""Fraction of the overlap that must have texture: without it, agreement means nothing. The plainest matching photograph
of the calibration has 0.06."""

MIN_AGREEMENT = {0.2: 0.8, 0.35: 0.45}
"""Fraction of the textured part that must correlate, by the textured fraction of the overlap; linear between them.
Different pages and codes that share some corners agree in 0.41 at most. Two logos around the same circle have texture
in 0.18 and agree in up to 0.78; copies of photographs without an edit agree in more than 0.85 at so little texture."""

MIN_OUTSIDE = 0.01
"""Fraction of the query: less outside the reference is an inexact edge, not a border."""

MIN_OUTSIDE_PIXELS = 3
"""Working pixels: a thinner strip outside is an inexact edge too."""


@dataclass(frozen=True)
class Box:
    """An upright box, in fractions of the picture that it is in."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Region:
    """A part of the query that the reference does not account for.

    Attributes:
        kind: "differs" within the reference's reach, or "moved" where displacing the reference's own parts explains
            most of the difference; "outside" beyond it (bars, borders, a page around the picture).
        query: where, in the query.
        reference: where, in the reference; None outside.
        area: fraction of the query that its pixels (not its box) cover.
        strength: 0..1; how far the evidence is above the threshold. 1 for "outside".
        seen_with: what the query was compared with where it was found, the coarsest first; nothing for "outside".
    """

    kind: Literal["differs", "moved", "outside"]
    query: Box
    reference: Box | None
    area: float
    strength: float
    seen_with: tuple[ReferenceKind, ...] = ()


@dataclass(frozen=True)
class Transform:
    """How the query was made from the reference.

    Attributes:
        mirrored: left and right are exchanged (before turning).
        rotation_degrees: clockwise, -180..180.
        scale: size of the whole reference against the query's frame: 1 fills it, more is a crop, less a part of a page.
        crop: the part of the reference that is visible in the query.
        homography: row-major 3×3, fractions of the query → fractions of the reference.
    """

    mirrored: bool
    rotation_degrees: float
    scale: float
    crop: Box
    homography: tuple[float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What comparing a query with a reference gave.

    Attributes:
        verified: the query shows the reference. Where False, nothing below says anything.
        inliers: keypoints that agree on the transform.
        transform: None unless verified.
        regions: largest first; those "outside" last.
        colour_changed: one change of colour or brightness over the whole picture was found, and discounted.
        similarity: correlation of light after alignment, 0..1.
        heat: 0..255 within regions that differ and 0 elsewhere, in the shape of the query: up to 512 pixels a
            side, or one for each two pixels of what was compared at full detail; None unless verified.
        method: version of this procedure.
        reference: what was compared with.
        agreement: fraction of what has texture in the overlap that agrees, 0..1.
        layout_only: a frame or a template agrees, and what it holds does not, as far as the reference shows that.
    """

    verified: bool
    inliers: int
    transform: Transform | None
    regions: tuple[Region, ...]
    colour_changed: bool
    similarity: float
    heat: NDArray[np.uint8] | None
    method: str
    reference: ReferenceKind = "sketch"
    smallest: float = 0.0
    agreement: float = 1.0
    layout_only: bool = False


@dataclass(frozen=True, eq=False)
class AlignedPair:
    """A pair in one frame, in the same colours, and how well it agrees; measured where that is asked for."""

    alignment: Alignment
    overlap: Overlap
    colour_transfer: ColourTransfer

    @cached_property
    def measures(self) -> Measures:
        """What the pair shows at each pixel of the working frame."""
        return self.overlap.measure().placed(self.alignment.part)


def align_pair(
    query: Pixels, reference: Pixels, homography: Homography, scales: tuple[float, ...] = ECC_SCALES
) -> AlignedPair | None:
    """Align and recolour; None when the query cannot be said to show the reference.

    Args:
        query: H×W×3 RGB, the canonical picture.
        reference: h×w×3 RGB.
        homography: pixels of the query → pixels of the reference, within about 2 pixels.
        scales: of the working frame, at which it is refined, coarse first.
    """
    alignment = align(query, reference, homography, scales)
    if alignment is None:
        return None
    colour_transfer = recolour(alignment.query, alignment.reference, alignment.covered)
    pair = overlap(alignment.query, colour_transfer.predicted, alignment.covered)
    if pair is None or pair.textured < MIN_TEXTURED:
        return None
    if pair.agreement < np.interp(pair.textured, list(MIN_AGREEMENT), list(MIN_AGREEMENT.values())):
        return None
    return AlignedPair(alignment, pair, colour_transfer)


def match(query: Query, sketch: Pixels, larger: Callable[[], Pixels] | None = None) -> Match | None:
    """The geometry by which the query shows the sketch; None where there is none, or too few pixels to find it."""
    if min(query.crop.pixels.shape[:2]) < MIN_WORKING_SIDE or min(sketch.shape[:2]) < MIN_SIDE:
        return None
    return verify(query, sketch, larger)


def refine_pair(query: Pixels, first: AlignedPair, sketch: Pixels, original: Pixels) -> AlignedPair | None:
    """Align the picture that the sketch was drawn from, starting from the sketch's alignment."""
    larger = scaling(original.shape[1] / sketch.shape[1], original.shape[0] / sketch.shape[0])
    return align_pair(query, original, larger @ first.alignment.homography, ECC_SECOND_SCALES)


@dataclass(frozen=True, eq=False)
class DetailPair:
    """Both pictures at up to their own resolution, H×W×3 RGB, for the comparison at full detail.

    Attributes:
        query: the picture that was handed in.
        original: the registered one.
    """

    query: Pixels
    original: Pixels


def compare(
    query: Query | Pixels,
    sketch: Pixels,
    original: Callable[[], Pixels] | None = None,
    *,
    larger: Callable[[], Pixels] | None = None,
    detail: Callable[[], DetailPair] | None = None,
    whole: bool = False,
) -> Comparison:
    """Compare a picture with the sketch of a registered one, and then with that itself.

    Args:
        query: H×W×3 RGB, the canonical picture (longest side ≤ 512); a `Query` where it is compared with several.
        sketch: h×w×3 RGB, the sketch's pixels (longest side ≤ 256).
        original: returns H×W×3 RGB, the canonical picture of the registered one, if it is at hand: it shows finer
            differences. Called only where the sketch is confirmed. Where it cannot be aligned with the query, the
            sketch's answer stands; of what is drawn on a plain ground, the two have a layout in common then, as
            they do not agree in what a sketch cannot show.
        larger: returns a thumbnail of the registered picture, which helps to find the geometry of deep crops. Called
            only where the sketch leaves that open; nothing is measured against it.
        detail: returns both pictures in full detail, for a third comparison. Called only where the original is aligned,
            and something is suspected or the whole is asked for.
        whole: the third comparison covers the whole; where False, what is suspected.

    What these functions raise is not caught.
    """
    query = query if isinstance(query, Query) else Query(query)
    found = match(query, sketch, larger)
    pair = align_pair(query.pixels, sketch, found.homography) if found is not None else None
    if found is None or pair is None:
        return _NOTHING
    maps = [map_pair("sketch", pair, model("sketch"))]
    finest, reference = pair, sketch
    picture = original() if original is not None else sketch
    # A picture that is no larger than its sketch has nothing finer to show.
    larger_picture = max(picture.shape) > max(sketch.shape)
    finer = refine_pair(query.pixels, pair, sketch, picture) if larger_picture else None
    if finer is not None:
        finest, reference = finer, picture
        maps.append(map_pair("stored picture", finer, model("stored picture")))
        wanted = None if whole else suspected_area(maps)
        if detail is not None and (wanted is None or wanted.any()):
            maps += map_detail(query.pixels, picture, finer, detail(), wanted, model("full detail"))
    unalignable = larger_picture and finer is None
    return assemble_comparison(found, finest, maps, query.pixels, reference, unalignable=unalignable)


_NOTHING = Comparison(False, 0, None, (), False, 0.0, None, COMPARISON_VERSION)


def map_pair(kind: ReferenceKind, pair: AlignedPair, fitted: Model) -> DifferenceMap:
    """Return the difference map of a measured pair under a model."""
    smallest = MIN_REGION / pair.measures.valid.size
    return map_differences(kind, pair.measures, evidence_map(pair.measures, fitted), fitted, smallest)


def measure_detail(
    query: Pixels, reference: Pixels, pair: AlignedPair, detail: DetailPair, wanted: Mask | None = None
) -> TiledMeasures:
    """Measure a pair at full detail that is aligned at 512 pixels."""
    to_reference = (
        np.linalg.inv(_to_fractions(detail.original))
        @ _to_reference(query, reference, pair)
        @ _to_fractions(detail.query)
    )
    return measure_tiles(detail.query, detail.original, to_reference, pair.colour_transfer, wanted)


def map_detail(
    query: Pixels, reference: Pixels, pair: AlignedPair, detail: DetailPair, wanted: Mask | None, fitted: Model
) -> Sequence[DifferenceMap]:
    """The difference map at full detail of what is wanted (None: the whole); none where it would show nothing finer."""
    if min(max(each.shape) for each in (detail.query, detail.original)) <= max(query.shape):
        return ()
    tiles = measure_detail(query, reference, pair, detail, wanted)
    if not tiles.tiles:
        return ()
    evidence, whole = tiles.evidence_map(fitted), wanted is None
    return (map_differences("full detail", tiles.measures, evidence, fitted, MIN_REGION / evidence.size, whole=whole),)


def assemble_comparison(
    match: Match,
    pair: AlignedPair,
    maps: Sequence[DifferenceMap],
    query: Pixels,
    reference: Pixels,
    *,
    unalignable: bool = False,
) -> Comparison:
    """Return what the difference maps of a pair show together.

    Args:
        match: the geometry by which it was found.
        pair: the finest alignment of the whole.
        maps: the coarsest first.
        query: H×W×3 RGB, the canonical picture.
        reference: h×w×3 RGB, what `pair` aligns with it.
        unalignable: a finer picture could not be aligned with it.
    """
    to_reference = _to_reference(query, reference, pair)
    merged, heat = merge_maps(maps, (query.shape[0], query.shape[1]))
    regions = [
        Region(
            "moved" if each.moved else "differs",
            box := _bounding_box(each.pixels),
            _project_box(box, to_reference),
            round(float(each.pixels.mean()), 5),
            round(each.strength, 3),
            each.seen_with,
        )
        for each in merged
    ]
    regions += [
        Region("outside", _bounding_box(part), None, round(float(part.mean()), 5), 1.0)
        for part in _outside(pair.alignment.part.place(pair.alignment.covered))
    ]
    kind = [each.kind for each in maps if each.whole][-1]
    shared = layout.compare_content(pair.overlap.light, pair.overlap.reference, pair.overlap.mask, pair.alignment.part)
    return Comparison(
        verified=True,
        inliers=match.inliers,
        transform=_transform(to_reference, match.mirrored, query, reference),
        regions=tuple(regions),
        colour_changed=pair.colour_transfer.changed,
        similarity=round(pair.overlap.similarity, 4),
        heat=heat,
        method=COMPARISON_VERSION,
        reference=kind,
        smallest=round(min(each.smallest for each in maps if each.whole), 6),
        agreement=round(shared.agreement, 4),
        layout_only=shared.is_layout_only(kind) or (unalignable and shared.drawn),
    )


def _to_reference(query: Pixels, reference: Pixels, pair: AlignedPair) -> Homography:
    """Fractions of the query → fractions of the reference."""
    homography = _to_fractions(reference) @ pair.alignment.homography @ np.linalg.inv(_to_fractions(query))
    return np.asarray(homography / homography[2, 2])


def _to_fractions(pixels: Pixels) -> Homography:
    """Pixel centres → fractions of the picture."""
    height, width = pixels.shape[:2]
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]], np.float64)


def _box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(*(round(min(1.0, max(0.0, float(value))), 5) for value in (left, top, right, bottom)))


def _bounding_box(pixels: Mask) -> Box:
    height, width = pixels.shape
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return _box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)


def _project_box(box: Box, homography: Homography) -> Box:
    corners = [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]]
    moved = cv2.perspectiveTransform(np.array([corners], np.float64), homography)[0]
    return _box(*moved.min(0), *moved.max(0))


def _outside(covered: Mask) -> list[Mask]:
    """The strips around the reference's reach (above, below, left, right), then what else it leaves bare."""
    bare = cv2.morphologyEx(
        (~covered).astype(np.uint8), cv2.MORPH_OPEN, np.ones((MIN_OUTSIDE_PIXELS, MIN_OUTSIDE_PIXELS), np.uint8)
    ).astype(bool)
    reach = ~bare
    if not bare.any() or not reach.any():
        return []
    rows, columns = np.flatnonzero(reach.any(1)), np.flatnonzero(reach.any(0))
    parts = []
    for rows_in, columns_in in (
        (slice(0, rows[0]), slice(None)),
        (slice(rows[-1] + 1, None), slice(None)),
        (slice(rows[0], rows[-1] + 1), slice(0, columns[0])),
        (slice(rows[0], rows[-1] + 1), slice(columns[-1] + 1, None)),
    ):
        part = np.zeros_like(bare)
        part[rows_in, columns_in] = bare[rows_in, columns_in]
        bare[rows_in, columns_in] = False
        parts.append(part)
    count, labels = cv2.connectedComponents(bare.astype(np.uint8))
    parts += [labels == label for label in range(1, count)]
    return sorted((part for part in parts if part.mean() >= MIN_OUTSIDE), key=lambda part: -int(part.sum()))


def _transform(to_reference: Homography, mirrored: bool, query: Pixels, reference: Pixels) -> Transform:
    shown = visible_corners(to_reference)
    points = shown if len(shown) else FRAME
    (height, width), (far, across) = query.shape[:2], reference.shape[:2]
    centre = points.mean(0)
    from_reference = np.linalg.inv(to_reference)
    steps = (centre + np.array([[0, 0], [1e-4, 0], [0, 1e-4]]))[None]
    here, right, down = cv2.perspectiveTransform(steps, from_reference)[0]
    size = np.array([width, height])
    along, below = (right - here) * size / (across * 1e-4), (down - here) * size / (far * 1e-4)
    turned = -along if mirrored else along
    area = abs(along[0] * below[1] - along[1] * below[0])
    return Transform(
        mirrored=mirrored,
        rotation_degrees=round(float(np.degrees(np.arctan2(turned[1], turned[0]))), 2) + 0.0,
        scale=round(float(np.sqrt(area)) * max(far, across) / max(height, width), 4),
        crop=_box(*points.min(0), *points.max(0)),
        homography=tuple(float(value) for value in to_reference.ravel()),  # type: ignore[arg-type]  # nine of them
    )
