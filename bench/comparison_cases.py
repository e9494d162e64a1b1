"""Altered photographs, laid over their sketch, the stored picture, and that at full detail: what the comparison is
calibrated on.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from PIL import Image

from bench.alterations import COPIES, FRAMED, Pixels, Random, recompressed, resized
from bench.edits import (
    AREA_BUCKETS,
    BACKGROUND_AREA,
    BACKGROUND_KINDS,
    EDIT_KINDS,
    SMALL_AREA,
    SMALL_KINDS,
    WARP_KINDS,
    Mask,
    edited,
)
from bench.photographs import photographs
from provenance.limits import CANONICAL_SIDE
from provenance.media.calibration import ReferenceKind
from provenance.media.canonical import shrink
from provenance.media.comparison.comparison import (
    AlignedPair,
    DetailPair,
    align_pair,
    match,
    measure_detail,
    refine_pair,
)
from provenance.media.comparison.difference import Measures
from provenance.media.comparison.geometry import Match, Query
from provenance.media.media import Media
from provenance.media.sketch import draw_sketch

SOURCE_SIDE = 1024
"""Pixels: photographs are altered at this size, a common one on the web."""

SMALL_SIDES = (240, 480)
"""Pixels: the longest side of a small photograph."""

AROUND = 0.03
"""Fraction of the picture's longest side around a small edit that is looked at, at full detail: tiles are independent,
and what lies farther off says nothing about it."""

REFERENCES: tuple[ReferenceKind, ...] = ("sketch", "stored picture", "full detail")

Area = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph: `large` as a look at full detail has it, `pixels` at `SOURCE_SIDE`, and what a registration of its
    file keeps: the sketch, and the picture as it is decoded for a second look."""

    package: str
    digest: str
    fits: bool
    large: Pixels
    pixels: Pixels
    stored: Pixels
    sketch: Pixels


@dataclass(frozen=True, eq=False)
class Case:
    """One altered picture: `mask` (canonical size) and `area` are None for a copy; `match` where there is none.

    `sent` is the altered picture itself; `large`, that the whole of it is looked at in full detail.
    """

    photograph: Photograph
    kind: str
    area: Area | None
    query: Pixels
    mask: Mask | None
    match: Match | None
    sent: Pixels
    large: bool = False

    @cached_property
    def pairs(self) -> dict[ReferenceKind, AlignedPair]:
        """The pair, aligned as `compare` does it: with the sketch, and with the stored picture."""
        first = (
            align_pair(self.query, self.photograph.sketch, self.match.homography) if self.match is not None else None
        )
        if first is None:
            return {}
        second = refine_pair(self.query, first, self.photograph.sketch, self.photograph.stored)
        return {"sketch": first} | ({"stored picture": second} if second is not None else {})

    @cached_property
    def measures(self) -> Mapping[ReferenceKind, Measures]:
        """What each look measures, the coarsest first."""
        found: dict[ReferenceKind, Measures] = {kind: pair.measures for kind, pair in self.pairs.items()}
        if self.large and "stored picture" in found:
            detail = DetailPair(self.sent, self.photograph.large)
            wanted = None
            if self.mask is not None:
                side = round(AROUND * max(self.mask.shape)) * 2 + 1
                wanted = np.asarray(cv2.dilate(self.mask.astype(np.uint8), np.ones((side, side), np.uint8))) > 0
            tiles = measure_detail(self.query, self.photograph.stored, self.pairs["stored picture"], detail, wanted)
            if tiles.tiles:
                found["full detail"] = tiles.measures
        return found


def load(every: int) -> list[Photograph]:
    """Every so many of the photographs, and their sketches."""
    loaded = []
    for listed in photographs()[::every]:
        media = Media.from_bytes(listed.path.read_bytes())
        large = media.closest
        source = Image.fromarray(large)
        source.thumbnail((SOURCE_SIDE, SOURCE_SIDE), Image.Resampling.LANCZOS)
        sketch, pixels = draw_sketch(media.canonical).pixels, np.asarray(source, np.uint8)
        loaded.append(Photograph(listed.package, listed.sha256, listed.fits, large, pixels, media.reduced, sketch))
    return loaded


def registered(package: str, digest: str, pixels: Pixels) -> Photograph:
    """A picture as if it were a photograph of its own, that fits: what a registration of these pixels keeps."""
    canonical = shrink(pixels, 512)
    sketch = draw_sketch(canonical).pixels
    return Photograph(package, digest, True, pixels, resized(pixels, SOURCE_SIDE), canonical, sketch)


