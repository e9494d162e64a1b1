"""What several looks at one pair see together."""

import numpy as np

from provenance.media.calibration import ReferenceKind
from provenance.media.comparison.difference import Patch
from provenance.media.comparison.difference_map import (
    MIN_CONFIRMATION,
    SUSPECTED,
    DifferenceMap,
    merge_maps,
    suspected_area,
)

SIZE = (120, 160)


def box(size: tuple[int, int], top: float, left: float, bottom: float, right: float) -> np.ndarray:
    pixels = np.zeros(size, bool)
    rows, columns = size
    pixels[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)] = True
    return pixels


def seeing(
    kind: ReferenceKind, size: tuple[int, int], *boxes: tuple[float, float, float, float], moved: bool = False
) -> DifferenceMap:
    patches = [Patch(box(size, *each), 0.7, moved) for each in boxes]
    heat = (np.logical_or.reduce([np.zeros(size, bool), *(patch.pixels for patch in patches)]) * 180).astype(np.uint8)
    evidence = np.where(heat > 0, np.float32(2), np.float32(-2))
    return DifferenceMap(kind, patches, heat, evidence, 0.001, whole=True)


COARSE, FINE = (30, 40), (60, 80)


def test_what_the_sketch_alone_sees_is_reported_and_said_to_be_seen_with_it() -> None:
    finer = seeing("stored picture", FINE)
    finer.evidence[box(FINE, 0.5, 0.5, 0.52, 0.52)] = MIN_CONFIRMATION
    sketch = seeing("sketch", COARSE, (0.2, 0.2, 0.8, 0.8))
    for maps in ([sketch], [sketch, finer]):
        seen, heat = merge_maps(maps, SIZE)
        assert [each.seen_with for each in seen] == [("sketch",)]
        assert (heat > 0).mean() == seen[0].pixels.mean() > 0.3


def test_what_the_sketch_alone_sees_is_dropped_where_the_stored_picture_shows_hardly_anything_of_it() -> None:
    finer = seeing("stored picture", FINE)
    finer.evidence[box(FINE, 0.5, 0.5, 0.52, 0.52)] = MIN_CONFIRMATION - 0.1
    finer.evidence[box(FINE, 0.9, 0.9, 1.0, 1.0)] = SUSPECTED + 0.1
    maps = [seeing("sketch", COARSE, (0.2, 0.2, 0.8, 0.8)), finer]
    seen, heat = merge_maps(maps, SIZE)
    assert not seen
    assert not heat.any()
    assert np.array_equal(suspected_area(maps), box(FINE, 0.9, 0.9, 1.0, 1.0))


def test_what_the_stored_picture_alone_sees_is_reported_and_said_to_be_seen_with_it() -> None:
    seen, _ = merge_maps([seeing("sketch", COARSE), seeing("stored picture", FINE, (0.5, 0.5, 0.6, 0.6))], SIZE)
    assert [each.seen_with for each in seen] == [("stored picture",)]


def test_what_both_see_is_one_region_with_the_finer_outline() -> None:
    maps = [seeing("sketch", COARSE, (0.2, 0.2, 0.5, 0.5)), seeing("stored picture", FINE, (0.25, 0.25, 0.5, 0.5))]
    (region,), _ = merge_maps(maps, SIZE)
    assert region.seen_with == ("sketch", "stored picture")
    assert np.array_equal(region.pixels, box(SIZE, 0.25, 0.25, 0.5, 0.5))


def test_a_wide_region_of_the_sketch_is_kept_though_the_stored_picture_sees_a_corner_of_it() -> None:
    maps = [seeing("sketch", COARSE, (0.1, 0.1, 0.9, 0.9)), seeing("stored picture", FINE, (0.1, 0.1, 0.2, 0.2))]
    (region,), _ = merge_maps(maps, SIZE)
    assert region.seen_with == ("sketch", "stored picture")
    assert region.pixels.mean() > 0.6


def test_the_finest_look_that_sees_a_region_says_whether_it_is_moved() -> None:
    where = (0.2, 0.2, 0.5, 0.5)
    maps = [seeing("sketch", COARSE, where, moved=True), seeing("stored picture", FINE, where)]
    assert [each.moved for each in merge_maps(maps, SIZE)[0]] == [False]
    assert [each.moved for each in merge_maps(maps[:1], SIZE)[0]] == [True]


def test_a_region_of_a_few_pixels_at_full_detail_is_not_lost_where_it_is_drawn_smaller() -> None:
    large = (480, 640)
    (region,), heat = merge_maps([seeing("full detail", large, (0.5, 0.5, 0.5 + 4 / 480, 0.5 + 4 / 640))], SIZE)
    assert region.pixels.any()
    assert heat.shape == large, "what was seen at full detail is drawn in it"
    assert np.array_equal(heat > 0, box(large, 0.5, 0.5, 0.5 + 4 / 480, 0.5 + 4 / 640))


def test_only_what_comes_near_the_threshold_unreported_is_suspected() -> None:
    map_ = seeing("stored picture", FINE, (0.1, 0.1, 0.3, 0.3))
    near = box(FINE, 0.6, 0.6, 0.7, 0.7)
    map_.evidence[near] = SUSPECTED + 0.1
    assert np.array_equal(suspected_area([map_]), near)
