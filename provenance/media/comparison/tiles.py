"""The comparison at full detail: the pair at the coarser of their own resolutions, tile by tile.

The whole of both pictures has been aligned already, at 512 pixels, and in the same colours. Each tile starts from
there, is aligned a little more exactly by itself, and is measured as the whole was, but for motion: where many
pixels lie within one of 512, colours that were smoothed or clipped on the way displace their edges by one. What the
tiles show is put together again, so that a region may lie across their seams.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from provenance.media.calibration import Model
from provenance.media.canonical import Pixels
from provenance.media.comparison.alignment import (
    MIN_WORKING_SIDE,
    Planes,
    downscale,
    local_scale,
    refine_warp,
    warp_onto,
)
from provenance.media.comparison.colour import ColourTransfer
from provenance.media.comparison.difference import NO_EVIDENCE, STEP, Measures, evidence_map, overlap
from provenance.media.comparison.geometry import Homography, grey, translation

TILE = 512
"""Pixels: longest side of a tile: the noise of the pair is taken of its surroundings, not of all of the picture."""

MARGIN = 24
"""Pixels around a tile that are measured too, and belong to its neighbours."""

SCALES = (0.5,)
"""Of a tile, at which it is refined."""

MAX_REFINED = 8.0
"""Pixels by which refining may move a corner of a tile: the whole is exact to a pixel of 512, and a tile that is mostly
changed must not be aligned by the change."""

Rectangle = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, eq=False)
class MeasuredTile:
    """What one tile shows: `measures` of it with its margin, `inner` is the tile itself within them, `place` where that
    belongs in the whole; both in steps."""

    measures: Measures
    inner: Rectangle
    place: Rectangle


@dataclass(frozen=True, eq=False)
class TiledMeasures:
    """The tiles that were measured, of a frame of `size` (height and width) in steps."""

    tiles: Sequence[MeasuredTile]
    size: tuple[int, int]

    def evidence_map(self, model: Model) -> Planes:
        """Evidence for a difference, over the whole."""
        evidence = np.full(self.size, NO_EVIDENCE, np.float32)
        for tile in self.tiles:
            evidence[tile.place] = evidence_map(tile.measures, model)[tile.inner]
        return evidence

    @property
    def measures(self) -> Measures:
        """What was measured, over the whole."""
        count = self.tiles[0].measures.planes.shape[2] if self.tiles else 0
        planes, valid = np.zeros((*self.size, count), np.float32), np.zeros(self.size, bool)
        for tile in self.tiles:
            planes[tile.place], valid[tile.place] = tile.measures.planes[tile.inner], tile.measures.valid[tile.inner]

        @cache
        def relocation() -> Planes:
            found = np.zeros(self.size, np.float32)
            for tile in self.tiles:
                found[tile.place] = tile.measures.relocation()[tile.inner]
            return found

        return Measures(planes, valid, None, relocation)


def measure_tiles(
    query: Pixels,
    reference: Pixels,
    to_reference: Homography,
    colour_transfer: ColourTransfer,
    wanted: NDArray[np.bool_] | None = None,
) -> TiledMeasures:
    """Measure the tiles of a pair.

    Args:
        query: H×W×3 RGB, in detail.
        reference: h×w×3 RGB, in detail.
        to_reference: pixels of the query → pixels of the reference, to about a pixel of 512.
        colouring: what one change of colour over the whole makes of the reference.
        wanted: N×M, what of the query is measured; None for the whole.
    """
    height, width = query.shape[:2]
    density = local_scale(to_reference, (width - 1) / 2, (height - 1) / 2)
    working, to_working = downscale(query, min(1.0, density))
    coarse, to_coarse = downscale(reference, min(1.0, 1.0 / density))
    warp = to_coarse @ to_reference @ np.linalg.inv(to_working)
    tall, wide = working.shape[:2]
    size = (-(-tall // STEP), -(-wide // STEP))
    tiles = []
    for rows in _tile_bounds(tall):
        for columns in _tile_bounds(wide):
            if wanted is not None and not _intersects(wanted, rows, columns, (tall, wide)):
                continue
            measures, inner, place = _tile(working, coarse, warp, colour_transfer, rows, columns)
            if measures is not None:
                tiles.append(MeasuredTile(measures, inner, place))
    return TiledMeasures(tiles, size)


def _tile_bounds(length: int) -> list[slice]:
    """A side in parts of at most `TILE`, that begin at whole steps."""
    many = -(-length // TILE)
    bounds = [round(length * each / many) // STEP * STEP for each in range(many)] + [length]
    return [slice(first, last) for first, last in pairwise(bounds)]


def _intersects(wanted: NDArray[np.bool_], rows: slice, columns: slice, size: tuple[int, int]) -> bool:
    (tall, wide), (high, across) = wanted.shape, size
    down = slice(rows.start * tall // high, -(-rows.stop * tall // high))
    right = slice(columns.start * wide // across, -(-columns.stop * wide // across))
    return bool(wanted[down, right].any())


def _tile(
    working: Pixels, coarse: Pixels, warp: Homography, colour_transfer: ColourTransfer, rows: slice, columns: slice
) -> tuple[Measures | None, Rectangle, Rectangle]:
    tall, wide = working.shape[:2]
    top, left = max(0, rows.start - MARGIN), max(0, columns.start - MARGIN)
    crop = working[top : min(tall, rows.stop + MARGIN), left : min(wide, columns.stop + MARGIN)]
    inner = tuple(
        slice((part.start - first) // STEP, -(-(part.stop - first) // STEP))
        for part, first in ((rows, top), (columns, left))
    )
    place = tuple(slice(part.start // STEP, -(-part.stop // STEP)) for part in (rows, columns))
    return (
        _measure_tile(crop, coarse, warp @ translation(left, top), colour_transfer),
        (inner[0], inner[1]),
        (place[0], place[1]),
    )


def _measure_tile(crop: Pixels, coarse: Pixels, warp: Homography, colour_transfer: ColourTransfer) -> Measures | None:
    corners = _project_corners(crop, warp)
    low = np.maximum(np.floor(corners.min(0)).astype(int) - MARGIN, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + MARGIN, (coarse.shape[1], coarse.shape[0]))
    if (high - low < MIN_WORKING_SIDE).any() or min(crop.shape[:2]) < MIN_WORKING_SIDE:
        return None
    near = np.ascontiguousarray(coarse[low[1] : high[1], low[0] : high[0]])
    start = translation(-int(low[0]), -int(low[1])) @ warp
    finer = refine_warp(grey(crop), grey(near), start / start[2, 2], SCALES)
    if np.abs(_project_corners(crop, finer) - _project_corners(crop, start)).max() > MAX_REFINED:
        finer = start
    warped, covered = warp_onto(near, finer, crop)
    pair = overlap(crop.astype(np.float32), colour_transfer.predict(warped), covered)
    return pair.measure(moving=False) if pair is not None else None


def _project_corners(crop: Pixels, warp: Homography) -> NDArray[np.float64]:
    height, width = crop.shape[:2]
    frame = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    return np.asarray(cv2.perspectiveTransform(frame, warp)[0], np.float64)
