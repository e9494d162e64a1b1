"""PDQ equals the reference implementation, bit for bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from provenance.media.pdq import ORIENTATIONS, pdq, pdq_dihedral
from tests.hamming import hamming

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/media/pdq.json").read_text())["pictures"]
TURNS = (
    lambda p: p,
    lambda p: np.rot90(p, 1),
    lambda p: np.rot90(p, 2),
    lambda p: np.rot90(p, 3),
    lambda p: p[:, ::-1],
    lambda p: p[::-1],
    lambda p: p.swapaxes(0, 1),
    lambda p: p[::-1, ::-1].swapaxes(0, 1),
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['kind']}-{v['width']}x{v['height']}")
def test_hash_and_quality_are_those_of_the_reference_implementation(vector, draw):
    picture = draw(vector["kind"], vector["width"], vector["height"], vector["seed"])
    assert [pdq(picture)[0].hex(), pdq(picture)[1]] == [vector["hash"], vector["quality"]]
    assert pdq_dihedral(picture)[0][0].hex() == vector["hash"]
    assert pdq_dihedral(picture)[1] == vector["quality"]


@pytest.mark.parametrize(("width", "height"), [(512, 512), (512, 341), (300, 200), (129, 500)])
@pytest.mark.parametrize(("index", "turn"), list(enumerate(TURNS)), ids=ORIENTATIONS)
def test_each_orientation_is_the_hash_of_the_picture_turned_that_way(index, turn, width, height, draw):
    picture = draw("landscape", width, height, 21)
    turned = pdq(np.ascontiguousarray(turn(picture)))[0]
    distances = [hamming(turned, each) for each in pdq_dihedral(picture)[0]]
    assert distances[index] <= 4
    assert min(distances[:index] + distances[index + 1 :]) > 60


def test_a_picture_under_five_pixels_has_neither_hash_nor_quality(draw):
    assert pdq(draw("noise", 200, 4)) == (bytes(32), 0)
    assert pdq_dihedral(draw("noise", 1, 1)) == ((bytes(32),) * 8, 0)


def test_a_flat_picture_has_quality_zero(draw):
    assert pdq(draw("flat", 300, 200))[1] == 0
