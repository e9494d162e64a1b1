"""Which part of the registered picture a copy shows."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.media.canonical import Pixels, shrink
from provenance.media.comparison import alignment, compare
from provenance.media.comparison.alignment import align, visible_corners
from provenance.media.comparison.geometry import translation
from provenance.media.media import Media

PHOTOS = Path(__file__).parents[3] / "demo" / "photos"

SIZE = st.floats(-1, 1)
NEAR = st.tuples(st.floats(-12, -2), st.lists(SIZE, min_size=8, max_size=8))
"""A homography near the identity: how near, as a power of ten, and in which direction."""
FAR = st.tuples(st.floats(-4, 4), st.floats(0.2, 5), st.floats(0.2, 5), st.floats(-2, 2), st.floats(-2, 2), SIZE, SIZE)
"""Turned, scaled, shifted, and seen a little from one side."""


def near(power: float, direction: list[float]) -> np.ndarray:
    return np.eye(3) + 10.0**power * np.array([*direction, 0.0]).reshape(3, 3)


def far(turn: float, wide: float, high: float, x: float, y: float, lean: float, tilt: float) -> np.ndarray:
    sine, cosine = np.sin(turn), np.cos(turn)
    from_reference = np.array(
        [[wide * cosine, -high * sine, x], [wide * sine, high * cosine, y], [0.3 * lean, 0.3 * tilt, 1.0]]
    )
    return np.linalg.inv(from_reference)


@given(NEAR)
def test_a_whole_copy_shows_the_whole_though_its_frame_is_hardly_off(drawn: tuple[float, list[float]]) -> None:
    corners = visible_corners(near(*drawn))
    off = 8 * 10.0 ** drawn[0]
    assert (np.abs(corners.min(0)) <= off).all()
    assert (np.abs(corners.max(0) - 1) <= off).all()


@given(FAR)
def test_just_those_points_lie_within_the_visible_part_that_the_query_shows(drawn: tuple[float, ...]) -> None:
    to_reference = far(*drawn)
    corners = visible_corners(to_reference)
    steps = np.linspace(0, 1, 33)
    points = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    projected = np.concatenate([points, np.ones((len(points), 1))], 1) @ np.linalg.inv(to_reference).T
    seen = projected[:, :2] / projected[:, 2:]
    margin = np.minimum(seen, 1 - seen).min(1)
    assert _within(points[margin > 1e-6], corners, -1e-7).all()
    assert not _within(points[margin < -1e-6], corners, 1e-7).any()


def _within(points: np.ndarray, corners: np.ndarray, margin: float) -> np.ndarray:
    """Which points lie inside a convex polygon, by more than `margin`."""
    ahead = np.roll(corners, -1, 0) - corners
    length = np.hypot(*ahead.T)
    if (length > 1e-9).sum() < 3:
        return np.zeros(len(points), bool)
    across = (ahead * [1, -1])[:, ::-1]
    inwards = np.sign(((corners.mean(0) - corners) * across).sum())
    distances = ((points[:, None] - corners) * across).sum(-1) / np.maximum(length, 1e-12)
    return (inwards * distances > margin)[:, length > 1e-9].all(1)


def test_a_query_beside_the_reference_shows_nothing_of_it() -> None:
    assert len(visible_corners(np.array([[1.0, 0, 3], [0, 1, 0], [0, 0, 1]]))) == 0


def test_a_mirrored_half_shows_that_half() -> None:
    corners = visible_corners(np.array([[-0.5, 0, 0.5], [0, 1.0, 0], [0, 0, 1]]))
    assert corners.min(0) == pytest.approx([0, 0])
    assert corners.max(0) == pytest.approx([0.5, 1])


def on_a_page() -> tuple[Pixels, Pixels]:
    """A page with a fifth of it a picture of which a corner was painted over, and the picture as it was."""
    picture = shrink(Media.from_bytes((PHOTOS / "mountains.jpg").read_bytes()).pixels, 256)
    height, width = picture.shape[:2]
    page = np.full((420, 512, 3), 240, np.uint8)
    for line in range(20, 120, 16):
        cv2.putText(page, "Residents say that they were told of it", (20, line), 0, 0.4, (60, 60, 60))
    page[200 : 200 + height, 240 : 240 + width] = picture
    cv2.rectangle(page, (260, 230), (310, 270), (200, 40, 40), -1)
    return page, picture


def test_of_a_page_only_what_is_near_the_picture_on_it_is_measured() -> None:
    page, picture = on_a_page()
    found = align(page, picture, translation(-240, -200))
    assert found is not None
    assert found.query.shape[0] * found.query.shape[1] < 0.5 * page.shape[0] * page.shape[1]
    assert found.part.place(found.covered).sum() == pytest.approx(picture.shape[0] * picture.shape[1], rel=0.02)


def test_what_differs_on_a_page_is_found_where_it_is_as_if_all_of_the_page_were_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page, picture = on_a_page()
    part = compare(page, picture)
    monkeypatch.setattr(alignment, "MAX_PART", 0.0)
    whole = compare(page, picture)
    assert part.transform == whole.transform
    assert [each for each in part.regions if each.kind == "outside"] == [
        each for each in whole.regions if each.kind == "outside"
    ]
    (one,), (other,) = ([each for each in found.regions if each.kind != "outside"] for found in (part, whole))
    assert one.query.left == pytest.approx(other.query.left, abs=0.01)
    assert one.query.bottom == pytest.approx(other.query.bottom, abs=0.01)
    assert one.query.left == pytest.approx(260 / 512, abs=0.02)
    assert one.query.bottom == pytest.approx(270 / 420, abs=0.03)
