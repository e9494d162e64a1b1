"""What happens to pictures on their way: copies of the bundled photographs, as readers meet them."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

PHOTOS = Path(__file__).parent / "photos"


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality)
    return target.getvalue()


def _photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as picture:
        return picture.convert("RGB")


def recompressed_copy() -> bytes:
    """The mountains at 800 px and JPEG quality 60, as a messenger would send them: no metadata."""
    picture = _photo("mountains.jpg")
    picture.thumbnail((800, 800), Image.Resampling.LANCZOS)
    return _jpeg(picture, 60)


def cropped_and_captioned_copy() -> bytes:
    """The stream with 4 % cut off each side and a line of text across the lower edge."""
    picture = _photo("stream.jpg")
    width, height = picture.size
    picture = picture.crop((width * 4 // 100, height * 4 // 100, width * 96 // 100, height * 96 // 100))
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    top = height * 90 // 100
    draw.rectangle((0, top, width, height), fill=(16, 16, 24))
    font = ImageFont.load_default(size=height * 5 // 100)
    draw.text((width * 3 // 100, top + height * 2 // 100), "Water returns to the valley", fill="white", font=font)
    return _jpeg(picture, 80)


def copy_with_pasted_object() -> bytes:
    """The mountains with a dog from another photograph pasted into the meadow, edges feathered."""
    picture = _photo("mountains.jpg")
    dog = _photo("two-dogs.jpg").crop((230, 270, 470, 560))
    mask = Image.new("L", dog.size, 0)
    ImageDraw.Draw(mask).ellipse((12, 12, dog.width - 12, dog.height - 12), fill=255)
    picture.paste(dog, (860, 560), mask.filter(ImageFilter.GaussianBlur(6)))
    return _jpeg(picture, 85)


def unregistered_picture() -> bytes:
    """The dandelions, which nobody registers."""
    return (PHOTOS / "dandelions.jpg").read_bytes()


def with_one_pixel_changed(png: bytes) -> bytes:
    """The same PNG, its C2PA manifest kept, with its last pixel one level off in blue.

    Only the pixel data (IDAT) is rewritten; every other chunk stays as it was. The last byte is chosen
    because PNG predicts each pixel from those before it: a change further up would spread.
    """
    header, chunks = png[:8], _png_chunks(png)
    pixels = bytearray(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")))
    pixels[-1] ^= 1
    rewritten: list[tuple[bytes, bytes]] = []
    for kind, data in chunks:
        if kind != b"IDAT":
            rewritten.append((kind, data))
        elif not any(kind == b"IDAT" for kind, _ in rewritten):
            rewritten.append((b"IDAT", zlib.compress(bytes(pixels), 9)))
    return header + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in rewritten
    )


def _png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks
