"""Altered copies of the bundled photographs, as readers meet them."""

import io
import struct
import zlib
from pathlib import Path
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PHOTOS = Path(__file__).parent / "photos"

STORY = (
    "They have been at this window every morning since May, one above the other, and watch the street. Nobody on the "
    "street can say when they sleep. The postman has learned to wave, the baker to leave something on the sill, and "
    "the children of the house opposite keep a list of what they bark at: bicycles, but not trams; umbrellas, but "
    "never rain. On Sundays they are let out at nine, cross the yard, and come back to look at where they have been."
)


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


def copy_without_the_rocket() -> bytes:
    """The launch pad with the sky beside the rocket painted over the rocket, edges feathered."""
    picture = _photo("rocket.jpg")
    sky = picture.crop((220, 100, 285, 400)).resize((90, 300))
    mask = Image.new("L", sky.size, 0)
    ImageDraw.Draw(mask).rectangle((8, 8, sky.width - 8, sky.height), fill=255)
    picture.paste(sky, (275, 100), mask.filter(ImageFilter.GaussianBlur(4)))
    return _jpeg(picture, 88)


def screenshot() -> bytes:
    """The dogs on a page in a browser: its bars, a heading above, and lines of text beside them."""
    page = Image.new("RGB", (1280, 900), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1280, 88), fill=(222, 225, 230))
    draw.rounded_rectangle((12, 8, 260, 48), 8, fill="white")
    draw.text((28, 16), "Neighbours", fill=(32, 33, 36), font=ImageFont.load_default(size=17))
    draw.rounded_rectangle((120, 50, 1240, 82), 16, fill="white")
    draw.text((140, 55), "example.org/neighbours", fill=(60, 64, 67), font=ImageFont.load_default(size=17))
    draw.text((80, 112), "Who is looking at whom?", fill=(20, 20, 20), font=ImageFont.load_default(size=40))
    dogs = _photo("two-dogs.jpg")
    dogs.thumbnail((690, 690), Image.Resampling.LANCZOS)
    page.paste(dogs, (80, 180))
    for line, text in enumerate(wrap(STORY, 54)):
        draw.text((600, 190 + line * 37), text, fill=(60, 60, 60), font=ImageFont.load_default(size=22))
    target = io.BytesIO()
    page.save(target, "PNG")
    return target.getvalue()


def recoloured_copy() -> bytes:
    """The astronaut in a blue suit: the hue of what is orange is turned, lightness and texture stay."""
    picture = _photo("astronaut.jpg").convert("HSV")
    hue, saturation, value = (np.asarray(band) for band in picture.split())
    orange = (hue > 5) & (hue < 25) & (saturation > 140) & (value > 60)
    orange[:150] = False  # her face and hair
    turned = np.where(orange, hue + np.uint8(140), hue).astype(np.uint8)
    bands = [Image.fromarray(band) for band in (turned, saturation, value)]
    return _jpeg(Image.merge("HSV", bands).convert("RGB"), 88)


def unregistered_picture() -> bytes:
    """The dandelions, which nobody registers."""
    return (PHOTOS / "dandelions.jpg").read_bytes()


def with_one_pixel_changed(png: bytes) -> bytes:
    """The same PNG, its C2PA manifest kept, with its last pixel one level off in blue.

    Only the pixel data (IDAT) is rewritten; every other chunk stays as it was. The last byte is chosen
    because PNG predicts each pixel from those before it: a change further up would propagate.
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
