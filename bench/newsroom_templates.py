"""Templates that report: kinds, layouts and fonts that no threshold was chosen on.

Twelve kinds of pictures that are made by the hundred, drawn by what has nothing in common with the generators of
`bench.templates`, which fit. Shapes, types and shapes of functions are those of that module.
"""

from collections.abc import Iterator

import numpy as np
from PIL import ImageDraw

from bench.alterations import Pixels, Random
from bench.templates import Colour, Generator, Sheet, Template, any_colour, number, words

_SLANTED, _HEAVY_SERIF, _SANS, _TYPEWRITER = "DejaVuSans-Oblique", "DejaVuSerif-Bold", "cmss10", "cmtt10"
_ROMAN_BOLD, _BOOK = "STIXGeneralBol", "cmr10"


def _shared_link(random: Random, photographs: Iterator[Pixels]) -> Template:
    """A post that shares a link: who posts, a text, the link's picture and title."""
    accent, who = any_colour(random, 30, 190), words(random, 2, 2)
    site = words(random, 1, 1).lower()

    def draw(content: Random) -> Pixels:
        sheet = Sheet(900, 1060, (240, 242, 245), _SANS)
        sheet.draw.rounded_rectangle((20, 20, 880, 1040), 24, (255, 255, 255))
        sheet.draw.rounded_rectangle((50, 50, 130, 130), 12, accent)
        sheet.write(150, 52, who, 34, (15, 20, 25))
        sheet.write(150, 96, f"{content.integers(1, 24)} h", 24, (101, 103, 107))
        sheet.lines((50, 160, 850, 330), words(content, 10, 20), 34, (15, 20, 25))
        sheet.photograph((20, 350, 880, 800), next(photographs))
        sheet.draw.rectangle((20, 800, 880, 930), (228, 230, 235))
        sheet.write(50, 812, f"{site}.example", 24, (101, 103, 107))
        sheet.lines((50, 846, 850, 930), words(content, 4, 7), 34, (15, 20, 25))
        for place, what in enumerate(("Like", "Comment", "Share")):
            sheet.write(90 + place * 290, 965, what, 32, (101, 103, 107))
        return sheet.pixels

    return draw


def _portrait_quote(random: Random, photographs: Iterator[Pixels]) -> Template:
    """A portrait on the left, words on a colour on the right."""
    ground, house = any_colour(random, 0, 120), words(random, 2, 2)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1200, 675, ground, _SLANTED)
        sheet.photograph((0, 0, 430, 675), next(photographs))
        sheet.draw.rectangle((470, 70, 530, 78), (255, 210, 60))
        sheet.lines((470, 110, 1150, 500), words(content, 14, 26), 42, (255, 255, 255))
        sheet.write(470, 540, words(content, 2, 2), 30, (255, 210, 60))
        sheet.write(470, 582, words(content, 2, 4), 24, (220, 220, 220))
        sheet.write(960, 625, house, 24, (255, 255, 255))
        return sheet.pixels

    return draw


