"""Motion: what another frame of the same camera displaces, and what no copy does."""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from provenance.media.comparison.motion import EXACT, motion

SIZE = (240, 320)
STEP = 2
MASK = np.ones(SIZE, np.float32)


def textured(seed: int = 0) -> np.ndarray:
    """Soft random shapes."""
    noise = np.random.default_rng(seed).random(SIZE).astype(np.float32)
    mixed = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 4, 12))
    return np.asarray(cv2.normalize(mixed, None, 20, 235, cv2.NORM_MINMAX), np.float32)


LIGHT = textured()
Y, X = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
PART = np.asarray(np.hypot(X - 200, Y - 120) < 36)


def displaced(x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
    """The light, displaced by so many pixels."""
    places = (X + np.float32(x), Y + np.float32(y))
    return np.asarray(cv2.remap(LIGHT, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.float32)


def noisy(light: np.ndarray, deviation: float = 2.0) -> np.ndarray:
    return (light + np.random.default_rng(1).normal(0, deviation, SIZE)).astype(np.float32)


def compressed(light: np.ndarray, quality: int) -> np.ndarray:
    buffer = BytesIO()
    Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), np.float32)


@pytest.mark.parametrize("by", [0.5, 1.0, 2.0])
def test_a_part_that_moved_by_a_pixel_is_seen_where_it_is_under_new_noise(by: float) -> None:
    still = cv2.GaussianBlur(PART.astype(np.float32), (0, 0), 4)
    seen = motion(noisy(displaced(by * still, 0)), LIGHT, MASK, STEP)
    row, column = np.unravel_index(seen.argmax(), seen.shape)
    assert PART[row * STEP, column * STEP]
    assert seen.max() > 2
    assert seen.max() > 10 * np.quantile(seen[~PART[::STEP, ::STEP]], 0.5)


COPIES: dict[str, Callable[[], np.ndarray]] = {
    "harshly compressed": lambda: compressed(LIGHT, 20),
    "noisy": lambda: noisy(LIGHT, 6),
    "softened": lambda: cv2.GaussianBlur(LIGHT, (0, 0), 1.2),
    "sharpened": lambda: LIGHT + 0.8 * (LIGHT - cv2.GaussianBlur(LIGHT, (0, 0), 1.5)),
    "shaded": lambda: LIGHT * (0.8 + 0.3 * X / SIZE[1]),
    "laid a little off": lambda: displaced(0.4, -0.3),
    "laid by a homography that is a little off": lambda: displaced(0.004 * (X - 160) + 0.3, 0.006 * (Y - 120)),
    "through a lens": lambda: displaced((X - 160) * (X - 160) * 4e-5, 0),
}


@pytest.mark.parametrize("kind", COPIES)
def test_no_part_of_a_copy_moves(kind: str) -> None:
    assert motion(COPIES[kind](), LIGHT, MASK, STEP).max() < 0.4


def test_what_is_off_by_less_than_pictures_are_laid_exactly_has_not_moved() -> None:
    assert motion(displaced(0.8 * EXACT * PART, 0), LIGHT, MASK, STEP).max() < 0.05


def test_a_part_of_other_content_is_no_motion() -> None:
    query = np.where(PART, textured(5), LIGHT)
    assert motion(query, LIGHT, MASK, STEP).max() < 1


def test_nothing_moves_where_there_is_no_texture() -> None:
    plain = np.full(SIZE, 120, np.float32)
    assert not motion(noisy(plain), plain, MASK, STEP).any()


def test_what_lies_beyond_the_reach_moves_nothing_within_it() -> None:
    mask = MASK.copy()
    mask[:, :150] = 0
    query = np.where(mask > 0, LIGHT, textured(7))
    assert motion(query, LIGHT, mask, STEP).max() < 0.05
