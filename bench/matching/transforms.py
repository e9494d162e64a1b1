"""What happens to a picture between its publication and the question where it comes from: `TRANSFORMS`, by family.

Each takes an upright RGB picture, a seeded generator and three other pictures, and gives a file. The same seed gives
the same file (with the same codecs). What is the same for the calibration of the comparison comes from `alterations`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from bench.alterations import COPIES, Random
from bench.edits import edited
from bench.matching.screens import Picture, on_a_desktop, on_a_phone

SIDE = 1024
"""Pixels: longest side of the pictures that are transformed, a common one on the web."""

Others: TypeAlias = Sequence[Picture]
Alter: TypeAlias = Callable[[Picture, Random, Others], Picture]

BICUBIC, LANCZOS = Image.Resampling.BICUBIC, Image.Resampling.LANCZOS


@dataclass(frozen=True)
class Transform:
    """One kind of copy.

    Attributes:
        name: as it stands in the report.
        family: what it belongs to there.
        alter: picture, generator, others → picture.
        kind, quality: the file's format and its encoder's quality (0-100).
        others: how many of the other pictures it shows too, so that their records are right answers as well.
    """

    name: str
    family: str
    alter: Alter
    kind: str = "JPEG"
    quality: int = 85
    others: int = 0

    def file(self, picture: Picture, seed: bytes, others: Others) -> bytes:
        """The altered picture's file; `seed` is of the photograph, 32 bytes."""
        random = np.random.default_rng(list(hashlib.sha256(seed + self.name.encode()).digest()))
        return encoded(self.alter(picture, random, others).convert("RGB"), self.kind, self.quality)


def encoded(picture: Picture, kind: str, quality: int) -> bytes:
    """The picture as a file."""
    target = BytesIO()
    picture.save(target, kind, quality=quality)
    return target.getvalue()


def _passed_on(picture: Picture, side: int, quality: int) -> Picture:
    """As a platform hands it on: at most `side` pixels, JPEG."""
    smaller = picture.copy()
    smaller.thumbnail((side, side), LANCZOS)
    return Image.open(BytesIO(encoded(smaller, "JPEG", quality))).convert("RGB")


# Size, light and colour -----------------------------------------------------------------------------


def _as_is(picture: Picture, _random: Random, _others: Others) -> Picture:
    return picture


def _scaled(across: float, down: float) -> Alter:
    def alter(picture: Picture, _random: Random, _others: Others) -> Picture:
        return picture.resize((max(1, round(picture.width * across)), max(1, round(picture.height * down))), LANCZOS)

    return alter


def _at_most(side: int) -> Alter:
    return lambda picture, random, others: ImageOps.contain(picture, (side, side), LANCZOS)


def _brightness(amount: float) -> Alter:
    return lambda picture, random, others: ImageEnhance.Brightness(picture).enhance(amount)


def _contrast(amount: float) -> Alter:
    return lambda picture, random, others: ImageEnhance.Contrast(picture).enhance(amount)


def _saturation(amount: float) -> Alter:
    return lambda picture, random, others: ImageEnhance.Color(picture).enhance(amount)


def _gamma(exponent: float) -> Alter:
    table = [round(255 * (level / 255) ** exponent) for level in range(256)] * 3
    return lambda picture, random, others: picture.point(table)


def _blurred(pixels: float) -> Alter:
    return lambda picture, random, others: picture.filter(ImageFilter.GaussianBlur(pixels))


def _noisy(deviation: float) -> Alter:
    def alter(picture: Picture, random: Random, _others: Others) -> Picture:
        pixels = np.asarray(picture, np.float32)
        noise = random.normal(0, deviation, pixels.shape).astype(np.float32)
        return Image.fromarray(np.clip(pixels + noise, 0, 255).round().astype(np.uint8))

    return alter


def _copy(name: str) -> Alter:
    """One of the calibration's copies."""
    return lambda picture, random, others: Image.fromarray(COPIES[name](np.asarray(picture), random))


