"""Templates: pictures of one layout and other content, as newsrooms and their readers make them by the hundred.

A template is a function of random numbers: called again, it draws the same layout with other content. The kinds drawn
here fit the thresholds; those that report stand in `bench.newsroom_templates` and have nothing in common with them. All
pictures are H×W×3 RGB uint8. Fonts are those that Pillow and matplotlib bring along.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from bench.alterations import Pixels, Random

Colour = tuple[int, int, int]
Template = Callable[[Random], Pixels]
Generator = Callable[[Random, Iterator[Pixels]], Template]
"""From random numbers, which decide the layout, and photographs to put into it, none twice."""

_TEXT = (
    "river council votes path after night residents say last week harbour bridge minister school budget winter "
    "storm train strike market garden museum police report water energy prices people city region summer court "
    "ruling health hospital festival season team final record export climate forest island border talks vote "
    "coast village ferry doctor teacher farmer union mayor judge engine signal orbit laboratory paper archive "
    "letter window mountain"
)
_WORDS = _TEXT.split()


@cache
def _font(size: int, name: str = "") -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font; with a name, one of matplotlib's."""
    if not name:
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), size)


def words(random: Random, fewest: int, most: int) -> str:
    words = random.choice(_WORDS, int(random.integers(fewest, most + 1)))
    return " ".join(words).capitalize()


def number(random: Random) -> str:
    return f"{random.integers(1, 99_999):,}"


def any_colour(random: Random, low: int = 0, high: int = 256) -> Colour:
    red, green, blue = (int(each) for each in random.integers(low, high, 3))
    return red, green, blue


class Sheet:
    """A canvas that is drawn on, in one font if no other is named."""

    def __init__(self, width: int, height: int, ground: Colour, font: str = "") -> None:
        self.picture = Image.new("RGB", (width, height), ground)
        self.draw = ImageDraw.Draw(self.picture)
        self.font = font

    def write(self, x: int, y: int, text: str, size: int, colour: Colour) -> None:
        self.draw.text((x, y), text, colour, self.sized(size))

    def sized(self, size: int, font: str = "") -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """The sheet's font, or another."""
        return _font(size, font or self.font)

    def lines(self, box: tuple[int, int, int, int], text: str, size: int, colour: Colour) -> None:
        """Words from the top left of a box (left, top, right, bottom), broken at its right side."""
        left, top, right, bottom = box
        line = ""
        for word in [*text.split(), ""]:
            if word and self.draw.textlength(f"{line} {word}", _font(size, self.font)) <= right - left:
                line = f"{line} {word}".strip()
                continue
            if top + size > bottom:
                return
            self.write(left, top, line, size, colour)
            line, top = word, top + round(size * 1.35)

    def photograph(self, box: tuple[int, int, int, int], pixels: Pixels) -> None:
        left, top, right, bottom = box
        self.picture.paste(ImageOps.fit(Image.fromarray(pixels), (right - left, bottom - top)), (left, top))

    @property
    def pixels(self) -> Pixels:
        return np.asarray(self.picture, np.uint8)


