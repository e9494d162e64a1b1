"""Screenshots as people share them: a picture in a post on a telephone, and in an article on a desktop.

Drawn in logical points at a display's scale, so that lines and letters have the sharpness of a real one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Picture: TypeAlias = Image.Image
Colour: TypeAlias = tuple[int, int, int]

PHONE = (390, 844)
"""Points: the commonest telephone."""

PHONE_SCALES = (2.0, 2.625, 3.0)
DESKTOP = (1280, 720)
DESKTOP_SCALES = (1.0, 1.25, 1.5)
"""Pixels a point."""

_SENTENCES = (
    "Council votes on the river path after a long night.",
    "Residents say that they were told of it last week.",
    "The works begin in spring and take two years.",
    "Nobody was hurt, the fire brigade said.",
    "Read what the engineers found under the bridge.",
    "A second hearing is planned for the ninth of May.",
)
_NAMES = ("Marta Lind", "The Daily Courier", "Jonas Falk", "Harbour News")
_LIGHT: tuple[Colour, Colour, Colour] = (255, 255, 255), (20, 20, 24), (110, 114, 120)
_DARK: tuple[Colour, Colour, Colour] = (18, 18, 20), (236, 236, 240), (140, 144, 150)
"""Background, text, lesser text."""


@dataclass(frozen=True, eq=False)
class Screen:
    """A display that is drawn on in points."""

    picture: Picture
    scale: float
    ink: Colour
    grey: Colour

    @classmethod
    def blank(cls, points: tuple[int, int], scale: float, colours: tuple[Colour, Colour, Colour]) -> "Screen":
        size = (round(points[0] * scale), round(points[1] * scale))
        return cls(Image.new("RGB", size, colours[0]), scale, colours[1], colours[2])

    def box(self, x: float, y: float, width: float, height: float, fill: Colour, radius: float = 0) -> None:
        corners = [each * self.scale for each in (x, y, x + width, y + height)]
        ImageDraw.Draw(self.picture).rounded_rectangle(corners, radius * self.scale, fill)

    def ring(self, x: float, y: float, size: float, colour: Colour) -> None:
        corners = [each * self.scale for each in (x, y, x + size, y + size)]
        ImageDraw.Draw(self.picture).ellipse(corners, outline=colour, width=round(2 * self.scale))

    def text(self, x: float, y: float, words: str, size: float, colour: Colour | None = None) -> None:
        font = ImageFont.load_default(size * self.scale)
        ImageDraw.Draw(self.picture).text((x * self.scale, y * self.scale), words, colour or self.ink, font)

    def lines(self, x: float, y: float, sentences: Sequence[str], size: float) -> float:
        """One below the other; returns where the next would stand."""
        for sentence in sentences:
            self.text(x, y, sentence, size)
            y += size * 1.45
        return y

    def place(self, picture: Picture, x: float, y: float, width: float, most: float) -> float:
        """`picture` scaled to `width` points, cut at `most` points of height; returns its height in points."""
        across = round(width * self.scale)
        scaled = picture.resize(
            (across, max(1, round(picture.height * across / picture.width))), Image.Resampling.BICUBIC
        )
        shown = min(scaled.height, round(most * self.scale))
        top = (scaled.height - shown) // 2
        self.picture.paste(scaled.crop((0, top, across, top + shown)), (round(x * self.scale), round(y * self.scale)))
        return shown / self.scale


def on_a_phone(picture: Picture, random: np.random.Generator) -> Picture:
    """A post in an app: status bar, header, words, the picture across the screen, buttons, navigation bar."""
    width, height = PHONE
    screen = Screen.blank(PHONE, float(random.choice(PHONE_SCALES)), (_LIGHT, _DARK)[random.integers(2)])
    screen.text(30, 14, f"{random.integers(6, 23)}:{random.integers(10, 60)}", 15)
    for bar in range(4):
        screen.box(290 + bar * 5, 26 - bar * 3, 3, 4 + bar * 3, screen.ink)
    screen.box(334, 16, 26, 13, screen.grey, 4)
    screen.box(336, 18, float(random.integers(6, 22)), 9, screen.ink, 2)
    screen.ring(16, 60, 36, screen.grey)
    screen.box(22, 66, 24, 24, _colour(random), 12)
    screen.text(62, 60, _NAMES[random.integers(len(_NAMES))], 15)
    screen.text(62, 79, f"{random.integers(2, 59)} min ago", 12, screen.grey)
    screen.text(356, 58, "...", 20)
    y = screen.lines(16, 108, _sentences(random, int(random.integers(1, 4))), 14.5) + 10
    y += screen.place(picture, 0, y, width, 480) + 12
    for button in range(3):
        screen.ring(16 + 42 * button, y, 24, screen.ink)
    screen.box(350, y, 18, 24, screen.grey, 3)
    screen.text(16, y + 34, f"{random.integers(20, 9000):,} likes", 14)
    screen.lines(16, y + 58, _sentences(random, 5), 14)
    screen.box(0, height - 84, width, 84, (246, 246, 248) if screen.ink[0] < 128 else (28, 28, 31))
    for icon in range(5):
        screen.ring(28 + icon * 76, height - 70, 26, screen.grey)
    screen.box(128, height - 14, 134, 5, screen.ink, 2.5)
    return screen.picture


def on_a_desktop(picture: Picture, random: np.random.Generator) -> Picture:
    """An article in a browser: tabs, address, headline, the picture in its column, a side column, a task bar."""
    width, height = DESKTOP
    screen = Screen.blank(DESKTOP, float(random.choice(DESKTOP_SCALES)), _LIGHT)
    screen.box(0, 0, width, 34, (222, 225, 230))
    for tab in range(int(random.integers(2, 5))):
        screen.box(8 + tab * 190, 6, 182, 28, (255, 255, 255) if tab == 0 else (205, 209, 216), 7)
        screen.box(18 + tab * 190, 13, 14, 14, _colour(random), 3)
        screen.text(38 + tab * 190, 12, _NAMES[(tab + 1) % len(_NAMES)], 12)
    screen.box(0, 34, width, 38, (246, 247, 249))
    screen.box(110, 40, 900, 26, (232, 234, 238), 13)
    screen.text(126, 45, "https://news.example/local/river-path", 13, screen.grey)
    screen.box(0, 72, width, 46, _colour(random))
    screen.text(90, 82, _NAMES[random.integers(len(_NAMES))].upper(), 22, (255, 255, 255))
    column = float(random.integers(560, 741))
    screen.text(90, 132, _SENTENCES[random.integers(len(_SENTENCES))], 25)
    y = screen.lines(90, 172, _sentences(random, 1), 15) + 6
    y += screen.place(picture, 90, y, column, 420) + 6
    screen.text(90, y, "Photograph: staff", 11, screen.grey)
    if y < height - 90:
        screen.lines(90, y + 24, _sentences(random, 6), 15)
    aside = 90 + column + 40
    for story in range(5):
        screen.box(aside, 140 + story * 104, 96, 72, _colour(random), 4)
        screen.lines(aside + 108, 144 + story * 104, _sentences(random, 2), 12)
    screen.box(0, height - 38, width, 38, (32, 34, 40))
    for icon in range(8):
        screen.box(14 + icon * 44, height - 32, 26, 26, _colour(random), 6)
    screen.text(width - 60, height - 28, f"{random.integers(10, 23)}:{random.integers(10, 60)}", 13, (240, 240, 240))
    return screen.picture


def _sentences(random: np.random.Generator, count: int) -> list[str]:
    return [_SENTENCES[each] for each in random.permutation(len(_SENTENCES))[:count]]


def _colour(random: np.random.Generator) -> Colour:
    red, green, blue = (int(each) for each in random.integers(30, 220, 3))
    return red, green, blue
