"""Local features: codes that stay with a picture's points, whatever is cut off around them."""

import numpy as np
import pytest

from provenance.media.canonical import shrink
from provenance.media.comparison.geometry import extract_sift
from provenance.media.local_features import CODE, LocalFeatures, as_codes, describe, vocabulary
from tests.unit.verification import pictures
from tests.unit.verification.pictures import DOGS, MOUNTAINS


def described(pixels: np.ndarray, most: int = 500) -> LocalFeatures:
    return describe(extract_sift(shrink(np.ascontiguousarray(pixels), 512)), most)


def shared(one: bytes, other: bytes) -> int:
    """Features of `one` that have one of the same word and nearly the same signs in `other`."""
    here, there = as_codes(one), as_codes(other)
    near = np.bitwise_count(here["signs"][:, None] ^ there["signs"][None]) <= 20
    return int((near & (here["word"][:, None] == there["word"][None])).any(1).sum())


@pytest.fixture(scope="module")
def mountains() -> np.ndarray:
    return np.asarray(pictures.opened(pictures.photo(MOUNTAINS)).convert("RGB"))


def test_a_part_of_a_picture_shares_features_with_it_and_another_picture_hardly_any(mountains: np.ndarray) -> None:
    height, width = mountains.shape[:2]
    part = described(mountains[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4])
    other = described(np.asarray(pictures.opened(pictures.photo(DOGS)).convert("RGB")))
    whole = described(mountains)
    assert shared(part.upright, whole.upright) >= 30
    assert shared(other.upright, whole.upright) <= 8


def test_the_mirror_image_has_the_codes_of_the_mirrored_picture(mountains: np.ndarray) -> None:
    whole, mirrored = described(mountains), described(mountains[:, ::-1])
    assert shared(mirrored.mirrored, whole.upright) >= 150
    assert shared(mirrored.upright, whole.upright) <= 30


def test_a_quarter_turn_turns_every_direction_by_a_quarter(mountains: np.ndarray) -> None:
    whole, turned = as_codes(described(mountains).upright), as_codes(described(np.rot90(mountains, -1)).upright)
    near = np.bitwise_count(turned["signs"][:, None] ^ whole["signs"][None]) <= 8
    same = near & (turned["word"][:, None] == whole["word"][None])
    one, other = np.nonzero(same)
    turns = (turned["direction"][one].astype(int) - whole["direction"][other]) % 256
    assert len(turns) >= 50
    assert np.mean(np.abs(turns - 64) <= 4) >= 0.9


def test_the_first_features_lie_all_over_the_picture_and_no_more_are_given_than_asked_for(
    mountains: np.ndarray,
) -> None:
    few = described(mountains, 100)
    assert few.count == 100
    assert few.upright == described(mountains).upright[: 100 * CODE.itemsize]


def test_a_flat_picture_has_none() -> None:
    flat = described(np.full((300, 400, 3), 90, np.uint8))
    assert (flat.count, flat.upright, flat.mirrored) == (0, b"", b"")


def test_the_committed_vocabulary_has_the_stated_form() -> None:
    known = vocabulary()
    assert known.mean.shape == (128,)
    assert [centroids.shape for centroids in known.centroids] == [(128, 64), (128, 64)]
    assert all(np.isfinite(centroids).all() for centroids in known.centroids)
