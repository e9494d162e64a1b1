"""The canonical picture is the exact area average, and never larger than what it was made of."""

import numpy as np
import pytest

from provenance import limits
from provenance.media.canonical import draw_canonical, shrink


def _area_average(pixels, width, height):
    """The definition, in float64: a weight for each source row and column by the share that is covered."""

    def weights(length, result):
        edges = np.arange(result + 1) * length / result
        position = np.arange(length)
        covered = np.minimum(edges[1:, None], position + 1) - np.maximum(edges[:-1, None], position)
        return np.clip(covered, 0, None) * result / length

    across = np.tensordot(weights(pixels.shape[1], width), pixels.astype(float), axes=(1, 1))
    return np.tensordot(weights(pixels.shape[0], height), across, axes=(1, 1))


@pytest.mark.parametrize(("size", "side"), [((360, 240), 100), ((360, 240), 120), ((301, 77), 64), ((40, 200), 7)])
def test_each_pixel_is_the_mean_of_the_area_it_covers(draw, size, side):
    picture = draw("noise", *size)
    small = shrink(picture, side)
    exact = _area_average(picture, small.shape[1], small.shape[0])
    assert max(small.shape) == side
    assert np.abs(small - exact).max() < 0.501


def test_a_small_picture_is_left_as_it_is(draw):
    picture = draw("noise", 20, 30)
    assert shrink(picture, 512) is picture


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(1, 10_000, (512, 1)), (10_000, 1, (1, 512)), (65_500, 70, (1, 512))]
)
def test_a_very_long_picture_keeps_at_least_one_pixel(width, height, expected):
    assert shrink(np.full((height, width, 3), 90, np.uint8), 512).shape == (*expected, 3)


def test_the_canonical_picture_is_read_only_and_bounded(draw):
    canonical = draw_canonical(draw("waves", 900, 600))
    assert canonical.shape == (341, limits.CANONICAL_SIDE, 3)
    with pytest.raises(ValueError, match="read-only"):
        canonical[0, 0] = 0
