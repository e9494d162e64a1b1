"""Pictures that are hard to tell apart or to decode: each gets a verdict, and none is taken for another one."""

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from provenance.verification import Verdict
from provenance.verification.axes import Axis, Registration
from tests.odd_pictures import code, gradient, page, stars
from tests.unit.verification import pictures
from tests.unit.verification.pictures import MOUNTAINS, ROCKET, photo
from tests.unit.verification.simulator import open_registry

Pixels = NDArray[np.uint8]
MATCHES = (Registration.EXACT_MATCH, Registration.MATCH_NO_DIFFERENCE_FOUND, Registration.MATCH_WITH_DIFFERENCES)


def flat(seed: int) -> Pixels:
    return np.full((300, 400, 3), 40 + 50 * seed, np.uint8)


def logo(seed: int) -> Pixels:
    """Another name beside the same circle."""
    canvas = np.full((300, 480, 3), 255, np.uint8)
    cv2.circle(canvas, (110, 150), 75, (160, 40 + 20 * seed, 90), -1)
    name = ("SUNUM", "ACTOR", "MOTNU")[seed]
    cv2.putText(canvas, name, (200, 180), cv2.FONT_HERSHEY_DUPLEX, 2.2, (20, 20, 20), 4, cv2.LINE_AA)
    return canvas


def one_pixel(seed: int) -> Pixels:
    return np.full((1, 1, 3), 10 + seed, np.uint8)


def a_thread(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (1, 10_000, 3)).astype(np.uint8)


def png(pixels: Pixels) -> bytes:
    return pictures.saved(Image.fromarray(pixels), "PNG")


def value(verdict: Verdict) -> Registration:
    found = verdict.axes[Axis.REGISTRATION].value
    assert isinstance(found, Registration)
    return found


@pytest.mark.parametrize("draw", [flat, gradient, stars, page, code, logo, one_pixel, a_thread])
def test_pictures_that_are_alike_in_kind_only_are_not_taken_for_one_another(draw: Callable[[int], Pixels]) -> None:
    registry = open_registry("daily")
    registry.reach = 256  # every registration is proposed, however far its fingerprint
    for seed in (0, 1):
        registry.register("daily", png(draw(seed)))
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(png(draw(2)))
    assert value(verdict) not in MATCHES
    assert verdict.not_checked or value(verdict) is Registration.NO_MATCH_FOUND


@pytest.mark.parametrize("draw", [flat, gradient, stars, page, code, logo, one_pixel, a_thread])
def test_each_of_them_is_an_exact_match_of_itself(draw: Callable[[int], Pixels]) -> None:
    registry = open_registry("daily")
    registry.register("daily", png(draw(0)))
    assert value(registry.verify(png(draw(0)))) is Registration.EXACT_MATCH


def cmyk(picture: Image.Image) -> bytes:
    return pictures.saved(picture.convert("CMYK"), "JPEG", quality=88)


def sixteen_bits(picture: Image.Image) -> bytes:
    deep = np.asarray(picture, np.uint16)[..., ::-1] * 257
    done, data = cv2.imencode(".png", deep)
    assert done
    return data.tobytes()


def grey_sixteen_bits(picture: Image.Image) -> bytes:
    return pictures.saved(Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257), "PNG")


def palette_with_alpha(picture: Image.Image) -> bytes:
    indexed = picture.quantize(200)
    return pictures.saved(indexed, "PNG", transparency=bytes([255] * 199 + [0]))


def animation(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    other = pictures.opened(photo(ROCKET)).resize(picture.size)
    picture.save(file, "GIF", save_all=True, append_images=[other], duration=100)
    return file.getvalue()


@pytest.mark.parametrize("encode", [cmyk, sixteen_bits, grey_sixteen_bits, palette_with_alpha, animation])
def test_a_copy_in_a_rare_form_leads_to_its_own_record_or_none(encode: Callable[[Image.Image], bytes]) -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(encode(pictures.opened(photo(MOUNTAINS)).resize((640, 427))))
    assert value(verdict) in MATCHES
    assert [match.index for match in verdict.matches] == [3]


def test_of_an_animation_the_first_frame_is_compared_and_the_report_says_so() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(animation(pictures.opened(photo(MOUNTAINS)).resize((640, 427))))
    assert value(verdict) in MATCHES
    assert "the frames or pages after the first" in [item.what for item in verdict.not_checked]
