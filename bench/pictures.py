"""Pictures to measure with, made from the bundled photographs."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).resolve().parent.parent / "demo" / "photos"


def twelve_megapixels() -> bytes:
    """A 4000 × 3000 JPEG, quality 92: a photograph enlarged, with sensor-like noise so that it compresses like one."""
    with Image.open(PHOTOS / "mountains.jpg") as photograph:
        large = np.asarray(photograph.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC), np.int16)
    noise = np.random.default_rng(1).normal(0, 3, (*large.shape[:2], 1))
    return _jpeg(Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8)), 92)


def web_picture() -> bytes:
    """A 1,280-px JPEG, as a news page shows it."""
    return (PHOTOS / "mountains.jpg").read_bytes()


def recompressed(data: bytes, side: int) -> bytes:
    """A copy whose longest side is `side` pixels, JPEG quality 75, without metadata: found by its fingerprint."""
    with Image.open(io.BytesIO(data)) as picture:
        copy = picture.convert("RGB")
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _jpeg(copy, 75)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality)
    return target.getvalue()
