"""Fingerprints: what is digested is defined to the byte, and equal pixels have equal prints."""

import hashlib
import tracemalloc
from collections.abc import Iterator

import imagehash
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from provenance.media import Media, fingerprint
from provenance.media.fingerprints import digest_drawn, digest_pixels
from provenance.media.pdq import pdq
from provenance.media.phash import phash


def test_the_pixel_digest_is_of_a_header_line_and_the_rows():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert digest_pixels(pixels) == hashlib.sha256(b"RGB8 3 2\n" + bytes(range(18))).digest()
    assert digest_pixels(pixels[::-1]) == hashlib.sha256(b"RGB8 3 2\n" + pixels[::-1].tobytes()).digest()


def test_a_lossless_copy_in_another_container_has_the_same_pixel_digest(landscape, encode):
    one, other = (Media.from_bytes(encode(landscape, form)) for form in ("PNG", "TIFF"))
    assert one.sha256 != other.sha256
    assert fingerprint(one).pixels_sha256 == fingerprint(other).pixels_sha256


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_the_digest_of_a_drawn_file_is_that_of_its_pixels(form, landscape, encode):
    media = Media.from_bytes(encode(landscape, form))
    assert digest_drawn(media) == digest_pixels(media.pixels)


def test_the_digest_of_a_drawn_file_takes_no_copy_of_its_pixels(draw, encode):
    media = Media.from_bytes(encode(draw("landscape", 1300, 1000)))
    tracemalloc.start()
    try:
        digest_drawn(media)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < media.pixels.nbytes / 2


def test_pictures_of_the_same_bytes_and_another_shape_differ_in_digest():
    assert digest_pixels(np.zeros((2, 3, 3), np.uint8)) != digest_pixels(np.zeros((3, 2, 3), np.uint8))


def test_perceptual_hashes_start_from_the_canonical_picture(draw, encode):
    media = Media.from_bytes(encode(draw("landscape", 900, 600)))
    prints = fingerprint(media)
    assert prints.phash.hex() == str(imagehash.phash(Image.fromarray(media.canonical)))
    assert (prints.pdq, prints.pdq_quality) == pdq(media.canonical)
    assert prints.pdq_dihedral[0] == prints.pdq


def odd_drawings() -> Iterator[npt.NDArray[np.uint8]]:
    """Drawings of 32 × 32 in which frequencies are equal or nothing: rounding alone decides their bits."""
    chance = np.random.default_rng(7)
    yield from (np.full((32, 32), grey, np.uint8) for grey in (0, 1, 127, 255))
    for _ in range(60):
        drawing = chance.integers(0, 256, (32, 32), np.uint8)
        yield drawing
        yield np.repeat(drawing[:1], 32, axis=0)
        yield np.repeat(drawing[:, :1], 32, axis=1)
        yield (drawing // 2 + drawing.T // 2).astype(np.uint8)
        yield np.vstack([drawing[:16], drawing[15::-1]])
        yield np.tile(drawing[:8, :8], (4, 4))
        yield np.where(drawing < 128, np.uint8(0), np.uint8(255))


def test_the_hash_of_frequencies_is_that_of_another_implementation_bit_by_bit() -> None:
    for drawing in odd_drawings():
        picture = np.stack([drawing] * 3, axis=-1)
        assert phash(picture).hex() == str(imagehash.phash(Image.fromarray(picture)))


def test_a_record_states_digest_and_hashes_but_not_the_other_orientations(landscape, encode):
    prints = fingerprint(Media.from_bytes(encode(landscape)))
    assert prints.to_json() == {
        "pixels_sha256": prints.pixels_sha256.hex(),
        "org.countermark.phash.v1": prints.phash.hex(),
        "org.countermark.pdq.v1": {"value": prints.pdq.hex(), "quality": prints.pdq_quality},
    }