def _chart(random: Random, _: Iterator[Pixels]) -> Template:
    ground, ink, bar = any_colour(random, 235), any_colour(random, 0, 90), any_colour(random, 30, 200)
    many, title, source = int(random.integers(5, 11)), words(random, 3, 6), words(random, 2, 3)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1000, 640, ground)
        sheet.write(50, 26, title, 40, ink)
        for line in range(6):
            sheet.draw.line((90, 560 - line * 84, 960, 560 - line * 84), (190, 190, 190), 2)
            sheet.write(36, 548 - line * 84, str(line * 20), 20, ink)
        step = 860 // many
        for place in range(many):
            top, left = 560 - int(content.integers(20, 420)), 105 + place * step
            sheet.draw.rectangle((left, top, left + step * 2 // 3, 560), bar)
            sheet.write(left, 572, str(2010 + place), 20, ink)
        sheet.write(50, 606, f"Source: {source}", 20, (120, 120, 120))
        return sheet.pixels

    return draw


def _slide(random: Random, _: Iterator[Pixels]) -> Template:
    band, ink, mark = any_colour(random, 0, 140), any_colour(random, 0, 80), any_colour(random)
    owner, side = words(random, 2, 3), bool(random.integers(2))

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1280, 720, (252, 252, 250))
        sheet.draw.rectangle((0, 0, 1280, 110) if not side else (0, 0, 1280, 90), band)
        sheet.draw.ellipse((1170, 20, 1240, 90), mark)
        sheet.write(50, 24, words(content, 3, 5), 48, (255, 255, 255))
        for line in range(int(content.integers(3, 7))):
            sheet.draw.ellipse((70, 172 + line * 80, 86, 188 + line * 80), band)
            sheet.write(110, 160 + line * 80, words(content, 4, 8), 36, ink)
        sheet.draw.line((50, 660, 1230, 660), (180, 180, 180), 2)
        sheet.write(50, 674, owner, 22, (110, 110, 110))
        sheet.write(1200, 674, str(content.integers(1, 60)), 22, (110, 110, 110))
        return sheet.pixels

    return draw


def _press_card(random: Random, photographs: Iterator[Pixels]) -> Template:
    frame, ground, house = any_colour(random, 20, 180), any_colour(random, 225), words(random, 2, 2)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(900, 560, ground)
        sheet.draw.rectangle((0, 0, 900, 90), frame)
        sheet.draw.rectangle((8, 8, 892, 552), None, frame, 10)
        sheet.write(40, 18, f"PRESS  {house.upper()}", 48, (255, 255, 255))
        sheet.photograph((50, 130, 330, 490), next(photographs))
        for line, name in enumerate(("Name", "Position", "Number", "Valid until")):
            sheet.write(370, 130 + line * 95, name, 20, (110, 110, 110))
            text = number(content) if line > 1 else words(content, 2, 2)
            sheet.write(370, 156 + line * 95, text, 36, (20, 20, 20))
        return sheet.pixels

    return draw


def _post(random: Random, _: Iterator[Pixels]) -> Template:
    dark = bool(random.integers(2))
    ground, ink = ((21, 24, 28), (230, 232, 235)) if dark else ((255, 255, 255), (20, 22, 26))
    face, name = any_colour(random), words(random, 2, 2)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1000, 620, ground)
        sheet.draw.ellipse((40, 40, 130, 130), face)
        sheet.write(62, 58, name[0], 48, (255, 255, 255))
        sheet.write(155, 44, name, 34, ink)
        sheet.write(155, 88, f"@{name.split()[0].lower()}", 26, (120, 125, 130))
        sheet.lines((40, 165, 960, 480), words(content, 18, 34), 38, ink)
        sheet.draw.line((40, 520, 960, 520), (128, 130, 134), 2)
        for place, what in enumerate(("replies", "shares", "likes", "views")):
            sheet.write(40 + place * 240, 545, f"{content.integers(2, 999)} {what}", 26, (120, 125, 130))
        return sheet.pixels

    return draw


def _app_screen(random: Random, photographs: Iterator[Pixels]) -> Template:
    accent, title = any_colour(random, 0, 170), words(random, 1, 2)
    tabs = [words(random, 1, 1) for _ in range(4)]

    def draw(content: Random) -> Pixels:
        sheet = Sheet(600, 1200, (248, 248, 250))
        sheet.draw.rectangle((0, 0, 600, 130), accent)
        sheet.write(24, 10, "9:41", 26, (255, 255, 255))
        sheet.write(30, 62, title, 44, (255, 255, 255))
        for row in range(8):
            top = 150 + row * 115
            sheet.photograph((24, top, 112, top + 88), next(photographs))
            sheet.write(132, top + 4, words(content, 2, 3), 30, (20, 20, 20))
            sheet.write(132, top + 48, words(content, 4, 6), 22, (120, 120, 120))
            sheet.draw.line((132, top + 102, 600, top + 102), (215, 215, 218), 2)
        sheet.draw.rectangle((0, 1095, 600, 1200), (255, 255, 255))
        for place, name in enumerate(tabs):
            sheet.draw.rounded_rectangle((52 + place * 145, 1110, 92 + place * 145, 1150), 8, accent)
            sheet.write(40 + place * 145, 1160, name[:7], 20, accent)
        return sheet.pixels

    return draw


