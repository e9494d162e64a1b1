"""Altered photographs, laid over their sketch and over the stored picture: what the comparison is calibrated on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from PIL import Image

from bench.alterations import COPIES, FRAMED, Pixels, Random, recompressed, resized
from bench.edits import AREA_BUCKETS, EDIT_KINDS, WARP_KINDS, Mask, edited
from bench.photographs import photographs
from provenance.media.calibration import ReferenceKind
from provenance.media.canonical import shrink
from provenance.media.comparison.comparison import Laid, lay, lay_again, match
from provenance.media.comparison.geometry import Match, Query
from provenance.media.media import Media
from provenance.media.sketch import draw_sketch

SOURCE_SIDE = 1024
"""Pixels: photographs are altered at this size, a common one on the web."""

REFERENCES: tuple[ReferenceKind, ...] = ("sketch", "stored picture")

Area = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph: `pixels` at `SOURCE_SIDE`, and what a registration of its file keeps: the sketch, and the picture
    as it is decoded for a second look."""

    package: str
    digest: str
    fits: bool
    pixels: Pixels
    stored: Pixels
    sketch: Pixels

    def reference(self, kind: ReferenceKind) -> Pixels:
        return self.sketch if kind == "sketch" else self.stored


@dataclass(frozen=True, eq=False)
class Case:
    """One altered picture: `mask` (canonical size) and `area` are None for a copy; `match` where there is none."""

    photograph: Photograph
    kind: str
    area: Area | None
    query: Pixels
    mask: Mask | None
    match: Match | None

    @cached_property
    def _over_sketch(self) -> Laid | None:
        return lay(self.query, self.photograph.sketch, self.match.homography) if self.match is not None else None

    def laid(self, kind: ReferenceKind) -> Laid | None:
        """The pair, laid over each other and measured, as `compare` does it; None where it is not verified."""
        first, photograph = self._over_sketch, self.photograph
        if kind == "sketch" or first is None:
            return first
        return lay_again(self.query, first, photograph.sketch, photograph.stored)


def load(every: int) -> list[Photograph]:
    """Every so many of the photographs, and their sketches."""
    loaded = []
    for listed in photographs()[::every]:
        media = Media.from_bytes(listed.path.read_bytes())
        source = Image.fromarray(media.pixels)  # as it is shown: what is transparent, over white
        source.thumbnail((SOURCE_SIDE, SOURCE_SIDE), Image.Resampling.LANCZOS)
        sketch, pixels = draw_sketch(media.canonical).pixels, np.asarray(source, np.uint8)
        loaded.append(Photograph(listed.package, listed.sha256, listed.fits, pixels, media.reduced, sketch))
    return loaded


def seeded(photograph: Photograph, *what: object) -> Random:
    return np.random.default_rng(list(hashlib.sha256(repr((photograph.digest, what)).encode()).digest()))


def copies(photograph: Photograph, first: int = 0, every: int = 1) -> Iterator[Case]:
    """Every so many kinds of copies of a photograph, from one on."""
    for kind, alter in list({**COPIES, **FRAMED}.items())[first::every]:
        query = shrink(alter(photograph.pixels, seeded(photograph, kind)), 512)
        yield Case(photograph, kind, None, query, None, match(Query(query), photograph.sketch))


def edits(photographs: Sequence[Photograph], number: int, sizes: int) -> Iterator[Case]:
    """Each kind of edit and warp to the photograph of that number, over `sizes` of the four sizes, in turn."""
    photograph = photographs[number]
    for turn, kind in enumerate((*EDIT_KINDS, *WARP_KINDS)):
        for step in range(sizes):
            area = AREA_BUCKETS[(number + turn + step * (len(AREA_BUCKETS) // sizes)) % len(AREA_BUCKETS)]
            random = seeded(photograph, kind, area)
            donor = photographs[(number + int(random.integers(1, len(photographs)))) % len(photographs)]
            drawn = edited(photograph.pixels, kind, float(random.uniform(*area)), donor.pixels, random)
            if drawn is None:
                continue
            whole = resized(drawn[0], int(random.integers(600, SOURCE_SIDE + 1)))
            query = shrink(recompressed(whole, int(random.integers(60, 96))), 512)
            size = (query.shape[1], query.shape[0])
            mask = np.asarray(cv2.resize(drawn[1].astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.3
            yield Case(photograph, kind, area, query, mask, match(Query(query), photograph.sketch))


def looked_at(cases: Iterable[Case]) -> Iterator[tuple[ReferenceKind, Case, Laid | None]]:
    """Each case over its sketch; every third over the stored picture too, which takes three times as long."""
    for turn, case in enumerate(cases):
        yield "sketch", case, case.laid("sketch")
        if turn % 3 == 1:
            yield "stored picture", case, case.laid("stored picture")
