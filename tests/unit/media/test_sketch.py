"""Sketch and thumbnail: small, without metadata, and refused when they are anything else."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from provenance import limits
from provenance.errors import MediaError, MediaTooLarge, UndecodableMedia, UnsupportedMedia
from provenance.media import Sketch, draw_sketch, draw_thumbnail, sketch
from provenance.media.canonical import shrink
from provenance.media.sketch import encode_webp


@pytest.mark.parametrize(
    ("kind", "width", "height"), [("landscape", 512, 341), ("waves", 300, 512), ("noise", 300, 300), ("flat", 5, 1)]
)
def test_a_sketch_is_small_and_shows_the_picture(kind, width, height, draw):
    picture = draw(kind, width, height)
    sketch = draw_sketch(picture)
    assert len(sketch.data) <= limits.SKETCH_BYTES
    assert max(sketch.pixels.shape) <= limits.SKETCH_SIDE
    assert Sketch.from_bytes(sketch.data) == sketch
    assert abs(sketch.pixels.mean() - picture.mean()) < 6


def test_a_plain_picture_is_sketched_at_full_side_and_high_quality(landscape):
    sketch = draw_sketch(landscape)
    assert sketch.pixels.shape == (171, 256, 3)
    assert len(sketch.data) > 1_500


def test_a_sketch_has_the_highest_quality_that_fits_and_takes_few_trials(draw, monkeypatch):
    tried, pictures = [], [draw(kind, 512, 341) for kind in ("landscape", "waves", "flat")]

    def noted(picture, quality):
        tried.append(quality)
        return encode_webp(picture, quality)

    monkeypatch.setattr(sketch, "encode_webp", noted)
    drawn = [draw_sketch(each).data for each in pictures]
    assert len(tried) <= 10  # halving takes twelve
    for picture, data in zip(pictures, drawn, strict=True):
        small = Image.fromarray(shrink(picture, limits.SKETCH_SIDE))
        tries = [encode_webp(small, quality) for quality in sketch._QUALITIES]
        assert data == [each for each in tries if len(each) <= limits.SKETCH_BYTES][-1]


def test_the_same_picture_gives_the_same_sketch(landscape):
    assert draw_sketch(landscape).data == draw_sketch(landscape.copy()).data


def test_a_sketch_of_an_earlier_version_with_6_kb_is_still_read(draw):
    file = BytesIO()
    for quality in range(0, 100, 2):
        file = BytesIO()
        Image.fromarray(draw("waves", 256, 192)).save(file, "WEBP", quality=quality, method=0)
        if limits.SKETCH_BYTES < len(file.getvalue()) <= limits.MAX_SKETCH_BYTES:
            break
    else:
        pytest.fail("no quality gives a sketch between the two limits")
    assert Sketch.from_bytes(file.getvalue()).data == file.getvalue()


def test_a_sketch_over_the_limit_is_too_large(draw):
    file = BytesIO()
    Image.fromarray(draw("noise", 128, 128)).save(file, "WEBP", quality=95)
    with pytest.raises(MediaTooLarge, match="bytes"):
        Sketch.from_bytes(file.getvalue())


def test_a_sketch_with_too_many_pixels_is_too_large(encode):
    with pytest.raises(MediaTooLarge):
        Sketch.from_bytes(encode(np.zeros((300, 10, 3), np.uint8), "WEBP"))


def test_a_sketch_that_is_no_plain_lossy_webp_is_unsupported(encode):
    tiny = np.zeros((8, 8, 3), np.uint8)
    for data in (encode(tiny), encode(tiny, "WEBP", lossless=True), encode(tiny, "WEBP", xmp=b"<x/>"), b""):
        with pytest.raises(UnsupportedMedia):
            Sketch.from_bytes(data)


def test_a_damaged_sketch_is_refused(landscape):
    data = draw_sketch(landscape).data
    for damaged in (data[:-20], data + b"\0\0", data[:20] + bytes(len(data) - 20)):
        with pytest.raises(UndecodableMedia):
            Sketch.from_bytes(damaged)
    with pytest.raises(MediaError):
        Sketch.from_bytes(data[:26] + struct.pack("<HH", 16_383, 16_383) + data[30:])


def test_a_thumbnail_is_a_webp_of_at_most_512_pixels_without_metadata(draw):
    thumbnail = Image.open(BytesIO(draw_thumbnail(draw("landscape", 900, 600))))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (512, 341))
    assert not {"exif", "xmp", "icc_profile"} & set(thumbnail.info)