def _spreadsheet(random: Random, _: Iterator[Pixels]) -> Template:
    accent, columns = any_colour(random, 60, 170), [words(random, 1, 1) for _ in range(7)]

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1100, 760, (255, 255, 255))
        sheet.draw.rectangle((0, 0, 1100, 44), accent)
        for column, name in enumerate(columns):
            sheet.write(70 + column * 148, 10, name, 22, (255, 255, 255))
        for row in range(1, 17):
            sheet.draw.line((0, row * 44, 1100, row * 44), (205, 205, 205), 1)
            sheet.write(14, row * 44 + 10, str(row), 20, (120, 120, 120))
            for column in range(7):
                text = words(content, 1, 1) if column == 0 else number(content)
                sheet.write(70 + column * 148, row * 44 + 10, text, 22, (25, 25, 25))
        for column in range(8):
            sheet.draw.line((60 + column * 148, 0, 60 + column * 148, 760), (205, 205, 205), 1)
        return sheet.pixels

    return draw


def _book_cover(random: Random, photographs: Iterator[Pixels]) -> Template:
    ground, ink, series = any_colour(random, 40, 220), any_colour(random, 230), words(random, 2, 3)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(640, 960, ground)
        sheet.draw.rectangle((24, 24, 616, 936), None, ink, 4)
        sheet.draw.rectangle((36, 36, 604, 924), None, ink, 2)
        sheet.write(60, 60, series.upper(), 26, ink)
        sheet.photograph((60, 130, 580, 560), next(photographs))
        sheet.lines((60, 600, 580, 800), words(content, 2, 5), 60, ink)
        sheet.write(60, 860, words(content, 2, 2), 32, ink)
        return sheet.pixels

    return draw


def _square_code(random: Random, size: int, margin: int, ink: Colour, ground: Colour) -> Pixels:
    """A square code of modules with three finder patterns, which all such codes share, and their timing lines."""
    modules = random.integers(0, 2, (size, size)).astype(np.uint8)
    finder = np.zeros((8, 8), np.uint8)
    finder[:7, :7] = 1
    finder[1:6, 1:6] = 0
    finder[2:5, 2:5] = 1
    modules[:8, :8], modules[:8, -8:], modules[-8:, :8] = finder, finder[:, ::-1], finder[::-1]
    modules[6, 8:-8] = modules[8:-8, 6] = np.arange(size - 16) % 2 == 0
    large = np.kron(np.pad(modules, margin), np.ones((14, 14), np.uint8))[..., None]
    return np.where(large == 1, np.array(ink, np.uint8), np.array(ground, np.uint8)).astype(np.uint8)


def _code(random: Random, _: Iterator[Pixels]) -> Template:
    size = 21 + 4 * int(random.integers(1, 6))
    return partial(_square_code, size=size, margin=4, ink=(0, 0, 0), ground=(255, 255, 255))


def _logo(random: Random, _: Iterator[Pixels]) -> Template:
    shape, ink, radius = any_colour(random, 0, 200), any_colour(random, 0, 90), int(random.integers(90, 150))

    def draw(content: Random) -> Pixels:
        sheet = Sheet(960, 480, (255, 255, 255))
        sheet.draw.ellipse((190 - radius, 240 - radius, 190 + radius, 240 + radius), shape)
        sheet.draw.ellipse(
            (190 - radius // 2, 240 - radius // 2, 190 + radius // 2, 240 + radius // 2), (255, 255, 255)
        )
        sheet.write(370, 170, words(content, 1, 1).upper(), 110, ink)
        sheet.write(374, 310, words(content, 2, 3), 36, (120, 120, 120))
        return sheet.pixels

    return draw


_SERIF, _BOLD, _MONO, _ROMAN = "DejaVuSerif", "DejaVuSans-Bold", "DejaVuSansMono", "STIXGeneral"


def _line_chart(random: Random, _: Iterator[Pixels]) -> Template:
    ink, title, unit = any_colour(random, 0, 60), words(random, 4, 7), words(random, 1, 1)
    colours = [any_colour(random, 0, 210) for _ in range(int(random.integers(2, 5)))]
    names = [words(random, 1, 1) for _ in colours]

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1200, 820, (244, 240, 228), _SERIF)
        sheet.draw.rectangle((0, 0, 1200, 14), (190, 30, 40))
        sheet.lines((60, 40, 1140, 130), title, 34, ink)
        sheet.write(60, 130, unit, 22, (100, 100, 100))
        for line in range(5):
            sheet.draw.line((60, 700 - line * 120, 1080, 700 - line * 120), (205, 200, 188), 2)
            sheet.write(1095, 686 - line * 120, str(line * 25), 22, (100, 100, 100))
        for place, (colour, name) in enumerate(zip(colours, names, strict=True)):
            heights = np.clip(450 + np.cumsum(content.normal(0, 45, 24)), 190, 690)
            sheet.draw.line([(60 + i * 44, round(y)) for i, y in enumerate(heights)], colour, 6)
            sheet.write(60 + place * 200, 760, name, 24, colour)
        for year in range(0, 24, 4):
            sheet.write(52 + year * 44, 712, str(2000 + year), 20, (100, 100, 100))
        return sheet.pixels

    return draw


