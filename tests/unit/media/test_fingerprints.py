"""Fingerprints: what is digested is defined to the byte, and equal pixels have equal prints."""

import hashlib

import imagehash
import numpy as np
from PIL import Image

from provenance.media import Media, fingerprint
from provenance.media.fingerprints import digest_pixels
from provenance.media.pdq import pdq


def test_the_pixel_digest_is_of_a_header_line_and_the_rows():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert digest_pixels(pixels) == hashlib.sha256(b"RGB8 3 2\n" + bytes(range(18))).digest()
    assert digest_pixels(pixels[::-1]) == hashlib.sha256(b"RGB8 3 2\n" + pixels[::-1].tobytes()).digest()


def test_a_lossless_copy_in_another_container_has_the_same_pixel_digest(landscape, encode):
    one, other = (Media.from_bytes(encode(landscape, form)) for form in ("PNG", "TIFF"))
    assert one.sha256 != other.sha256
    assert fingerprint(one).pixels_sha256 == fingerprint(other).pixels_sha256


def test_pictures_of_the_same_bytes_and_another_shape_differ_in_digest():
    assert digest_pixels(np.zeros((2, 3, 3), np.uint8)) != digest_pixels(np.zeros((3, 2, 3), np.uint8))


def test_perceptual_hashes_start_from_the_canonical_picture(draw, encode):
    media = Media.from_bytes(encode(draw("landscape", 900, 600)))
    prints = fingerprint(media)
    assert prints.phash.hex() == str(imagehash.phash(Image.fromarray(media.canonical)))
    assert (prints.pdq, prints.pdq_quality) == pdq(media.canonical)
    assert prints.pdq_dihedral[0] == prints.pdq


def test_a_record_states_digest_and_hashes_but_not_the_other_orientations(landscape, encode):
    prints = fingerprint(Media.from_bytes(encode(landscape)))
    assert prints.to_json() == {
        "pixels_sha256": prints.pixels_sha256.hex(),
        "org.countermark.phash.v1": prints.phash.hex(),
        "org.countermark.pdq.v1": {"value": prints.pdq.hex(), "quality": prints.pdq_quality},
    }
