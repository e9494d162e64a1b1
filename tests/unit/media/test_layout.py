"""A template with other content is no copy: a frame, a grid or a row of words agrees whatever it holds."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from provenance.media.canonical import shrink
from provenance.media.comparison import Comparison, compare
from provenance.media.comparison.alignment import Part, Planes
from provenance.media.comparison.layout import compare_content
from provenance.media.media import Pixels
from provenance.media.sketch import draw_sketch
from tests.unit.verification import pictures
from tests.unit.verification.pictures import COFFEE, DOGS, MOUNTAINS, ROCKET, photo

WORDS = ("harbour", "bridge", "minister", "school", "winter", "storm", "train", "market", "garden", "museum", "police")


def slide(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    page = Image.new("RGB", (1200, 700), (250, 250, 248))
    drawn = ImageDraw.Draw(page)
    drawn.rectangle((0, 0, 1200, 96), fill=(40, 60, 110))
    drawn.ellipse((1090, 14, 1160, 84), fill=(230, 180, 40))
    drawn.text((40, 24), "The Daily: our numbers", (255, 255, 255), ImageFont.load_default(46))
    for row in range(6):
        drawn.ellipse((60, 150 + row * 80, 80, 170 + row * 80), fill=(40, 60, 110))
        drawn.text((110, 138 + row * 80), " ".join(random.choice(WORDS, 5)), (30, 30, 30), ImageFont.load_default(40))
    return page


def chart(heights: list[int]) -> Image.Image:
    page = Image.new("RGB", (1000, 640), (248, 246, 240))
    drawn = ImageDraw.Draw(page)
    drawn.text((50, 20), "Exports by region", (20, 20, 20), ImageFont.load_default(44))
    for line in range(6):
        drawn.line((80, 560 - line * 80, 960, 560 - line * 80), (190, 190, 190), 2)
        drawn.text((30, 546 - line * 80), str(line * 20), (40, 40, 40), ImageFont.load_default(24))
    for place, height in enumerate(heights):
        left = 110 + place * 105
        drawn.rectangle((left, 560 - height, left + 70, 560), fill=(30, 110, 120))
        drawn.text((left, 572), str(2015 + place), (40, 40, 40), ImageFont.load_default(24))
    return page


def card(face: str, name: str) -> Image.Image:
    page = Image.new("RGB", (900, 560), (240, 240, 245))
    drawn = ImageDraw.Draw(page)
    drawn.rectangle((8, 8, 892, 552), None, (120, 20, 40), 10)
    drawn.rectangle((0, 0, 900, 90), (120, 20, 40))
    drawn.text((40, 20), "PRESS  The Daily", (255, 255, 255), ImageFont.load_default(46))
    page.paste(pictures.opened(photo(face)).resize((300, 360)), (50, 130))
    drawn.text((400, 160), "Name", (110, 110, 110), ImageFont.load_default(24))
    drawn.text((400, 196), name, (20, 20, 20), ImageFont.load_default(44))
    return page


def logo(name: str, line: str) -> Image.Image:
    page = Image.new("RGB", (900, 900), (250, 250, 248))
    drawn = ImageDraw.Draw(page)
    for ring in range(6):
        colour = (30, 90, 160) if ring % 2 else (220, 120, 30)
        drawn.regular_polygon((450, 310, 250 - ring * 40), 7, ring * 11, colour)
    drawn.text((150, 600), name, (20, 20, 20), ImageFont.load_default(120))
    drawn.text((156, 760), line, (120, 120, 120), ImageFont.load_default(46))
    return page


def sheet(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    page = Image.new("RGB", (1000, 1200), (255, 255, 255))
    drawn = ImageDraw.Draw(page)
    drawn.text((40, 24), "Accounts by town", (0, 0, 0), ImageFont.load_default(40))
    for row in range(26):
        drawn.line((40, 92 + row * 42, 960, 92 + row * 42), (190, 190, 190), 2)
        drawn.text((50, 100 + row * 42), str(random.choice(WORDS)), (20, 20, 20), ImageFont.load_default(26))
        for column in range(4):
            number = f"{random.integers(10, 99_999):,}"
            drawn.text((300 + column * 170, 100 + row * 42), number, (20, 20, 20), ImageFont.load_default(26))
    return page


def compared(
    query: Image.Image, registered: Image.Image, *, quality: int = 80, sketch_alone: bool = False
) -> Comparison:
    """The picture, recompressed, with the sketch of a registered one, and with that itself."""
    file = BytesIO()
    query.save(file, "JPEG", quality=quality)
    seen, stored = (shrink(np.asarray(each.convert("RGB"), np.uint8), 512) for each in (Image.open(file), registered))

    def original() -> Pixels:
        return stored

    return compare(seen, draw_sketch(stored).pixels, None if sketch_alone else original)


LOW, HIGH = [80, 380, 140, 300, 90, 260, 340, 120], [300, 120, 360, 90, 330, 100, 150, 390]
TEMPLATES = ["slide", "chart", "press card", "logo", "sheet of numbers"]


@pytest.mark.parametrize(
    ("query", "registered"),
    [
        (slide(1), slide(2)),
        (chart(LOW), chart(HIGH)),
        (card(ROCKET, "Nora Lind"), card(DOGS, "Piet Maas")),
        (logo("HARBOUR", "letters and parcels"), logo("MERIDIAN", "tea since the spring")),
        (sheet(1), sheet(2)),
    ],
    ids=TEMPLATES,
)
@pytest.mark.parametrize("sketch_alone", [False, True], ids=["stored picture", "sketch"])
def test_the_same_template_with_other_content_shares_a_layout(
    query: Image.Image, registered: Image.Image, sketch_alone: bool
) -> None:
    comparison = compared(query, registered, sketch_alone=sketch_alone)
    assert not comparison.verified or comparison.layout_only


@pytest.mark.parametrize(
    "made",
    [slide(1), chart(LOW), card(ROCKET, "Nora Lind"), logo("HARBOUR", "letters and parcels"), sheet(1)],
    ids=TEMPLATES,
)
@pytest.mark.parametrize("quality", [80, 35])
@pytest.mark.parametrize("sketch_alone", [False, True], ids=["stored picture", "sketch"])
def test_a_copy_of_a_template_matches_it(made: Image.Image, quality: int, sketch_alone: bool) -> None:
    comparison = compared(made, made, quality=quality, sketch_alone=sketch_alone)
    assert comparison.verified
    assert not comparison.layout_only


def test_a_chart_of_which_one_bar_was_changed_matches_and_differs() -> None:
    comparison = compared(chart([*LOW[:2], 360, *LOW[3:]]), chart(LOW))
    assert comparison.verified
    assert not comparison.layout_only
    assert any(region.kind == "differs" for region in comparison.regions)


def test_a_card_of_which_the_name_was_changed_matches() -> None:
    comparison = compared(card(ROCKET, "Piet Maas"), card(ROCKET, "Nora Lind"))
    assert comparison.verified
    assert not comparison.layout_only


@pytest.mark.parametrize("name", [MOUNTAINS, COFFEE, DOGS])
def test_a_photograph_with_a_caption_across_it_matches(name: str) -> None:
    picture = pictures.opened(photo(name))
    drawn, size = ImageDraw.Draw(picture), picture.width // 12
    for row, line in enumerate(("WHEN THE TRAIN", "IS LATE AGAIN")):
        drawn.text((size, size + row * size * 2), line, (255, 255, 255), ImageFont.load_default(size))
    comparison = compared(picture, pictures.opened(photo(name)))
    assert comparison.verified
    assert not comparison.layout_only


@pytest.mark.parametrize(("name", "other"), [(MOUNTAINS, COFFEE), (COFFEE, DOGS), (DOGS, MOUNTAINS), (ROCKET, DOGS)])
def test_a_photograph_of_which_two_fifths_were_replaced_matches(name: str, other: str) -> None:
    picture = pictures.opened(photo(name))
    width, height = picture.width * 2 // 5, picture.height
    picture.paste(pictures.opened(photo(other)).resize((width, height)), (picture.width - width, 0))
    comparison = compared(picture, pictures.opened(photo(name)))
    assert comparison.verified
    assert not comparison.layout_only


def texture(seed: int) -> Planes:
    """Light as of leaves or a crowd: texture in all directions, and no ground."""
    noise = np.random.default_rng(seed).normal(size=(256, 256)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.float32)
    return np.asarray(128 + smooth * (60 / smooth.std()), np.float32)


def test_where_nothing_but_a_frame_agrees_two_pictures_without_a_ground_share_a_layout() -> None:
    one, other = texture(1), texture(2)
    framed = other.copy()
    for edge in (np.s_[:20], np.s_[-20:], np.s_[:, :20], np.s_[:, -20:]):
        framed[edge] = one[edge]
    found = compare_content(framed, one, np.ones_like(one), Part.whole(*one.shape))
    assert not found.drawn
    assert found.is_layout_only("stored picture")


def test_where_half_agrees_wholly_two_pictures_share_more_than_a_layout() -> None:
    one, other = texture(1), texture(2)
    half = other.copy()
    half[:, :128] = one[:, :128]
    assert not compare_content(half, one, np.ones_like(one), Part.whole(*one.shape)).is_layout_only("stored picture")