def _weather_map(random: Random, _: Iterator[Pixels]) -> Template:
    """One coast with its towns; sun, cloud or rain, and a temperature, at each."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    reach = 1 + np.cumsum(random.normal(0, 0.06, 40))
    coast = [(450 + 330 * r * np.cos(a), 400 + 290 * r * np.sin(a)) for a, r in zip(angles, reach, strict=True)]
    towns = [(int(x), int(y), words(random, 1, 1)) for x, y in random.uniform((200, 190), (680, 610), (9, 2))]
    sea, land = any_colour(random, 120, 200), any_colour(random, 160, 235)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(900, 820, sea, "DejaVuSans-Bold")
        sheet.draw.polygon(coast, land, (90, 90, 90))
        sheet.draw.rectangle((0, 0, 900, 80), (20, 40, 90))
        sheet.write(30, 20, f"{words(content, 1, 1)} {content.integers(1, 31)}", 40, (255, 255, 255))
        for x, y, name in towns:
            _sky(sheet.draw, x, y, int(content.integers(3)))
            sheet.write(x + 34, y - 22, f"{content.integers(-9, 38)}°", 38, (20, 20, 20))
            sheet.write(x - 24, y + 30, name, 18, (60, 60, 60))
        return sheet.pixels

    return draw


def _sky(draw: ImageDraw.ImageDraw, x: int, y: int, kind: int) -> None:
    if kind == 0:
        draw.ellipse((x - 22, y - 22, x + 22, y + 22), (250, 190, 30))
        return
    grey = (235, 235, 240) if kind == 1 else (120, 125, 140)
    for dx, dy, r in ((-14, 4, 14), (4, -6, 18), (18, 6, 12)):
        draw.ellipse((x + dx - r, y + dy - r, x + dx + r, y + dy + r), grey)
    for drop in range(3 * (kind == 2)):
        draw.line((x - 14 + drop * 14, y + 18, x - 20 + drop * 14, y + 34), (30, 80, 200), 4)


def _lower_third(random: Random, photographs: Iterator[Pixels]) -> Template:
    """A frame of a broadcast: the band with a name, a ticker, the channel's sign."""
    band, channel = any_colour(random, 0, 170), words(random, 1, 1).upper()

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1280, 720, (0, 0, 0), _HEAVY_SERIF)
        sheet.photograph((0, 0, 1280, 720), next(photographs))
        sheet.draw.rectangle((60, 520, 1220, 640), (245, 245, 245))
        sheet.draw.rectangle((60, 520, 84, 640), band)
        sheet.write(110, 530, words(content, 3, 5), 46, (20, 20, 20))
        sheet.write(110, 592, words(content, 3, 5), 28, (80, 80, 80))
        sheet.draw.rectangle((0, 660, 1280, 720), band)
        sheet.write(30, 672, words(content, 9, 12), 30, (255, 255, 255))
        sheet.draw.rectangle((1080, 40, 1240, 110), band)
        sheet.write(1095, 52, channel[:6], 36, (255, 255, 255))
        return sheet.pixels

    return draw


def _election(random: Random, _: Iterator[Pixels]) -> Template:
    """Parties below one another, a bar and a share for each."""
    parties = [(words(random, 1, 1), any_colour(random, 30, 200)) for _ in range(int(random.integers(5, 8)))]
    title, source = words(random, 2, 3), words(random, 2, 3)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1000, 190 + 90 * len(parties), (250, 250, 250), _ROMAN_BOLD)
        sheet.write(40, 24, title, 52, (20, 20, 30))
        shares = content.dirichlet(np.full(len(parties), 2.0)) * 100
        for row, ((name, colour), share) in enumerate(zip(parties, shares, strict=True)):
            top = 120 + row * 90
            sheet.write(40, top + 14, name, 36, (40, 40, 40))
            sheet.draw.rectangle((240, top + 8, 240 + max(6, round(share * 12)), top + 66), colour)
            sheet.write(260 + max(6, round(share * 12)), top + 12, f"{share:.1f}", 40, (20, 20, 20))
        sheet.write(40, 140 + 90 * len(parties), source, 24, (120, 120, 120))
        return sheet.pixels

    return draw


def _scoreboard(random: Random, _: Iterator[Pixels]) -> Template:
    """Two sides, their goals, the minute and who scored."""
    dark, light, cup = any_colour(random, 0, 60), any_colour(random, 180), words(random, 2, 3)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1080, 1080, dark, "DejaVuSans-Bold")
        sheet.draw.ellipse((490, 60, 590, 160), light)
        sheet.write(60, 190, cup, 40, light)
        sheet.draw.line((60, 260, 1020, 260), light, 4)
        for side in range(2):
            shield = any_colour(content, 40, 230)
            sheet.draw.regular_polygon((290 + side * 500, 420, 110), 5, 180, shield)
            sheet.write(210 + side * 500, 550, words(content, 1, 1).upper()[:7], 44, (255, 255, 255))
            sheet.write(250 + side * 500, 620, str(content.integers(0, 6)), 130, light)
        sheet.write(520, 660, ":", 90, (255, 255, 255))
        for line in range(4):
            sheet.write(90, 830 + line * 52, f"{content.integers(1, 91)}'  {words(content, 2, 2)}", 32, (210, 210, 210))
        return sheet.pixels

    return draw


