"""The queries of the benchmark: every photograph of the reporting half, altered, against a registry that holds it, and
against one that does not.

Three folds: fold f registers all photographs but every third of the reporting half. A photograph is asked for, in
every transform, in one fold that holds it; and in every third transform (and in pieces, if it is large) in the one that
does not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.matching.observed import ObservedRegistry, observed_registry
from bench.matching.peers import digests
from bench.matching.screens import Picture
from bench.matching.transforms import SIDE, TRANSFORMS, Transform, encoded
from bench.photographs import Photograph

FOLDS = 3
TILED_SIDE = 2400
"""Pixels: an unregistered photograph this large is also asked for in 3 × 3 pieces, each a picture of its own."""

TILES = 3
OTHERS = 3


@dataclass(frozen=True)
class Row:
    """One query and what came of it.

    Attributes:
        photograph: SHA-256 of the photograph's file, hexadecimal; as are all others here.
        transform: its name, or "piece".
        registered: whether the photograph is.
        shown: the photographs whose records are right answers.
        matched: photographs whose records were reported as matches.
        leads: photographs whose records were reported as leads.
        compared: photographs whose sketches were compared.
        headline: of the verdict.
        milliseconds: of processor time, by stage.
        peers: the peers' hashes of the query.
    """

    photograph: str
    transform: str
    registered: bool
    shown: tuple[str, ...]
    matched: tuple[str, ...]
    leads: tuple[str, ...]
    compared: tuple[str, ...]
    headline: str
    milliseconds: dict[str, float]
    peers: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def originals(photographs: Sequence[Photograph]) -> dict[str, dict[str, str]]:
    """The peers' hashes of every photograph that is registered."""
    return {photograph.sha256: digests(_picture(photograph)) for photograph in photographs}


def count(photographs: Sequence[Photograph], transforms: Sequence[Transform]) -> int:
    """How many queries `rows` asks at most, pieces left out."""
    reporting = sum(not photograph.fits for photograph in photographs)
    return reporting * (len(transforms) + -(-len(transforms) // FOLDS))


def rows(photographs: Sequence[Photograph], transforms: Sequence[Transform], folder: Path) -> Iterator[Row]:
    """Ask every query; `folder` takes the registries."""
    reporting = [photograph for photograph in photographs if not photograph.fits]
    for fold in range(FOLDS):
        absent = reporting[fold::FOLDS]
        with observed_registry(folder / str(fold)) as registry:
            ids = {
                registry.register(photograph.path, photograph.path.stem): photograph.sha256
                for photograph in photographs
                if photograph not in absent
            }
            asked = reporting[(fold + 1) % FOLDS :: FOLDS]
            for number, photograph in enumerate(asked):
                yield from _asked(registry, ids, photograph, _others(asked, number), transforms)
            for number, photograph in enumerate(absent):
                some = [each for place, each in enumerate(transforms) if place % FOLDS == number % FOLDS]
                yield from _asked(registry, ids, photograph, _others(absent, number), some)
                yield from _pieces(registry, ids, photograph)


def _asked(
    registry: ObservedRegistry,
    ids: dict[str, str],
    photograph: Photograph,
    others: Sequence[Photograph],
    transforms: Sequence[Transform],
) -> Iterator[Row]:
    picture, beside = _picture(photograph), [_picture(other) for other in others]
    for transform in transforms:
        data = transform.file(picture, bytes.fromhex(photograph.sha256), beside)
        shown = photograph, *others[: transform.others]
        yield _row(registry, ids, photograph, transform.name, data, shown)


def _pieces(registry: ObservedRegistry, ids: dict[str, str], photograph: Photograph) -> Iterator[Row]:
    whole = Image.fromarray(photograph.pixels(8192))
    if max(whole.size) < TILED_SIDE:
        return
    width, height = whole.width // TILES, whole.height // TILES
    for row in range(TILES):
        for column in range(TILES):
            piece = whole.crop((column * width, row * height, (column + 1) * width, (row + 1) * height))
            yield _row(registry, ids, photograph, "piece", encoded(piece, "JPEG", 85), (photograph,))


def _row(
    registry: ObservedRegistry,
    ids: dict[str, str],
    photograph: Photograph,
    transform: str,
    data: bytes,
    shown: Sequence[Photograph],
) -> Row:
    observation = registry.verify(data)
    matches = observation.report["matches"]

    def named(lead: bool) -> tuple[str, ...]:
        return tuple(ids[match["asset"]["id"]] for match in matches if (match["basis"] == "fingerprint") is lead)

    return Row(
        photograph=photograph.sha256,
        transform=transform,
        registered=photograph.sha256 in ids.values(),
        shown=tuple(each.sha256 for each in shown),
        matched=named(lead=False),
        leads=named(lead=True),
        compared=tuple(ids[record] for record in observation.compared),
        headline=observation.report["headline"]["code"],
        milliseconds={stage: round(each, 3) for stage, each in observation.stages.items()},
        peers=digests(Image.open(BytesIO(data)).convert("RGB")),
    )


def _picture(photograph: Photograph) -> Picture:
    return Image.fromarray(np.asarray(photograph.pixels(SIDE)))


def _others(among: Sequence[Photograph], number: int) -> list[Photograph]:
    return [among[(number + step) % len(among)] for step in range(1, OTHERS + 1)]


def chosen(names: Sequence[str] | None) -> tuple[Transform, ...]:
    """The transforms of these names; all without names."""
    return TRANSFORMS if names is None else tuple(each for each in TRANSFORMS if each.name in names)
