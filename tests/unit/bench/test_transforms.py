"""The transforms of the matching benchmark: the same for the same seed, of sizes that are shared, and what they say."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from bench.matching.transforms import TRANSFORMS, Transform
from tests.unit.verification.pictures import COFFEE, DOGS, MOUNTAINS, ROCKET, opened, photo

SEED = bytes(range(32))
PICTURE, *OTHERS = (ImageOps.contain(opened(photo(name)), (480, 480)) for name in (MOUNTAINS, COFFEE, DOGS, ROCKET))
BY_NAME = {transform.name: transform for transform in TRANSFORMS}


def altered(transform: Transform, seed: bytes = SEED) -> Image.Image:
    return Image.open(BytesIO(transform.file(PICTURE, seed, OTHERS))).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference in levels, at the size of the first."""
    first, second = (np.asarray(each.resize(one.size), np.int16) for each in (one, other))
    return float(np.abs(first - second).mean())


def test_there_are_at_least_the_53_kinds_that_the_targets_are_set_for() -> None:
    assert len(BY_NAME) == len(TRANSFORMS) >= 53


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.name)
def test_a_transform_gives_the_same_file_for_the_same_seed_and_leaves_its_picture_alone(transform: Transform) -> None:
    before = PICTURE.tobytes(), [other.tobytes() for other in OTHERS]
    first = transform.file(PICTURE, SEED, OTHERS)
    assert transform.file(PICTURE, SEED, OTHERS) == first
    assert (PICTURE.tobytes(), [other.tobytes() for other in OTHERS]) == before
    file = Image.open(BytesIO(first))
    assert file.format == transform.kind
    assert min(file.size) >= 90
    assert max(file.size) <= 2600


@pytest.mark.parametrize("name", ["20 % cropped", "emoji", "meme", "telephone screenshot", "noise 10", "perspective"])
def test_another_seed_draws_another_copy(name: str) -> None:
    assert BY_NAME[name].file(PICTURE, bytes(32), OTHERS) != BY_NAME[name].file(PICTURE, SEED, OTHERS)


@pytest.mark.parametrize("percent", [5, 10, 20, 30, 50, 75])
def test_a_crop_removes_the_share_of_the_area_that_its_name_says_and_keeps_the_shape(percent: int) -> None:
    width, height = altered(BY_NAME[f"{percent} % cropped"]).size
    assert width * height / (PICTURE.width * PICTURE.height) == pytest.approx(1 - percent / 100, abs=0.01)
    assert width / height == pytest.approx(PICTURE.width / PICTURE.height, rel=0.01)


@pytest.mark.parametrize(
    ("name", "undo"),
    [
        ("mirrored", ImageOps.mirror),
        ("flipped", ImageOps.flip),
        ("turned 90°", lambda picture: picture.rotate(90, expand=True)),
        ("turned 180°", lambda picture: picture.rotate(180)),
    ],
)
def test_an_orientation_is_undone_by_its_opposite(name: str, undo: object) -> None:
    assert callable(undo)
    copy = altered(BY_NAME[name])
    assert difference(PICTURE, undo(copy)) < 4
    assert difference(PICTURE, copy) > 20


def test_the_compressed_and_resized_copies_show_the_same_picture() -> None:
    for transform in TRANSFORMS:
        if transform.family in ("compression", "size"):
            assert difference(PICTURE, altered(transform)) < 10, transform.name


@pytest.mark.parametrize("name", ["telephone screenshot", "desktop screenshot", "letterbox", "meme", "border"])
def test_what_frames_a_picture_adds_to_it(name: str) -> None:
    """Somewhere outside the picture's own colours: the picture's mean is not that of the whole."""
    copy = altered(BY_NAME[name])
    assert difference(PICTURE, copy) > 15


@pytest.mark.parametrize(("name", "shown"), [("inset, 40 % of the sides", 1), ("collage of four", 3)])
def test_a_composition_shows_as_many_others_as_it_says(name: str, shown: int) -> None:
    transform = BY_NAME[name]
    assert transform.others == shown
    copy = transform.file(PICTURE, SEED, OTHERS)
    for place in range(len(OTHERS)):
        blank = [Image.new("RGB", other.size) if each == place else other for each, other in enumerate(OTHERS)]
        assert (transform.file(PICTURE, SEED, blank) != copy) is (place < shown)


def test_only_compositions_show_other_pictures() -> None:
    blanks = [Image.new("RGB", other.size) for other in OTHERS]
    for transform in TRANSFORMS:
        if not transform.others and transform.name != "AVIF quality 40":
            assert transform.file(PICTURE, SEED, OTHERS) == transform.file(PICTURE, SEED, blanks), transform.name