def _faded(picture: Picture, _random: Random, _others: Others) -> Picture:
    """A social filter: lifted blacks, muted colours, a warm tone and a vignette."""
    muted = ImageEnhance.Color(picture).enhance(0.65).point([36 + round(level * 0.83) for level in range(256)] * 3)
    warm = ImageChops.multiply(muted, Image.new("RGB", picture.size, (255, 243, 222)))
    vignette = ImageOps.invert(Image.radial_gradient("L").resize(picture.size)).point(
        [min(255, 90 + each) for each in range(256)]
    )
    return Image.composite(warm, ImageEnhance.Brightness(warm).enhance(0.45), vignette)


# Parts, additions and frames ------------------------------------------------------------------------


def _cropped(removed: float) -> Alter:
    """`removed` of the area is cut off, the shape kept, at a random place."""

    def alter(picture: Picture, random: Random, _others: Others) -> Picture:
        side = (1 - removed) ** 0.5
        width, height = round(picture.width * side), round(picture.height * side)
        left, top = (int(random.integers(0, room + 1)) for room in (picture.width - width, picture.height - height))
        return picture.crop((left, top, left + width, top + height))

    return alter


def _edited(kind: str, area: float) -> Alter:
    """One of the calibration's edits."""

    def alter(picture: Picture, random: Random, others: Others) -> Picture:
        pixels = np.asarray(picture)
        drawn = edited(pixels, kind, area, np.asarray(others[0]), random)
        return picture if drawn is None else Image.fromarray(drawn[0])

    return alter


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(6.0, size))


def _with_logo(picture: Picture, _random: Random, _others: Others) -> Picture:
    """A channel's mark in the upper right corner, and a band along the lower edge."""
    width, height = picture.size
    marked = picture.copy()
    draw = ImageDraw.Draw(marked, "RGBA")
    size = 0.13 * min(width, height)
    left, top = width - 1.5 * size, 0.4 * size
    draw.ellipse((left, top, left + size, top + size), (200, 20, 40, 230))
    draw.text((left + size * 0.28, top + size * 0.2), "N1", (255, 255, 255, 255), _font(size * 0.5))
    draw.rectangle((0, height * 0.9, width, height), (15, 30, 90, 215))
    draw.text((width * 0.03, height * 0.92), "LIVE  Council votes on the river path", "white", _font(height * 0.045))
    return marked


