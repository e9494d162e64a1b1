"""The pictures of the stories, and what happens to them on their way."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

PHOTOS = Path(__file__).parents[3] / "demo" / "photos"


@cache
def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


MOUNTAINS, ROCKET, COFFEE, DOGS = "mountains.jpg", "rocket.jpg", "coffee.png", "two-dogs.jpg"


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def saved(picture: Image.Image, kind: str = "JPEG", **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


@cache
def recompressed(name: str) -> bytes:
    """A smaller copy, as a messenger makes it."""
    picture = opened(photo(name))
    picture.thumbnail((700, 700), Image.Resampling.LANCZOS)
    return saved(picture, quality=70)


@cache
def mirrored(name: str) -> bytes:
    return saved(opened(photo(name)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), quality=80)


@cache
def with_a_patch(name: str) -> bytes:
    """A copy with a dark disc painted over a part of it."""
    picture = opened(photo(name))
    width, height = picture.size
    box = (width * 60 // 100, height * 60 // 100, width * 72 // 100, height * 76 // 100)
    ImageDraw.Draw(picture).ellipse(box, fill=(20, 20, 160))
    return saved(picture, quality=85)


@cache
def framed(name: str, *, patched: bool = False) -> bytes:
    """A copy on a dark page, with a line of words below it."""
    picture = opened(with_a_patch(name) if patched else photo(name))
    picture.thumbnail((700, 700), Image.Resampling.LANCZOS)
    page = Image.new("RGB", (picture.width + 60, picture.height + 130), (28, 30, 36))
    page.paste(picture, (30, 30))
    ImageDraw.Draw(page).text((30, picture.height + 55), "Seen this morning, from the ridge", (240, 240, 240), None)
    return saved(page, quality=80)


@cache
def same_pixels(name: str) -> bytes:
    """The decoded pixels in another container, without any metadata."""
    return saved(opened(photo(name)), "PNG")


@cache
def animated(name: str) -> bytes:
    """Two frames, of which the first holds exactly the pixels of the photograph."""
    first = opened(photo(name))
    second = Image.new("RGB", first.size, (200, 40, 90))
    return saved(first, "PNG", save_all=True, append_images=[second], default_image=False)


@cache
def plain(level: int = 120) -> bytes:
    """Too little structure to be found by a fingerprint."""
    pixels = np.full((300, 400, 3), level, dtype=np.uint8)
    pixels[:, 200:] += 3
    return saved(Image.fromarray(pixels), "PNG")


@cache
def inset(name: str, into: str) -> bytes:
    """One picture within another, a fifth of its sides large."""
    whole, inner = opened(photo(into)), opened(photo(name))
    whole.thumbnail((1024, 1024), Image.Resampling.LANCZOS)
    inner.thumbnail((whole.width // 5, whole.height // 5), Image.Resampling.LANCZOS)
    whole.paste(inner, (whole.width // 10, whole.height // 2))
    return saved(whole, quality=85)
