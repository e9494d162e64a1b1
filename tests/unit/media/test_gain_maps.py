"""A gain map shows another picture on displays that can do so: it is named, not covered by a digest, and not lost."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL.MpoImagePlugin import MpoImageFile

from provenance.media import Media, fingerprint
from provenance.media.redaction import redact
from tests import gain_maps

KINDS: dict[str, Callable[[], bytes]] = {
    "Ultra HDR": gain_maps.ultra_hdr,
    "Ultra HDR without an index": lambda: gain_maps.ultra_hdr(indexed=False),
    "ISO 21496-1 in a JPEG": gain_maps.iso_jpeg,
    "an iPhone's JPEG": gain_maps.apple_jpeg,
    "an iPhone's HEIC": gain_maps.apple_heic,
    "an AVIF with a tone map": gain_maps.tone_mapped_avif,
    "an AVIF with a tone map and no brand": lambda: gain_maps.tone_mapped_avif(branded=False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_gain_map_is_named_and_leaves_no_digest_of_what_is_shown(kind: str) -> None:
    media = Media.from_bytes(KINDS[kind]())
    found = fingerprint(media)
    assert media.frames == 1
    assert found.shown_sha256 is None
    assert "a gain map" in found.appearance_parts


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"an iPhone's HEIC"}))
def test_a_gain_map_is_not_left_out_of_a_copy(kind: str) -> None:
    redaction = redact(Media.from_bytes(KINDS[kind]()))
    assert redaction.reason is not None
    assert "gain map" in redaction.reason


def test_a_gain_map_that_is_an_auxiliary_picture_stays_in_a_copy() -> None:
    redaction = redact(Media.from_bytes(gain_maps.apple_heic()))
    assert redaction.reason is None
    assert redaction.data == gain_maps.apple_heic()


def test_the_files_of_these_tests_have_two_pictures_of_which_one_is_shown() -> None:
    """Else nothing above would be tested."""
    for make in (gain_maps.ultra_hdr, gain_maps.iso_jpeg, gain_maps.apple_jpeg):
        both = MpoImageFile(io.BytesIO(make()))
        assert both.n_frames == 2
        both.seek(1)
        assert (both.size, both.convert("L").getextrema() != (0, 0)) == ((60, 40), True)
        assert np.array_equal(Media.from_bytes(make()).pixels, Media.from_bytes(gain_maps.primary()).pixels)
    for make in (gain_maps.apple_heic, gain_maps.tone_mapped_avif):
        assert Media.from_bytes(make()).pixels.shape == (40, 60, 3)