def _with_emoji(picture: Picture, random: Random, _others: Others) -> Picture:
    """A yellow face, a fifth of the shorter side wide."""
    size = 0.22 * min(picture.size)
    left, top = (random.uniform(0, side - size) for side in picture.size)
    faced = picture.copy()
    draw = ImageDraw.Draw(faced)

    def part(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return left + x0 * size, top + y0 * size, left + x1 * size, top + y1 * size

    draw.ellipse(part(0, 0, 1, 1), (255, 204, 50), (190, 130, 10), max(1, round(size / 40)))
    for eye in (0.24, 0.58):
        draw.ellipse(part(eye, 0.28, eye + 0.18, 0.5), (90, 50, 10))
    draw.chord(part(0.2, 0.42, 0.8, 0.88), 0, 180, (120, 30, 20))
    return faced


def _meme(picture: Picture, random: Random, _others: Others) -> Picture:
    """A white bar with two lines above the picture, and outlined capitals within it."""
    width, height = picture.size
    bar = round(height * random.uniform(0.2, 0.3))
    captioned = Image.new("RGB", (width, height + bar), "white")
    captioned.paste(picture, (0, bar))
    draw = ImageDraw.Draw(captioned)
    size = min(bar / 2.8, width / 14)
    draw.text((width * 0.03, bar * 0.1), "when they said the path\nwould be open by spring", "black", _font(size))
    draw.text(
        (width / 2, bar + height * 0.93),
        "AND IT IS NOVEMBER",
        "white",
        _font(width / 13),
        anchor="ms",
        stroke_width=max(1, width // 250),
        stroke_fill="black",
    )
    return captioned


def _bordered(picture: Picture, random: Random, _others: Others) -> Picture:
    colour = tuple(int(level) for level in random.integers(0, 256, 3))
    return ImageOps.expand(picture, round(max(picture.size) * random.uniform(0.04, 0.1)), colour)


def _letterboxed(picture: Picture, _random: Random, _others: Others) -> Picture:
    """In a black frame of another shape: 9:16 for a wide picture, 16:9 for a tall one."""
    tall = picture.height > picture.width
    return ImageOps.pad(picture, (1280, 720) if tall else (720, 1280), BICUBIC, "black")


def _on_its_blur(picture: Picture, _random: Random, _others: Others) -> Picture:
    """As a story: the whole picture on an enlarged, blurred copy of itself."""
    backdrop = ImageOps.fit(picture, (720, 1280), BICUBIC).filter(ImageFilter.GaussianBlur(30))
    inner = ImageOps.contain(picture, (720, 1280), BICUBIC)
    backdrop.paste(inner, ((720 - inner.width) // 2, (1280 - inner.height) // 2))
    return backdrop


# Turns and compositions -----------------------------------------------------------------------------


def _mirrored(picture: Picture, _random: Random, _others: Others) -> Picture:
    return ImageOps.mirror(picture)


def _flipped(picture: Picture, _random: Random, _others: Others) -> Picture:
    return ImageOps.flip(picture)


def _turned(degrees: float) -> Alter:
    """Clockwise, the corners white."""
    return lambda picture, random, others: picture.rotate(-degrees, BICUBIC, expand=True, fillcolor="white")


def _in_perspective(picture: Picture, random: Random, _others: Others) -> Picture:
    """Photographed from the side: each corner has moved inwards by up to 12 % of the sides."""
    width, height = picture.size
    x, y = random.uniform(0, 0.12, 4) * width, random.uniform(0, 0.12, 4) * height
    seen = [(x[0], y[0]), (x[1], height - y[1]), (width - x[2], height - y[2]), (width - x[3], y[3])]
    corners = [(0, 0), (0, height), (width, height), (width, 0)]
    rows, target = [], []
    for (u, v), (s, t) in zip(seen, corners, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -s * u, -s * v], [0, 0, 0, u, v, 1, -t * u, -t * v]]
        target += [s, t]
    coefficients = np.linalg.solve(np.array(rows, np.float64), np.array(target, np.float64))
    return picture.transform(
        picture.size, Image.Transform.PERSPECTIVE, coefficients.tolist(), BICUBIC, fillcolor=(60, 60, 60)
    )


def _inset(share: float) -> Alter:
    """In another picture, `share` of its sides large, with a thin white edge."""

    def alter(picture: Picture, random: Random, others: Others) -> Picture:
        whole = others[0].copy()
        inner = ImageOps.contain(picture, (round(whole.width * share), round(whole.height * share)), LANCZOS)
        framed = ImageOps.expand(inner, 3, "white")
        room = whole.width - framed.width, whole.height - framed.height
        whole.paste(framed, (int(random.integers(0, room[0] + 1)), int(random.integers(0, room[1] + 1))))
        return whole

    return alter


def _collage(picture: Picture, random: Random, others: Others) -> Picture:
    """Four pictures in two rows, each filling its tile."""
    whole = Image.new("RGB", (1200, 900), "white")
    places = [(0, 0), (602, 0), (0, 452), (602, 452)]
    for part, place in zip([picture, *others[:3]], random.permutation(places), strict=True):
        whole.paste(ImageOps.fit(part, (598, 448), BICUBIC), (int(place[0]), int(place[1])))
    return whole


# Chains ---------------------------------------------------------------------------------------------


def _three_platforms(picture: Picture, random: Random, others: Others) -> Picture:
    """Messenger, then a filter on a network, then another messenger."""
    first = _passed_on(picture, 960, 75)
    second = _passed_on(_faded(_cropped(0.08)(first, random, others), random, others), 800, 70)
    return _passed_on(second, 640, 60)


def _meme_passed_on(picture: Picture, random: Random, others: Others) -> Picture:
    """Cropped, captioned, shown on a telephone, and its screenshot handed on."""
    captioned = _passed_on(_meme(_cropped(0.15)(picture, random, others), random, others), 960, 75)
    return _passed_on(on_a_phone(captioned, random), 1280, 70)


def _mirrored_and_reposted(picture: Picture, random: Random, others: Others) -> Picture:
    """Mirrored against detection, with an emoji and a border, recompressed three times."""
    first = _passed_on(_mirrored(picture, random, others), 900, 70)
    second = _passed_on(_with_emoji(first, random, others), 800, 65)
    return _passed_on(_bordered(_saturation(1.4)(second, random, others), random, others), 720, 60)


def _phone(picture: Picture, random: Random, _others: Others) -> Picture:
    return on_a_phone(picture, random)


def _desktop(picture: Picture, random: Random, _others: Others) -> Picture:
    return on_a_desktop(picture, random)


TRANSFORMS: tuple[Transform, ...] = (
    *(Transform(f"JPEG quality {quality}", "compression", _as_is, quality=quality) for quality in (90, 70, 50, 30, 10)),
    Transform("WebP quality 50", "compression", _as_is, "WEBP", 50),
    Transform("AVIF quality 40", "compression", _as_is, "AVIF", 40),
    Transform("half the size", "size", _scaled(0.5, 0.5)),
    Transform("a quarter of the size", "size", _scaled(0.25, 0.25)),
    Transform("240 pixels", "size", _at_most(240)),
    Transform("squashed to 80 %", "size", _scaled(0.8, 1)),
    Transform("stretched to 125 %", "size", _scaled(1.25, 1)),
    Transform("grey", "colour", _saturation(0)),
    Transform("brighter", "colour", _brightness(1.35)),
    Transform("darker", "colour", _brightness(0.6)),
    Transform("more contrast", "colour", _contrast(1.5)),
    Transform("less contrast", "colour", _contrast(0.55)),
    Transform("gamma 0.6", "colour", _gamma(0.6)),
    Transform("gamma 1.6", "colour", _gamma(1.6)),
    Transform("saturated", "colour", _saturation(1.8)),
    Transform("filter: warm", "colour", _copy("warm")),
    Transform("filter: sepia", "colour", _copy("sepia")),
    Transform("filter: faded", "colour", _faded),
    Transform("blur 2 px", "sharpness", _blurred(2)),
    Transform("blur 5 px", "sharpness", _blurred(5)),
    Transform("noise 10", "sharpness", _noisy(10)),
    Transform("noise 25", "sharpness", _noisy(25)),
    Transform("sharpened", "sharpness", _copy("sharpened")),
    *(
        Transform(f"{round(removed * 100)} % cropped", "crop", _cropped(removed))
        for removed in (0.05, 0.1, 0.2, 0.3, 0.5, 0.75)
    ),
    Transform("text", "addition", _edited("text", 0.12)),
    Transform("logo and band", "addition", _with_logo),
    Transform("emoji", "addition", _with_emoji),
    Transform("mosaic", "addition", _edited("mosaic", 0.08)),
    Transform("meme", "frame", _meme),
    Transform("border", "frame", _bordered),
    Transform("letterbox", "frame", _letterboxed),
    Transform("on its own blur", "frame", _on_its_blur),
    Transform("telephone screenshot", "screenshot", _phone),
    Transform("desktop screenshot", "screenshot", _desktop),
    Transform("mirrored", "orientation", _mirrored),
    Transform("flipped", "orientation", _flipped),
    *(Transform(f"turned {degrees}°", "orientation", _turned(degrees)) for degrees in (1, 5, 10, 30, 45, 90, 180)),
    Transform("perspective", "orientation", _in_perspective),
    Transform("inset, 40 % of the sides", "composition", _inset(0.4), others=1),
    Transform("inset, 20 % of the sides", "composition", _inset(0.2), others=1),
    Transform("collage of four", "composition", _collage, others=3),
    Transform("chain: three platforms", "chain", _three_platforms),
    Transform("chain: meme on a telephone", "chain", _meme_passed_on),
    Transform("chain: mirrored repost", "chain", _mirrored_and_reposted),
)