def derived(photograph: Photograph) -> Iterator[Photograph]:
    """A quarter of a photograph, where that is large enough, and the whole of it at a small size, as if they were
    photographs of their own: other shapes and textures at other sizes, which are fewer than pixels."""
    random = seeded(photograph, "derived")
    height, width = photograph.large.shape[:2]
    if min(height, width) >= 2 * SMALL_SIDES[0]:
        top, left = int(random.integers(height - height // 2)), int(random.integers(width - width // 2))
        part = np.ascontiguousarray(photograph.large[top : top + height // 2, left : left + width // 2])
        yield registered(photograph.package, f"{photograph.digest} part", part)
    if max(height, width) > CANONICAL_SIDE:
        small = resized(photograph.large, int(random.integers(*SMALL_SIDES)))
        yield registered(photograph.package, f"{photograph.digest} small", small)


def seeded(photograph: Photograph, *what: object) -> Random:
    return np.random.default_rng(list(hashlib.sha256(repr((photograph.digest, what)).encode()).digest()))


def copies(photograph: Photograph, first: int = 0, every: int = 1) -> Iterator[Case]:
    """Every so many kinds of copies of a photograph, from one on."""
    for kind, alter in list({**COPIES, **FRAMED}.items())[first::every]:
        sent = alter(photograph.pixels, seeded(photograph, kind))
        query = shrink(sent, 512)
        yield Case(photograph, kind, None, query, None, match(Query(query), photograph.sketch), sent)


def large_copies(photograph: Photograph, first: int, every: int) -> Iterator[Case]:
    """The same, of the photograph as a look at full detail has it."""
    for kind, alter in list({**COPIES, **FRAMED}.items())[first::every]:
        sent = alter(photograph.large, seeded(photograph, "large", kind))
        query = shrink(sent, 512)
        yield Case(photograph, kind, None, query, None, match(Query(query), photograph.sketch), sent, large=True)


def _area(kind: str, turn: int) -> Area:
    """The size of which an edit of this kind is made."""
    if kind in SMALL_KINDS:
        return SMALL_AREA
    return BACKGROUND_AREA if kind in BACKGROUND_KINDS else AREA_BUCKETS[turn % len(AREA_BUCKETS)]


def edits(photographs: Sequence[Photograph], number: int, every: int = 2, again: int = 0) -> Iterator[Case]:
    """Every so many kinds of edits and warps to the photograph of that number, each over one of its sizes, both in
    turn; `again`, so many sizes on."""
    for turn, kind in enumerate((*EDIT_KINDS, *WARP_KINDS, *SMALL_KINDS, *BACKGROUND_KINDS)):
        if (turn + number) % every == 0:
            yield from _edit(photographs, number, kind, _area(kind, number // 2 + turn + again), again)


def large_edits(
    photographs: Sequence[Photograph], number: int, kinds: Sequence[str], area: Area, every: int = 2, again: int = 0
) -> Iterator[Case]:
    """Every so many of these kinds of edits over `area`, to the photograph as a look at full detail has it."""
    for turn, kind in enumerate(kinds):
        if (turn + number) % every == 0:
            yield from _edit(photographs, number, kind, area, again, large=True)


def _edit(
    photographs: Sequence[Photograph], number: int, kind: str, area: Area, again: int, *, large: bool = False
) -> Iterator[Case]:
    photograph = photographs[number]
    random = seeded(photograph, kind, area, *(["large"] if large else []), *([again] if again else []))
    donor = photographs[(number + int(random.integers(1, len(photographs)))) % len(photographs)]
    source, other = (photograph.large, donor.large) if large else (photograph.pixels, donor.pixels)
    drawn = edited(source, kind, float(random.uniform(*area)), other, random)
    if drawn is None:
        return
    least = 0.7 if large else 600 / SOURCE_SIDE
    whole = resized(drawn[0], round(max(source.shape) * random.uniform(least, 1.0)))
    sent = recompressed(whole, int(random.integers(60, 96)))
    query = shrink(sent, 512)
    size = (query.shape[1], query.shape[0])
    mask = np.asarray(cv2.resize(drawn[1].astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.3
    if mask.any():
        found = match(Query(query), photograph.sketch)
        yield Case(photograph, kind, area, query, mask, found, sent, large)