def _certificate(random: Random, _: Iterator[Pixels]) -> Template:
    """A frame and a seal; who, for what, when, and a paragraph on it."""
    ink, gold, house = any_colour(random, 0, 90), (190, 150, 60), words(random, 2, 3)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1200, 850, (253, 250, 240), _BOOK)
        for inset in (24, 36, 44):
            sheet.draw.rectangle((inset, inset, 1200 - inset, 850 - inset), None, gold, 3)
        sheet.write(360, 90, "Certificate", 96, ink)
        sheet.lines((200, 270, 1050, 370), words(content, 2, 3), 72, (30, 30, 30))
        sheet.draw.line((200, 380, 1000, 380), gold, 2)
        sheet.lines((180, 410, 1040, 620), words(content, 18, 30), 34, (60, 60, 60))
        sheet.draw.ellipse((920, 620, 1080, 780), gold)
        sheet.draw.ellipse((940, 640, 1060, 760), None, (253, 250, 240), 4)
        sheet.write(160, 720, house, 34, ink)
        day, month, year = content.integers(1, 29), content.integers(1, 13), content.integers(1990, 2027)
        sheet.write(560, 720, f"{day}.{month}.{year}", 34, ink)
        return sheet.pixels

    return draw


def _form(random: Random, _: Iterator[Pixels]) -> Template:
    """Printed labels and boxes, and what is filled in."""
    title, labels = words(random, 3, 4), [words(random, 1, 2) for _ in range(14)]
    shade = any_colour(random, 215, 248)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(850, 1100, (255, 255, 255), _SANS)
        sheet.write(40, 36, title, 44, (0, 0, 0))
        for place, label in enumerate(labels):
            left, top = 40 + place % 2 * 395, 130 + place // 2 * 130
            sheet.draw.rectangle((left, top, left + 375, top + 110), shade, (90, 90, 90), 2)
            sheet.write(left + 10, top + 6, label, 20, (90, 90, 90))
            filled = number(content) if place % 3 == 0 else words(content, 2, 3)
            sheet.draw.text((left + 14, top + 46), filled[:20], (20, 30, 120), sheet.sized(34, "DejaVuSans-Oblique"))
        return sheet.pixels

    return draw


def _front_page(random: Random, photographs: Iterator[Pixels]) -> Template:
    """One masthead, and the news of another day."""
    name, rule = words(random, 2, 2), any_colour(random, 0, 120)

    def draw(content: Random) -> Pixels:
        sheet = Sheet(900, 1300, (251, 249, 244), _HEAVY_SERIF)
        sheet.write(60, 30, name, 84, (0, 0, 0))
        sheet.draw.line((40, 150, 860, 150), rule, 4)
        sheet.write(40, 160, f"{words(content, 1, 1)} {content.integers(1, 31)}", 22, (60, 60, 60))
        sheet.draw.line((40, 196, 860, 196), rule, 1)
        sheet.lines((40, 215, 860, 370), words(content, 5, 8), 58, (0, 0, 0))
        sheet.photograph((40, 390, 590, 760), next(photographs))
        for column, top in ((0, 790), (1, 790), (2, 390)):
            left = 40 + column * 280
            sheet.lines((left, top, left + 260, 1270), words(content, 70, 90), 22, (30, 30, 30))
        return sheet.pixels

    return draw