def _title_slide(random: Random, _: Iterator[Pixels]) -> Template:
    dark, light, house = any_colour(random, 0, 70), any_colour(random, 150), words(random, 1, 2)
    wedge = int(random.integers(200, 420))

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1024, 768, dark, _BOLD)
        sheet.draw.polygon(((0, 768), (0, 768 - wedge // 2), (wedge, 768)), light)
        sheet.draw.polygon(((1024, 0), (1024 - wedge, 0), (1024, wedge // 2)), light)
        sheet.lines((90, 130, 930, 330), words(content, 4, 8), 54, (255, 255, 255))
        sheet.lines((90, 390, 930, 640), words(content, 14, 26), 28, (215, 215, 220))
        sheet.write(760, 715, house, 26, light)
        return sheet.pixels

    return draw


def _badge(random: Random, photographs: Iterator[Pixels]) -> Template:
    strip, event, year = any_colour(random, 0, 190), words(random, 2, 3), str(random.integers(2020, 2030))

    def draw(content: Random) -> Pixels:
        sheet = Sheet(620, 900, (250, 250, 252), _BOLD)
        sheet.draw.rectangle((0, 0, 620, 150), strip)
        sheet.draw.rectangle((250, 18, 370, 38), (255, 255, 255))
        sheet.lines((40, 60, 580, 140), event.upper(), 30, (255, 255, 255))
        sheet.photograph((160, 190, 460, 530), next(photographs))
        sheet.lines((60, 570, 560, 660), words(content, 2, 2).upper(), 40, (15, 15, 20))
        sheet.write(60, 670, words(content, 2, 3), 26, (90, 90, 95))
        sheet.draw.rectangle((0, 760, 620, 900), strip)
        sheet.write(180, 780, f"MEDIA {year}", 44, (255, 255, 255))
        return sheet.pixels

    return draw


def _quote(random: Random, photographs: Iterator[Pixels]) -> Template:
    bar, house = any_colour(random, 0, 200), words(random, 2, 2)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1080, 1080, (255, 255, 255), _SERIF)
        sheet.photograph((0, 0, 1080, 520), next(photographs))
        sheet.draw.rectangle((0, 520, 1080, 540), bar)
        sheet.write(60, 560, "“", 120, bar)
        sheet.lines((130, 600, 1020, 900), words(content, 12, 22), 44, (20, 20, 20))
        sheet.draw.rectangle((0, 980, 1080, 1080), bar)
        sheet.write(60, 1004, house, 40, (255, 255, 255))
        sheet.write(700, 1010, words(content, 2, 2), 30, (255, 255, 255))
        return sheet.pixels

    return draw


def _chat(random: Random, _: Iterator[Pixels]) -> Template:
    mine, other, name = any_colour(random, 160), any_colour(random, 215, 245), words(random, 2, 2)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(640, 1280, (236, 229, 221), "DejaVuSans")
        sheet.draw.rectangle((0, 0, 640, 120), (18, 94, 84))
        sheet.draw.ellipse((70, 40, 130, 100), (200, 200, 200))
        sheet.write(150, 42, name, 30, (255, 255, 255))
        sheet.write(150, 80, "online", 20, (200, 230, 220))
        top = 150
        while top < 1080:
            height, right = 60 + 34 * int(content.integers(0, 4)), bool(content.integers(2))
            left = 170 if right else 20
            sheet.draw.rounded_rectangle((left, top, left + 450, top + height), 18, mine if right else other)
            sheet.lines((left + 18, top + 14, left + 430, top + height), words(content, 3, 18), 22, (20, 20, 20))
            top += height + 22
        sheet.draw.rounded_rectangle((20, 1195, 540, 1260), 32, (255, 255, 255))
        sheet.write(50, 1212, "Message", 24, (140, 140, 140))
        sheet.draw.ellipse((558, 1195, 622, 1260), (18, 140, 126))
        return sheet.pixels

    return draw


def _table(random: Random, _: Iterator[Pixels]) -> Template:
    shade, heads = any_colour(random, 200, 245), [words(random, 1, 1).upper() for _ in range(5)]
    title = words(random, 3, 6)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(900, 1100, (255, 255, 255), _MONO)
        sheet.write(40, 30, title, 30, (10, 10, 10))
        for column, head in enumerate(heads):
            sheet.write(40 + column * 170, 92, head[:9], 22, (90, 90, 90))
        sheet.draw.line((40, 126, 860, 126), (10, 10, 10), 3)
        for row in range(24):
            top = 134 + row * 38
            if row % 2:
                sheet.draw.rectangle((40, top - 4, 860, top + 33), shade)
            for column in range(5):
                text = words(content, 1, 1)[:9] if column == 0 else number(content)
                sheet.write(40 + column * 170, top, text, 22, (10, 10, 10))
        sheet.draw.line((40, 1052, 860, 1052), (10, 10, 10), 3)
        return sheet.pixels

    return draw


def _paperback(random: Random, photographs: Iterator[Pixels]) -> Template:
    spine, ground, house = any_colour(random, 0, 190), any_colour(random, 205), words(random, 1, 2)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(600, 900, ground, _ROMAN)
        sheet.draw.rectangle((0, 0, 600, 230), spine)
        sheet.draw.rectangle((0, 640, 600, 900), spine)
        sheet.draw.ellipse((255, 690, 345, 830), (255, 255, 255))
        sheet.write(212, 846, house, 30, (255, 255, 255))
        sheet.lines((50, 50, 550, 220), words(content, 2, 5), 58, (255, 255, 255))
        picture = next(photographs)
        if content.integers(2):
            sheet.photograph((0, 230, 600, 640), picture)
        else:
            sheet.lines((60, 300, 540, 620), words(content, 3, 6), 52, spine)
        return sheet.pixels

    return draw


def _framed_code(random: Random, _: Iterator[Pixels]) -> Template:
    size, ink, call = 21 + 4 * int(random.integers(1, 4)), any_colour(random, 0, 100), words(random, 1, 2).upper()

    def draw(content: Random) -> Pixels:
        code = _square_code(content, size, 3, ink, (255, 255, 255))
        sheet = Sheet(700, 840, ink, _BOLD)
        sheet.photograph((40, 40, 660, 660), code)
        sheet.write(120, 710, call, 56, (255, 255, 255))
        return sheet.pixels

    return draw


def _signet(random: Random, _: Iterator[Pixels]) -> Template:
    first, second = any_colour(random, 0, 220), any_colour(random, 0, 220)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(800, 800, (248, 248, 248), _ROMAN)
        for step in range(6):
            sheet.draw.regular_polygon((400, 290, 230 - step * 36), 6, step * 10, first if step % 2 else second)
        sheet.write(180, 560, words(content, 1, 1).upper(), 100, (20, 20, 20))
        sheet.write(184, 690, words(content, 2, 3), 40, second)
        return sheet.pixels

    return draw


FITTING: dict[str, Generator] = {
    "chart": _chart,
    "slide": _slide,
    "press card": _press_card,
    "post": _post,
    "app screen": _app_screen,
    "spreadsheet": _spreadsheet,
    "book cover": _book_cover,
    "square code": _code,
    "logo": _logo,
    "line chart": _line_chart,
    "title slide": _title_slide,
    "badge": _badge,
    "picture and quote": _quote,
    "chat": _chat,
    "table": _table,
    "paperback": _paperback,
    "framed code": _framed_code,
    "signet": _signet,
}


def pairs(
    generators: dict[str, Generator], photographs: Sequence[Pixels], each: int, seed: int
) -> Iterator[tuple[str, Pixels, Pixels]]:
    """Of every kind so many templates, each drawn twice: its kind, and the same layout with other content."""
    for number, (kind, generator) in enumerate(generators.items()):
        for template in range(each):
            random = np.random.default_rng((seed, number, template))
            draw = generator(random, cycle([photographs[place] for place in random.permutation(len(photographs))]))
            yield kind, draw(random), draw(random)
