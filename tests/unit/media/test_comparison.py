"""Comparing a picture with a sketch: what is verified, what differs, what is left alone."""

from collections.abc import Callable
from functools import cache
from io import BytesIO
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from provenance.media.canonical import Pixels, shrink
from provenance.media.comparison import COMPARISON_VERSION, Box, Comparison, DetailPair, compare
from provenance.media.sketch import draw_sketch
from tests.odd_pictures import chart, code, gradient, page, stars

PHOTOS = Path(__file__).parents[3] / "demo" / "photos"
NAMES = ("astronaut.jpg", "coffee.png", "dandelions.jpg", "mountains.jpg", "rocket.jpg", "stream.jpg", "two-dogs.jpg")


@cache
def photograph(name: str) -> Pixels:
    with Image.open(PHOTOS / name) as image:
        return shrink(np.asarray(image.convert("RGB"), np.uint8), 1000)


@cache
def sketch(name: str) -> Pixels:
    return drawn(photograph(name))


def drawn(pixels: Pixels) -> Pixels:
    return draw_sketch(shrink(pixels, 512)).pixels


def sent(pixels: Pixels, quality: int = 80) -> Pixels:
    """As it arrives: a JPEG, shrunk to the canonical size."""
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality)
    return shrink(np.asarray(Image.open(buffer).convert("RGB"), np.uint8), 512)


def differences(comparison: Comparison) -> list[Box]:
    return [region.query for region in comparison.regions if region.kind == "differs"]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0.0, width) * max(0.0, height)
    areas = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other))
    return both / (areas - both)


def pasted(pixels: Pixels, donor: Pixels, box: Box) -> Pixels:
    height, width = pixels.shape[:2]
    rows = slice(round(box.top * height), round(box.bottom * height))
    columns = slice(round(box.left * width), round(box.right * width))
    result = pixels.copy()
    size = (columns.stop - columns.start, rows.stop - rows.start)
    result[rows, columns] = cv2.resize(donor[100:400, 100:400], size, interpolation=cv2.INTER_AREA)
    return result


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "harshly compressed": lambda p: sent(p, 30),
    "small": lambda p: sent(shrink(p, 300)),
    "grey": lambda p: sent(np.repeat(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)),
    "brighter": lambda p: sent(np.clip(p * 1.2, 0, 255).astype(np.uint8)),
    "faded": lambda p: sent((p * 0.7 + 40).astype(np.uint8)),
    "warmer": lambda p: sent(np.clip(p * np.array([1.12, 1.0, 0.85]), 0, 255).astype(np.uint8)),
    "softened": lambda p: sent(cv2.GaussianBlur(p, (0, 0), 1.0)),
}


@pytest.mark.parametrize("name", ["astronaut.jpg", "mountains.jpg", "two-dogs.jpg"])
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_verified_and_nothing_in_it_differs(name: str, kind: str) -> None:
    comparison = compare(COPIES[kind](photograph(name)), sketch(name))
    assert comparison.verified
    assert comparison.inliers >= 8
    assert comparison.regions == ()
    assert comparison.heat is not None
    assert not comparison.heat.any()
    assert comparison.similarity > 0.9


@pytest.mark.parametrize("kind", ["grey", "brighter", "faded", "warmer"])
def test_a_filter_over_the_whole_picture_is_named_as_a_change_of_colour(kind: str) -> None:
    assert compare(COPIES[kind](photograph("astronaut.jpg")), sketch("astronaut.jpg")).colour_changed


def test_a_plain_copy_has_not_changed_its_colours() -> None:
    comparison = compare(sent(photograph("mountains.jpg")), sketch("mountains.jpg"))
    assert not comparison.colour_changed
    assert comparison.method == COMPARISON_VERSION


def test_an_untransformed_copy_maps_onto_the_whole_reference() -> None:
    transform = compare(sent(photograph("mountains.jpg")), sketch("mountains.jpg")).transform
    assert transform is not None
    assert (transform.mirrored, round(transform.rotation_degrees), round(transform.scale, 2)) == (False, 0, 1.0)
    assert np.allclose(np.reshape(transform.homography, (3, 3)), np.eye(3), atol=0.01)
    assert overlap(transform.crop, Box(0, 0, 1, 1)) > 0.98


