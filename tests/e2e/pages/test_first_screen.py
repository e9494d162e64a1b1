"""What a reader with thirty seconds sees: each verdict is understood from its first 900 pixels, in both languages."""

import io
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import Client, RegisteredAsset
from PIL import Image
from playwright.sync_api import Page, expect

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.pages.pictures import encode
from tests.e2e.pages.reader import OpenPage, hand_in, headline, open_all

pytestmark = pytest.mark.browser

FIRST_SCREEN = 900
"""CSS pixels."""

READ_ABOVE = """
(least) => {
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const read = [];
    while (walker.nextNode()) {
        const holder = walker.currentNode.parentElement;
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const { bottom, height } = range.getBoundingClientRect();
        const shown = height > 0 && holder.checkVisibility({ visibilityProperty: true });
        const heard = shown && !holder.closest("[aria-hidden=true]");
        if (heard && bottom + scrollY <= least) read.push(walker.currentNode.data);
    }
    return read.join(" ");
}
"""
"""The text of the accessibility tree that lies above a line, from the top of the page."""


def framed() -> bytes:
    page = Image.new("RGB", (1200, 1000), "white")
    page.paste(Image.open(PHOTOS / "stream.jpg").convert("RGB").resize((900, 600)), (150, 120))
    return encode(page, "JPEG", quality=88)


def read_above(page: Page) -> str:
    read: str = page.evaluate(READ_ABOVE, FIRST_SCREEN)
    return " ".join(read.split())


def bottom_of(page: Page, selector: str) -> float:
    found: float = page.locator(selector).evaluate_all(
        "(all) => Math.max(...all.map((each) => each.getBoundingClientRect().bottom + scrollY))"
    )
    return found


QUESTIONS = {
    "en": (
        r"registered on \d+ \w+ \d{4}|No match was found|registered it on",
        r"differs: box \d+, [a-z]+|No difference|Nothing was found to differ|byte for byte|No match",
        r"This registry's operator alone vouches|No match",
        r"AI: the file declares",
    ),
    "de": (
        r"am \d+\. \w+ \d{4} registriert|kein Treffer",
        r"weicht ab: Kasten \d+, [a-z]+|keine Abweichung|Byte für Byte|kein Treffer",
        r"Allein der Betreiber dieses Registers bürgt|kein Treffer",
        r"KI: Die Datei erklärt",
    ),
}
"""Was it edited? Where? Who says so? Is it AI?"""


@pytest.mark.parametrize("language", QUESTIONS)
@pytest.mark.parametrize("what", ["edited", "framed", "exact", "unknown"])
def test_headline_lead_and_pictures_are_on_the_first_screen_and_answer_four_questions(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, what: str, language: str
) -> None:
    pictures = {
        "edited": altered,
        "framed": framed(),
        "exact": (PHOTOS / "stream.jpg").read_bytes(),
        "unknown": (PHOTOS / "dandelions.jpg").read_bytes(),
    }
    page = open_page("/verify", viewport={"width": 1440, "height": 900}, locale=language)
    expect(page.locator("html")).to_have_attribute("lang", language)
    hand_in(page, pictures[what])
    headline(page)
    page.wait_for_load_state("networkidle")
    if what != "unknown":
        expect(page.locator(".pictures .frame > img:first-child")).to_have_count(2)
        assert bottom_of(page, ".pictures .frame > img:first-child") <= FIRST_SCREEN
    read = read_above(page)
    for question in QUESTIONS[language]:
        assert re.search(question, read), (question, read)


def test_a_picture_inside_a_larger_one_shares_neither_headline_nor_colour_with_an_edited_one(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    seen = []
    for picture in (altered, framed()):
        hand_in(page, picture)
        expect(page.locator("#status")).to_be_empty()
        found = headline(page)
        seen.append((found.inner_text(), found.evaluate("each => getComputedStyle(each).borderInlineStartColor")))
    (edited, its_colour), (inside, other_colour) = seen
    assert edited == "It matches a registered picture, and differs from it"
    assert inside == "A registered picture is inside this one"
    assert its_colour != other_colour


@pytest.fixture(scope="module")
def five(service: Service) -> bytes:
    """A picture that five registrations lead to."""
    picture = Image.open(PHOTOS / "coffee.png").convert("RGB")
    picture.thumbnail((900, 900))
    with Client(service.url, api_key=service.api_key) as client:
        for quality in (70, 76, 82, 88, 94):
            file = io.BytesIO(encode(picture, "JPEG", quality=quality))
            client.register(file.getvalue(), title=f"A cup of coffee, edition {quality}")
    return encode(picture, "JPEG", quality=60)


@pytest.mark.parametrize(("width", "most"), [(1440, 2500), (320, 5000)])
def test_five_matches_stay_short_and_only_the_closest_is_open(
    open_page: OpenPage, five: bytes, width: int, most: int
) -> None:
    page = open_page("/verify", viewport={"width": width, "height": 900})
    hand_in(page, five)
    headline(page)
    page.wait_for_load_state("networkidle")
    lines = page.locator(".statement details")
    expect(lines).to_have_count(5)
    assert [line.get_attribute("open") is not None for line in lines.all()] == [True, False, False, False, False]
    assert page.evaluate("document.documentElement.scrollHeight") <= most
    assert not page.locator("#established").evaluate("each => each.open")
    open_all(page)
    of_registration = page.locator(".findings > li", has_text="Registration").first
    expect(of_registration.locator("ul").first.locator("li")).to_have_count(5)


def test_regions_are_a_list_on_a_narrow_screen(open_page: OpenPage, stream: RegisteredAsset, altered: bytes) -> None:
    page = open_page("/verify", viewport={"width": 320, "height": 900})
    hand_in(page, altered)
    headline(page)
    regions = page.get_by_role("table")
    expect(regions.get_by_role("row")).not_to_have_count(0)
    cells = regions.get_by_role("cell").all()
    tops = [box["y"] for cell in cells if (box := cell.bounding_box())]
    assert tops == sorted(set(tops)), "each below the other"
    scrolls = page.locator(".stacked").evaluate("each => each.scrollWidth - each.clientWidth")
    assert scrolls <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_in_german_with_all_opened(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, scheme: str
) -> None:
    page = open_page("/verify?lang=de", color_scheme=scheme)
    hand_in(page, altered)
    headline(page)
    open_all(page)
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []


def test_the_switch_of_language_keeps_a_report_that_is_kept(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    hand_in(page, altered)
    headline(page)
    page.wait_for_url(re.compile(r"\?report="))
    page.reload()
    headline(page)
    page.get_by_role("link", name="Deutsch").click()
    expect(headline(page)).to_have_text("Es passt zu einem registrierten Bild und weicht davon ab")
    expect(page.get_by_role("heading", name="Die beiden Bilder")).to_be_visible()


def test_an_empty_file_is_not_sent_and_says_nothing_about_the_picture(open_page: OpenPage) -> None:
    page = open_page("/verify")
    hand_in(page, b"")
    expect(page.get_by_role("alert")).to_contain_text("An empty file")
    expect(page.get_by_role("alert")).to_contain_text("says nothing about the picture")