def _code_window(random: Random, _: Iterator[Pixels]) -> Template:
    """An editor's window: its buttons, the files at its side, lines of code."""
    ground, files = any_colour(random, 20, 50), [f"{words(random, 1, 1).lower()}.py" for _ in range(9)]
    inks: list[Colour] = [(86, 156, 214), (206, 145, 120), (220, 220, 170), (212, 212, 212), (106, 153, 85)]

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1280, 800, ground, _TYPEWRITER)
        for place, colour in enumerate(((255, 95, 86), (255, 189, 46), (39, 201, 63))):
            sheet.draw.ellipse((16 + place * 28, 14, 34 + place * 28, 32), colour)
        sheet.draw.rectangle((0, 46, 230, 800), tuple(value + 14 for value in ground))
        for row, file in enumerate(files):
            sheet.write(24, 66 + row * 34, file, 22, (190, 190, 190))
        for line in range(22):
            sheet.write(250, 62 + line * 33, str(line + 1), 22, (110, 110, 110))
            left = 310 + 44 * int(content.integers(0, 4))
            for _ in range(int(content.integers(0, 4))):
                text = words(content, 1, 3).lower().replace(" ", "_")
                sheet.write(left, 62 + line * 33, text, 24, inks[int(content.integers(len(inks)))])
                left += 14 * len(text) + 16
        return sheet.pixels

    return draw


def _brand(random: Random, _: Iterator[Pixels]) -> Template:
    """One large mark of arcs and stripes over a name and a line of words."""
    first, second, ground = any_colour(random, 0, 200), any_colour(random, 60, 230), any_colour(random, 238)
    turns = [int(each) for each in random.integers(0, 360, 3)]

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1000, 760, ground, "STIXGeneral")
        for ring, turn in enumerate(turns):
            r = 210 - ring * 58
            sheet.draw.arc((500 - r, 240 - r, 500 + r, 240 + r), turn, turn + 270, first if ring % 2 else second, 40)
        for stripe in range(4):
            left, right = 90 + stripe * 70, 60 + stripe * 70
            sheet.draw.polygon(((180, left), (300, right), (300, right + 32), (180, left + 32)), first)
        sheet.write(250, 490, words(content, 1, 2).upper()[:11], 90, (25, 25, 30))
        sheet.write(254, 630, words(content, 3, 5), 42, second)
        return sheet.pixels

    return draw


def _ticket(random: Random, _: Iterator[Pixels]) -> Template:
    """Where from, where to, when, who, and a bar code."""
    strip, line = any_colour(random, 0, 180), words(random, 1, 2).upper()

    def draw(content: Random) -> Pixels:
        sheet = Sheet(1200, 500, (255, 255, 255), "DejaVuSans")
        sheet.draw.rectangle((0, 0, 1200, 80), strip)
        sheet.write(40, 18, line, 40, (255, 255, 255))
        sheet.write(880, 22, "BOARDING PASS", 32, (255, 255, 255))
        for place, label in enumerate(("FROM", "TO")):
            sheet.write(40 + place * 330, 110, label, 20, (120, 120, 120))
            sheet.write(40 + place * 330, 136, words(content, 1, 1).upper()[:3], 90, (20, 20, 20))
        for place, label in enumerate(("NAME", "DATE", "GATE", "SEAT")):
            sheet.write(40 + place * 200, 300, label, 20, (120, 120, 120))
            told = words(content, 1, 1) if place == 0 else f"{content.integers(1, 60)}{'ABCDEF'[content.integers(6)]}"
            sheet.write(40 + place * 200, 330, told, 34, (20, 20, 20))
        left = 880
        while left < 1150:
            wide, gap = (int(each) for each in content.integers(2, 9, 2))
            sheet.draw.rectangle((left, 130, left + wide, 440), (0, 0, 0))
            left += wide + gap
        return sheet.pixels

    return draw


REPORTING: dict[str, Generator] = {
    "shared link": _shared_link,
    "quote card": _portrait_quote,
    "weather map": _weather_map,
    "lower third": _lower_third,
    "election result": _election,
    "scoreboard": _scoreboard,
    "certificate": _certificate,
    "form": _form,
    "front page": _front_page,
    "code window": _code_window,
    "brand": _brand,
    "ticket": _ticket,
}
