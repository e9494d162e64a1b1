"""Targeted PDQ second preimages: the attack works on the hash, and the verification accepts none of it."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from bench.matching.collisions import Forgery, forged
from bench.matching.observed import ObservedRegistry, observed_registry
from provenance.media.canonical import Pixels, draw_canonical
from provenance.media.pdq import pdq
from registry.search.codes import MIN_QUALITY, RADIUS
from tests.hamming import hamming
from tests.unit.verification.pictures import PHOTOS, photo, recompressed

REGISTERED = ("astronaut.jpg", "coffee.png", "dandelions.jpg", "mountains.jpg")
PAIRS = (
    ("rocket.jpg", "astronaut.jpg"),
    ("rocket.jpg", "coffee.png"),
    ("rocket.jpg", "dandelions.jpg"),
    ("rocket.jpg", "mountains.jpg"),
    ("stream.jpg", "astronaut.jpg"),
    ("stream.jpg", "dandelions.jpg"),
    ("two-dogs.jpg", "astronaut.jpg"),
    ("two-dogs.jpg", "coffee.png"),
)
"""(what the forged picture shows, whose hash it is given); the former are not registered."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedRegistry]:
    with observed_registry(tmp_path_factory.mktemp("registry")) as opened:
        yield opened


@pytest.fixture(scope="module")
def records(registry: ObservedRegistry) -> dict[str, str]:
    return {name: registry.register(PHOTOS / name, name) for name in REGISTERED}


def canonical(file: bytes) -> Pixels:
    with Image.open(io.BytesIO(file)) as picture:
        return draw_canonical(np.asarray(picture.convert("RGB")))


def saved(forgery: Forgery) -> bytes:
    file = io.BytesIO()
    Image.fromarray(forgery.pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(("shown", "wanted"), PAIRS)
def test_a_picture_forged_to_the_hash_of_another_is_compared_and_not_taken_for_it(
    registry: ObservedRegistry, records: dict[str, str], shown: str, wanted: str
) -> None:
    target, _ = pdq(canonical(photo(wanted)))
    forgery = forged(canonical(photo(shown)), target)
    file = saved(forgery)
    hashed, quality = pdq(canonical(file))
    assert hamming(hashed, target) <= RADIUS
    assert quality >= MIN_QUALITY
    assert forgery.psnr >= 25

    observation = registry.verify(file)
    assert records[wanted] in observation.compared
    assert {match["basis"] for match in observation.report["matches"]} <= {"fingerprint"}
    assert observation.report["axes"]["registration"]["value"] in ("POSSIBLE_MATCH", "NO_MATCH_FOUND")


def test_an_honest_copy_of_the_same_picture_is_taken_for_it(
    registry: ObservedRegistry, records: dict[str, str]
) -> None:
    report = registry.verify(recompressed("mountains.jpg")).report
    assert [match["asset"]["id"] for match in report["matches"]] == [records["mountains.jpg"]]
    assert report["matches"][0]["basis"] == "comparison"
