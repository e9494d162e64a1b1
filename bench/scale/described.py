"""Described: photographs and queries of them as a search sees them, made once and kept beside the photographs.

The queries are hard ones: a hash finds few of them. `fits` tells those that thresholds may be fitted on from those that
are reported.
"""

import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image
from rich.progress import track

from bench.matching.transforms import SIDE, TRANSFORMS
from bench.photographs import FOLDER, Photograph, photographs, unpacked
from provenance.media import Media, draw_thumbnail, fingerprint
from provenance.media.canonical import Pixels
from provenance.media.comparison.geometry import extract_sift
from provenance.media.local_features import MAX_FEATURES, MAX_QUERY_FEATURES, Codes, LocalFeatures, as_codes, describe
from provenance.media.parts import crop_parts

HARD = (
    "50 % cropped",
    "75 % cropped",
    "telephone screenshot",
    "desktop screenshot",
    "inset, 40 % of the sides",
    "inset, 20 % of the sides",
    "collage of four",
    "chain: meme on a telephone",
)
ASKED = 30
"""Photographs of either half that are asked for."""

MIN_SIDE = 300
"""Pixels: smaller pictures of the packages are icons."""

MORE_PACKAGES = ("gnome-backgrounds", "ukui-wallpapers")
"""Packages that are on no list: their pictures are among the distractors."""

T = TypeVar("T")

_KEPT = FOLDER.parent / "described.pickle"


@dataclass(frozen=True, eq=False)
class Registered:
    """A photograph as a registration has it: local features of its thumbnail, PDQ and quality."""

    sha256: str
    fits: bool
    codes: bytes
    pdq: bytes
    quality: int


@dataclass(frozen=True, eq=False)
class Query:
    """An altered photograph: `whole` is asked first, then each of `parts`; PDQ in eight orientations."""

    sha256: str
    transform: str
    fits: bool
    whole: LocalFeatures
    parts: tuple[LocalFeatures, ...]
    pdq: tuple[bytes, ...]
    quality: int


@dataclass(frozen=True, eq=False)
class Described:
    """All of them. `others`: (codes, PDQ in eight orientations, quality) of real pictures that are on no list."""

    registered: tuple[Registered, ...]
    queries: tuple[Query, ...]
    others: tuple[tuple[bytes, tuple[bytes, ...], int], ...]

    @property
    def pool(self) -> list[Codes]:
        """The local features of `others`, of which distractors are drawn."""
        return [as_codes(codes) for codes, _, _ in self.others]


def described() -> Described:
    """All photographs and queries, from what an earlier run kept. Ten minutes of processor time the first time."""
    if _KEPT.exists():
        kept: Described = pickle.loads(_KEPT.read_bytes())
        return kept
    cv2.setNumThreads(1)
    listed = photographs()
    registered = tuple(_registered(each) for each in _tracked(listed, "Registering"))
    queries = tuple(_query(file) for fits in (True, False) for file in asked(fits=fits))
    made = Described(registered, queries, _others(listed, registered))
    _KEPT.write_bytes(pickle.dumps(made))
    return made


def _registered(photograph: Photograph) -> Registered:
    media = Media.from_bytes(photograph.path.read_bytes())
    prints = fingerprint(media)
    return Registered(photograph.sha256, photograph.fits, _codes(media.canonical), prints.pdq, prints.pdq_quality)


def _codes(canonical: Pixels) -> bytes:
    return describe(extract_sift(Media.from_bytes(draw_thumbnail(canonical)).pixels), MAX_FEATURES).upright


@dataclass(frozen=True)
class Asked:
    """The file of a query: which photograph it was made of, and how."""

    sha256: str
    transform: str
    fits: bool
    data: bytes


def asked(*, fits: bool, every: int = 1) -> Iterator[Asked]:
    """The files of the queries of one half, in their order; `every`: one in so many."""
    hard = [transform for transform in TRANSFORMS if transform.name in HARD]
    half = [photograph for photograph in photographs() if photograph.fits is fits]
    for place, photograph in enumerate(_tracked(half[:ASKED], "Asking")):
        others = [Image.fromarray(half[(place + step) % len(half)].pixels(SIDE)) for step in (1, 2, 3)]
        picture = Image.fromarray(photograph.pixels(SIDE))
        for number, transform in enumerate(hard, place * len(hard)):
            if number % every:
                continue
            data = transform.file(picture, bytes.fromhex(photograph.sha256), others)
            yield Asked(photograph.sha256, transform.name, fits, data)


def _query(file: Asked) -> Query:
    media = Media.from_bytes(file.data)
    prints = fingerprint(media)
    views = crop_parts(media.canonical, (), lambda: media.detail)
    return Query(
        file.sha256,
        file.transform,
        file.fits,
        describe(extract_sift(media.canonical), MAX_QUERY_FEATURES),
        tuple(describe(extract_sift(view.pixels), MAX_QUERY_FEATURES) for view in views),
        prints.pdq_dihedral,
        prints.pdq_quality,
    )


def _others(
    listed: Sequence[Photograph], registered: Sequence[Registered]
) -> tuple[tuple[bytes, tuple[bytes, ...], int], ...]:
    """The other pictures of all packages that lie in the folder: those with a PDQ of their own."""
    for package in MORE_PACKAGES:
        unpacked(package, FOLDER)
    known = {photograph.path for photograph in listed}
    paths = [
        path
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"} and path not in known and path.is_file()
    ]
    found: list[tuple[bytes, tuple[bytes, ...], int]] = []
    seen = np.array([np.frombuffer(each.pdq, np.uint8) for each in registered])
    for path in _tracked(paths, "Other pictures"):
        try:
            with Image.open(path) as opened:
                if min(opened.size) < MIN_SIDE:
                    continue
                picture = opened.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
        picture.thumbnail((SIDE, SIDE))
        target = BytesIO()
        picture.save(target, "JPEG", quality=90)
        media = Media.from_bytes(target.getvalue())
        prints = fingerprint(media)
        turned = np.frombuffer(b"".join(prints.pdq_dihedral), np.uint8).reshape(-1, 1, 32)
        if prints.pdq_quality < 50 or (np.bitwise_count(seen ^ turned).sum(2) <= 60).any():
            continue
        codes = _codes(media.canonical)
        if len(codes) < 100 * 12:
            continue
        seen = np.concatenate([seen, turned[0]])
        found.append((codes, prints.pdq_dihedral, prints.pdq_quality))
    return tuple(found)


def _tracked(each: Sequence[T], what: str) -> Iterable[T]:
    return track(each, description=what, disable=not sys.stderr.isatty())
