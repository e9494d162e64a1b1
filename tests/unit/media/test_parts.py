"""Parts of a picture that may be pictures of their own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from provenance.media.canonical import Pixels, shrink
from provenance.media.comparison import Box
from provenance.media.media import Media
from provenance.media.parts import MAX_PARTS, Rectangle, crop_parts, find_parts

PHOTOS = Path(__file__).parents[3] / "demo" / "photos"


def photograph(name: str, side: int) -> Pixels:
    return shrink(Media.from_bytes((PHOTOS / name).read_bytes()).pixels, side)


def inset(side: int, share: float) -> tuple[Pixels, Rectangle]:
    """A photograph with another in it, `share` of its width wide, and where that is."""
    whole, other = photograph("mountains.jpg", side).copy(), photograph("coffee.png", round(side * share))
    top, left = round(whole.shape[0] * 0.2), round(whole.shape[1] * 0.9) - other.shape[1]
    where = Rectangle(left, top, left + other.shape[1], top + other.shape[0])
    whole[where.top : where.bottom, where.left : where.right] = other
    return whole, where


@pytest.mark.parametrize("share", [0.2, 0.35])
def test_an_inset_without_a_border_is_among_the_parts(share: float) -> None:
    whole, where = inset(512, share)
    assert max(part.overlap(where) for part in find_parts(whole)) > 0.9


def test_each_picture_of_a_collage_is_a_part() -> None:
    names = ("astronaut.jpg", "coffee.png", "stream.jpg", "mountains.jpg")
    tiles = [cv2.resize(photograph(name, 512), (250, 180), interpolation=cv2.INTER_AREA) for name in names]
    whole = np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])
    places = [Rectangle(x, y, x + 250, y + 180) for y in (0, 180) for x in (0, 250)]
    parts = find_parts(whole)
    assert all(max(part.overlap(place) for part in parts) > 0.75 for place in places)


def test_a_page_that_covers_most_of_a_screenshot_is_no_part_and_the_picture_on_it_is() -> None:
    screen = np.full((512, 400, 3), 30, np.uint8)
    screen[100:480] = 245  # the page: three quarters of the screen
    picture = cv2.resize(photograph("coffee.png", 400), (300, 180), interpolation=cv2.INTER_AREA)
    screen[160:340, 50:350] = picture
    parts = find_parts(screen)
    assert max(part.overlap(Rectangle(50, 160, 350, 340)) for part in parts) > 0.9
    assert max(part.overlap(Rectangle(0, 100, 400, 480)) for part in parts) < 0.5


@pytest.mark.parametrize("pixels", [np.zeros((1, 1, 3)), np.zeros((1, 9000, 3)), np.full((512, 512, 3), 80)])
def test_a_picture_without_edges_has_no_parts(pixels: Pixels) -> None:
    assert find_parts(pixels.astype(np.uint8)) == []


def test_a_board_of_a_hundred_rectangles_gives_a_bounded_number() -> None:
    board = np.kron(np.indices((10, 10)).sum(0) % 2, np.ones((50, 50)))[..., None] * [255.0, 255.0, 255.0]
    assert 0 < len(find_parts(board.astype(np.uint8))) <= MAX_PARTS


def test_a_part_is_seen_in_the_detail_of_the_larger_picture() -> None:
    large, where = inset(1024, 0.2)
    canonical = shrink(large, 512)
    crops = crop_parts(canonical, [], lambda: large)
    assert max(crops[-1].pixels.shape) == 256
    corners = np.array([[where.left, where.top, 2], [where.right, where.bottom, 2]]).T / 2
    placed = [(crop.from_canonical @ corners, crop.pixels.shape) for crop in crops[:-1]]
    assert any(
        np.abs(seen[:2, 0]).max() <= 4 and np.abs(seen[:2, 1] - shape[1::-1]).max() <= 4 for seen, shape in placed
    )


def test_what_a_match_accounts_for_is_not_looked_at_again() -> None:
    whole, where = inset(512, 0.45)
    height, width = whole.shape[:2]
    box = Box(where.left / width, where.top / height, where.right / width, where.bottom / height)

    def seen(unexplained: list[list[Box]]) -> int:
        crops = crop_parts(whole, unexplained, lambda: whole)
        return sum(abs(crop.pixels.shape[1] - (where.right - where.left)) <= 2 for crop in crops)

    assert seen([[box]]) == 1
    assert seen([[]]) == 0
    assert seen([[box], [Box(0, 0, 0.3, 1)]]) == 0