def test_a_mirrored_copy_is_found_and_called_mirrored() -> None:
    comparison = compare(sent(photograph("two-dogs.jpg")[:, ::-1]), sketch("two-dogs.jpg"))
    assert comparison.transform is not None
    assert comparison.transform.mirrored
    assert abs(comparison.transform.rotation_degrees) < 0.5
    assert comparison.regions == ()


@pytest.mark.parametrize(("turns", "degrees"), [(1, -90), (2, 180), (3, 90)])
def test_a_turned_copy_is_found_with_its_turn(turns: int, degrees: int) -> None:
    transform = compare(sent(np.rot90(photograph("two-dogs.jpg"), turns)), sketch("two-dogs.jpg")).transform
    assert transform is not None
    assert not transform.mirrored
    assert abs(abs(transform.rotation_degrees) - abs(degrees)) < 0.5
    assert degrees == 180 or transform.rotation_degrees * degrees > 0


def test_a_picture_upside_down_in_a_mirror_is_mirrored_and_turned() -> None:
    transform = compare(sent(photograph("two-dogs.jpg")[::-1]), sketch("two-dogs.jpg")).transform
    assert transform is not None
    assert transform.mirrored
    assert abs(transform.rotation_degrees) > 179.5


def test_a_crop_to_half_the_area_names_the_part_that_is_visible() -> None:
    height, width = photograph("two-dogs.jpg").shape[:2]
    part = photograph("two-dogs.jpg")[height // 10 : height * 8 // 10, width * 2 // 10 : width * 9 // 10]
    comparison = compare(sent(part), sketch("two-dogs.jpg"))
    assert comparison.transform is not None
    assert overlap(comparison.transform.crop, Box(0.2, 0.1, 0.9, 0.8)) > 0.97
    assert comparison.transform.scale == pytest.approx(1 / 0.7, rel=0.02)
    assert comparison.regions == ()


@pytest.mark.parametrize("name", ["astronaut.jpg", "mountains.jpg", "coffee.png"])
def test_a_patch_of_another_picture_is_found_where_it_is(name: str) -> None:
    where = Box(0.55, 0.5, 0.8, 0.75)
    comparison = compare(sent(pasted(photograph(name), photograph("two-dogs.jpg"), where)), sketch(name))
    assert comparison.verified
    found = differences(comparison)
    assert len(found) == 1
    assert overlap(found[0], where) > 0.5
    region = comparison.regions[0]
    assert region.reference is not None
    assert overlap(region.reference, where) > 0.5
    assert 0.05 < region.area < 0.11
    assert 0.5 <= region.strength <= 1
    assert comparison.heat is not None
    assert comparison.heat.shape == sent(photograph(name)).shape[:2]
    rows, columns = np.nonzero(comparison.heat)
    shown = Box(columns.min() / 512, rows.min() / 512, columns.max() / 512, rows.max() / 512)
    longest = max(comparison.heat.shape)
    scale_y, scale_x = longest / comparison.heat.shape[0], longest / comparison.heat.shape[1]
    assert (
        overlap(Box(shown.left * scale_x, shown.top * scale_y, shown.right * scale_x, shown.bottom * scale_y), where)
        > 0.5
    )


def test_the_reference_box_of_a_mirrored_copy_lies_on_the_other_side() -> None:
    where = Box(0.1, 0.5, 0.35, 0.75)
    query = pasted(np.ascontiguousarray(photograph("mountains.jpg")[:, ::-1]), photograph("coffee.png"), where)
    comparison = compare(sent(query), sketch("mountains.jpg"))
    assert overlap(differences(comparison)[0], where) > 0.5
    reference = comparison.regions[0].reference
    assert reference is not None
    assert overlap(reference, Box(0.65, 0.5, 0.9, 0.75)) > 0.5


def test_a_patch_under_a_filter_is_still_found() -> None:
    where = Box(0.3, 0.4, 0.55, 0.65)
    query = COPIES["faded"](pasted(photograph("astronaut.jpg"), photograph("stream.jpg"), where))
    comparison = compare(query, sketch("astronaut.jpg"))
    assert comparison.colour_changed
    assert overlap(differences(comparison)[0], where) > 0.5


def test_a_recoloured_part_differs_though_its_outlines_are_the_same() -> None:
    query = photograph("two-dogs.jpg").copy()
    height, width = query.shape[:2]
    where = (slice(height // 2, height * 3 // 4), slice(width // 2, width * 3 // 4))
    query[where] = np.clip(query[where] * np.array([0.6, 0.9, 1.5]) + (0, 0, 25), 0, 255).astype(np.uint8)
    found = differences(compare(sent(query), sketch("two-dogs.jpg")))
    assert overlap(found[0], Box(0.5, 0.5, 0.75, 0.75)) > 0.5


def test_words_over_the_picture_differ() -> None:
    query = photograph("mountains.jpg").copy()
    cv2.putText(query, "BREAKING NEWS", (120, 300), cv2.FONT_HERSHEY_DUPLEX, 3.0, (255, 255, 255), 6, cv2.LINE_AA)
    found = differences(compare(sent(query), sketch("mountains.jpg")))
    assert found
    assert all(box.top < 310 / query.shape[0] and box.bottom > 200 / query.shape[0] for box in found)


def slimmed(pixels: Pixels, box: Box, by: float) -> Pixels:
    """Drawn together towards the middle of the box, from both sides, by `by` of its width each."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rx, ry = (box.right - box.left) * width / 2, (box.bottom - box.top) * height / 2
    u, v = (x - (box.left + box.right) * width / 2) / rx, (y - (box.top + box.bottom) * height / 2) / ry
    push = u * np.square(np.clip(1 - 0.8 * (u * u + v * v), 0, 1))
    moved = x + (push * (by * 2 * rx / push.max())).astype(np.float32)
    return np.asarray(cv2.remap(pixels, moved, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8)


FACE = Box(0.33, 0.05, 0.57, 0.42)


def test_a_slimmed_face_is_found_and_said_to_be_moved() -> None:
    comparison = compare(sent(slimmed(photograph("astronaut.jpg"), FACE, 0.08)), sketch("astronaut.jpg"))
    assert [region.kind for region in comparison.regions] == ["moved"]
    assert overlap(comparison.regions[0].query, FACE) > 0.3
    assert comparison.heat is not None
    assert comparison.heat.any()


def erased(pixels: Pixels, box: Box) -> Pixels:
    """Filled from the surroundings."""
    height, width = pixels.shape[:2]
    hole = np.zeros((height, width), np.uint8)
    centre = (round((box.left + box.right) * width / 2), round((box.top + box.bottom) * height / 2))
    axes = (round((box.right - box.left) * width / 2), round((box.bottom - box.top) * height / 2))
    cv2.ellipse(hole, centre, axes, 0, 0, 360, 255, -1)
    return np.asarray(cv2.inpaint(pixels, hole, 5, cv2.INPAINT_TELEA), np.uint8)


ERASED = {
    "astronaut.jpg": [FACE, Box(0.6, 0.55, 0.8, 0.85)],
    "two-dogs.jpg": [Box(0.2, 0.3, 0.45, 0.7), Box(0.5, 0.2, 0.8, 0.6)],
    "mountains.jpg": [Box(0.4, 0.3, 0.6, 0.6), Box(0.1, 0.5, 0.25, 0.8)],
    "coffee.png": [Box(0.3, 0.25, 0.65, 0.6), Box(0.7, 0.4, 0.9, 0.75)],
    "stream.jpg": [Box(0.3, 0.3, 0.5, 0.6), Box(0.6, 0.4, 0.75, 0.6)],
}


@pytest.mark.parametrize("stored", [False, True], ids=["sketch", "stored picture"])
@pytest.mark.parametrize(("name", "where"), [(name, box) for name, boxes in ERASED.items() for box in boxes])
def test_what_was_erased_is_never_said_to_be_moved(name: str, where: Box, stored: bool) -> None:
    original = shrink(photograph(name), 512)
    query = sent(erased(photograph(name), where))
    comparison = compare(query, sketch(name), (lambda: original) if stored else None)
    # An edit may draw the laying by half a pixel, which another part of the picture then shows.
    assert {region.kind for region in comparison.regions if overlap(region.query, where) > 0} == {"differs"}


@pytest.mark.parametrize("stored", [False, True], ids=["sketch", "stored picture"])
@pytest.mark.parametrize("seed", range(6))
def test_bars_of_another_height_are_never_said_to_be_moved(seed: int, stored: bool) -> None:
    original = shrink(chart(seed), 512)
    comparison = compare(sent(chart(seed + 6)), drawn(chart(seed)), (lambda: original) if stored else None)
    assert {region.kind for region in comparison.regions} <= {"differs"}


def test_the_stored_picture_shows_a_change_that_the_sketch_cannot() -> None:
    query = sent(slimmed(photograph("astronaut.jpg"), Box(0.41, 0.27, 0.49, 0.33), 0.10), 92)
    original = shrink(photograph("astronaut.jpg"), 512)
    assert compare(query, sketch("astronaut.jpg")).regions == ()
    second = compare(query, sketch("astronaut.jpg"), lambda: original)
    assert second.reference == "stored picture"
    assert len(second.regions) == 1


def a_moment_later(pixels: Pixels, part: Box, by: float) -> Pixels:
    """Another frame of a camera that stands still: a part of the picture, soft at its edge, has moved by so many
    pixels, and all of it has noise of its own."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    u = (x / width - (part.left + part.right) / 2) / (part.right - part.left) * 2
    v = (y / height - (part.top + part.bottom) / 2) / (part.bottom - part.top) * 2
    moved = np.square(np.clip(1.2 - 0.9 * (u * u + v * v), 0, 1)) * np.float32(by)
    frame = cv2.remap(pixels, x + moved, y + moved / 2, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.clip(frame + np.random.default_rng(4).normal(0, 2, frame.shape), 0, 255).astype(np.uint8)


HANDS = {
    "two-dogs.jpg": Box(0.55, 0.25, 0.75, 0.55),
    "coffee.png": Box(0.3, 0.25, 0.65, 0.6),
    "stream.jpg": Box(0.4, 0.4, 0.6, 0.7),
    "mountains.jpg": Box(0.4, 0.5, 0.6, 0.8),
}


@pytest.mark.parametrize("by", [2.0, 3.0])
@pytest.mark.parametrize("name", HANDS)
def test_what_moved_by_a_pixel_between_two_frames_is_reported_where_the_picture_is_kept(name: str, by: float) -> None:
    original = shrink(photograph(name), 512)
    comparison = compare(sent(a_moment_later(photograph(name), HANDS[name], by), 88), sketch(name), lambda: original)
    assert "moved" in {region.kind for region in comparison.regions}
    assert max(overlap(region.query, HANDS[name]) for region in comparison.regions) > 0.25


@pytest.mark.parametrize("name", HANDS)
def test_what_moved_between_two_frames_is_reported_by_the_sketch_alone(name: str) -> None:
    comparison = compare(sent(a_moment_later(photograph(name), HANDS[name], 4.0), 88), sketch(name))
    assert max(overlap(region.query, HANDS[name]) for region in comparison.regions) > 0.25


@pytest.mark.parametrize("name", HANDS)
def test_noise_of_its_own_is_no_motion(name: str) -> None:
    original = shrink(photograph(name), 512)
    query = sent(a_moment_later(photograph(name), HANDS[name], 0.0), 88)
    assert compare(query, sketch(name), lambda: original).regions == ()


def turned_in_hue(pixels: Pixels, where: NDArray[np.bool_]) -> Pixels:
    """Light and saturation stay."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 70) % 180
    return np.where(where[..., None], cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), pixels).astype(np.uint8)


@pytest.mark.parametrize("stored", [False, True], ids=["sketch", "stored picture"])
def test_a_sky_of_another_hue_differs_with_any_reference(stored: bool) -> None:
    picture = photograph("mountains.jpg")
    height, width = picture.shape[:2]
    sky = np.arange(height)[:, None] < 0.3 * height + 0 * np.arange(width)
    original = shrink(picture, 512)
    comparison = compare(
        sent(turned_in_hue(picture, sky)), sketch("mountains.jpg"), (lambda: original) if stored else None
    )
    assert overlap(differences(comparison)[0], Box(0, 0, 1, 0.3)) > 0.5
    assert "sketch" in comparison.regions[0].seen_with


@pytest.mark.parametrize("name", ["astronaut.jpg", "two-dogs.jpg", "coffee.png"])
@pytest.mark.parametrize("stored", [False, True], ids=["sketch", "stored picture"])
def test_a_blurred_background_differs_with_any_reference(name: str, stored: bool) -> None:
    picture = photograph(name)
    height, width = picture.shape[:2]
    subject = np.zeros((height, width), np.float32)
    cv2.ellipse(subject, (width // 2, height * 6 // 10), (width // 4, height * 2 // 5), 0, 0, 360, 1.0, -1)
    subject = cv2.GaussianBlur(subject, (0, 0), 3)[..., None]
    blurred = cv2.GaussianBlur(picture, (0, 0), 5)
    query = (picture * subject + blurred * (1 - subject)).astype(np.uint8)
    original = shrink(picture, 512)
    comparison = compare(sent(query), sketch(name), (lambda: original) if stored else None)
    assert differences(comparison)


def detailed(name: str) -> Pixels:
    """As large as the file is."""
    with Image.open(PHOTOS / name) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def with_detail(name: str, query: Pixels, *, whole: bool = True) -> Comparison:
    whole_picture = detailed(name)
    original = shrink(whole_picture, 512)
    return compare(
        shrink(query, 512),
        sketch(name),
        lambda: original,
        detail=lambda: DetailPair(query, whole_picture),
        whole=whole,
    )


@pytest.mark.parametrize("name", ["mountains.jpg", "two-dogs.jpg"])
def test_an_insert_of_a_thousandth_of_the_area_is_found_at_full_detail(name: str) -> None:
    picture = detailed(name).copy()
    height, width = picture.shape[:2]
    side = round((0.0012 * height * width) ** 0.5)
    top, left = height // 2, width // 3
    donor = cv2.resize(detailed("coffee.png")[100:300, 100:300], (side, side), interpolation=cv2.INTER_AREA)
    picture[top : top + side, left : left + side] = donor
    comparison = with_detail(name, picture)
    assert comparison.reference == "full detail"
    assert any("full detail" in region.seen_with for region in comparison.regions)
    where = Box(left / width, top / height, (left + side) / width, (top + side) / height)
    assert max(overlap(box, where) for box in differences(comparison)) > 0.13  # three times as wide, and as high


@pytest.mark.parametrize("name", ["mountains.jpg", "two-dogs.jpg", "stream.jpg"])
def test_nothing_in_a_copy_differs_at_full_detail(name: str) -> None:
    buffer = BytesIO()
    Image.fromarray(detailed(name)).save(buffer, "JPEG", quality=85)
    copy = np.asarray(Image.open(buffer).convert("RGB"), np.uint8)
    comparison = with_detail(name, copy)
    assert comparison.reference == "full detail"
    assert comparison.regions == ()


def test_full_detail_is_not_even_decoded_where_nothing_is_suspected() -> None:
    picture, original = photograph("mountains.jpg"), shrink(photograph("mountains.jpg"), 512)

    def decoded() -> DetailPair:
        raise AssertionError("decoded")

    comparison = compare(sent(picture, 90), sketch("mountains.jpg"), lambda: original, detail=decoded)
    assert comparison.reference == "stored picture"
    with pytest.raises(AssertionError, match="decoded"):
        compare(sent(picture, 90), sketch("mountains.jpg"), lambda: original, detail=decoded, whole=True)


def test_the_finer_the_look_the_smaller_a_region_can_be_reported() -> None:
    picture = detailed("mountains.jpg")
    original = shrink(picture, 512)
    looks = [
        compare(shrink(picture, 512), sketch("mountains.jpg")),
        compare(shrink(picture, 512), sketch("mountains.jpg"), lambda: original),
        with_detail("mountains.jpg", picture),
    ]
    assert [each.reference for each in looks] == ["sketch", "stored picture", "full detail"]
    smallest = [each.smallest for each in looks]
    assert smallest == sorted(smallest, reverse=True)
    assert 0.001 < smallest[0] < 0.003
    assert smallest[2] < 0.0002


@pytest.mark.parametrize("kind", COPIES)
def test_nothing_in_a_copy_differs_from_the_stored_picture(kind: str) -> None:
    original = shrink(photograph("mountains.jpg"), 512)
    comparison = compare(COPIES[kind](photograph("mountains.jpg")), sketch("mountains.jpg"), lambda: original)
    assert comparison.reference == "stored picture"
    assert comparison.regions == ()


def test_a_copy_seen_from_one_side_has_no_region() -> None:
    picture = photograph("two-dogs.jpg")
    height, width = picture.shape[:2]
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inner = np.array([[20, 10], [width - 5, 25], [width - 30, height - 8], [6, height - 22]], np.float32)
    query = cv2.warpPerspective(picture, cv2.getPerspectiveTransform(inner, frame), (width, height))
    assert compare(sent(np.asarray(query, np.uint8)), sketch("two-dogs.jpg")).regions == ()


def captioned(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    canvas = np.full((height + height // 7, width, 3), 255, np.uint8)
    canvas[: height // 7] = 255
    canvas[height // 7 :] = pixels
    cv2.putText(canvas, "WHEN THE TRAIN IS LATE", (40, height // 10), cv2.FONT_HERSHEY_DUPLEX, 1.6, (0, 0, 0), 3)
    return canvas


def test_a_caption_bar_is_outside_and_nothing_differs() -> None:
    comparison = compare(sent(captioned(photograph("two-dogs.jpg"))), sketch("two-dogs.jpg"))
    assert [region.kind for region in comparison.regions] == ["outside"]
    region = comparison.regions[0]
    assert region.reference is None
    assert overlap(region.query, Box(0, 0, 1, 0.125)) > 0.9
    assert region.area == pytest.approx(0.125, abs=0.01)


def test_a_border_is_four_strips_outside() -> None:
    framed = cv2.copyMakeBorder(photograph("mountains.jpg"), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(200, 30, 60))
    comparison = compare(sent(framed), sketch("mountains.jpg"))
    assert [region.kind for region in comparison.regions] == ["outside"] * 4


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2))[::2])
def test_two_different_photographs_are_not_verified(one: str, other: str) -> None:
    comparison = compare(sent(photograph(one)), sketch(other))
    assert not comparison.verified
    assert (comparison.transform, comparison.heat, comparison.regions, comparison.similarity) == (None, None, (), 0.0)


def test_two_photographs_under_the_same_caption_are_not_verified() -> None:
    query, reference = captioned(photograph("coffee.png")), drawn(captioned(photograph("mountains.jpg")))
    assert not compare(sent(query), reference).verified


@pytest.mark.parametrize("draw", [gradient, stars, page, code])
def test_pictures_that_are_alike_in_kind_only_are_not_verified(draw: Callable[[int], Pixels]) -> None:
    references = [drawn(draw(seed)) for seed in range(4)]
    for seed in range(4):
        query = sent(draw(seed))
        assert [
            compare(query, reference).verified for reference in references if reference is not references[seed]
        ] == [False] * 3


def test_a_picture_without_texture_is_never_verified_even_against_itself() -> None:
    assert not compare(sent(gradient(1)), drawn(gradient(1))).verified


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (20, 20), (300, 30)])
def test_a_picture_too_small_to_compare_is_not_verified(size: tuple[int, int]) -> None:
    tiny = np.zeros((*size, 3), np.uint8)
    assert not compare(tiny, sketch("coffee.png")).verified
    assert not compare(sent(photograph("coffee.png")), tiny).verified


def test_comparing_twice_gives_the_same_answer() -> None:
    query = sent(pasted(photograph("stream.jpg"), photograph("coffee.png"), Box(0.2, 0.2, 0.5, 0.5)))
    first, second = (compare(query, sketch("stream.jpg")) for _ in range(2))
    assert first.transform == second.transform
    assert first.regions == second.regions
    assert np.array_equal(first.heat, second.heat)
