"""What a reader with thirty seconds sees: each verdict is understood from its first 900 pixels, in both languages."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import RegisteredAsset
from PIL import Image
from playwright.sync_api import Error, Page, Route, expect

from demo.alterations import PHOTOS
from provenance.sentences import CATALOGUES
from tests.e2e.pages.pictures import PASTED, altered_picture, encode, framed
from tests.e2e.pages.reader import OpenPage, hand_in, headline, open_all
from tests.unit.api.service.test_pages import left_in_english

pytestmark = pytest.mark.browser

FIRST_SCREEN = 900
"""CSS pixels."""


def read_above(page: Page) -> str:
    """The texts of the accessibility tree that end above the line, from the top of the page."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.getDocument")
    read = []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        if node["ignored"] or node["role"]["value"] != "StaticText":
            continue
        try:
            quads = session.send("DOM.getContentQuads", {"backendNodeId": node["backendDOMNodeId"]})["quads"]
        except Error:  # it has no box
            continue
        if quads and max(max(quad[1::2]) for quad in quads) + page.evaluate("scrollY") <= FIRST_SCREEN:
            read.append(node["name"]["value"])
    session.detach()
    return " ".join(" ".join(read).split())


def bottom_of(page: Page, selector: str) -> float:
    found: float = page.locator(selector).evaluate_all(
        "(all) => Math.max(...all.map((each) => each.getBoundingClientRect().bottom + scrollY))"
    )
    return found


AI, KI = "AI: the file declares nothing", "KI: Die Datei erklärt nichts"
VOUCHED, BÜRGT = "This registry's operator alone vouches", "Allein der Betreiber dieses Registers bürgt"
NOTHING_KNOWN = r"No match was found among \d+ registrations"
KEIN_TREFFER = r"Unter \d+ Registrierungen wurde kein Treffer gefunden"
SAYS_NOTHING, SAGT_NICHTS = "this says nothing about the picture", "das sagt also nichts über das Bild"

ANSWERS: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "edited": {
        "en": (r"registered on .* \d+ areas? differs?|area differs", r"box \d+, [a-z]+", VOUCHED, AI),
        "de": (r"Stellen? weich(en|t) ab", r"Kasten \d+, [a-z]+", BÜRGT, KI),
    },
    "framed": {
        "en": ("Nothing was found to differ within it", r"the other \d+ % is not part of it", VOUCHED, AI),
        "de": ("Darin wurde keine Abweichung gefunden", r"die übrigen \d+ % gehören nicht dazu", BÜRGT, KI),
    },
    "cropped": {
        "en": ("nothing else was found to differ", "This is cropped", VOUCHED, AI),
        "de": ("sonst wurde keine Abweichung gefunden", "Das geprüfte ist beschnitten", BÜRGT, KI),
    },
    "recoloured": {
        "en": ("nothing else was found to differ", "This is recoloured", VOUCHED, AI),
        "de": ("sonst wurde keine Abweichung gefunden", "Das geprüfte ist umgefärbt", BÜRGT, KI),
    },
    "two in one": {
        "en": (
            "Nothing was found to differ within them",
            "2 registered pictures are in this one",
            "registered .* on",
            AI,
        ),
        "de": ("Darin wurde keine Abweichung gefunden", "In diesem Bild sind 2 registrierte", "registrierte .* am", KI),
    },
    "unknown": {
        "en": (NOTHING_KNOWN, "That says nothing about how the picture was made", NOTHING_KNOWN, AI),
        "de": (KEIN_TREFFER, "Das sagt nichts darüber, wie das Bild entstand", KEIN_TREFFER, KI),
    },
    "signed": {
        "en": ("byte for byte", "the signed copy of a picture", VOUCHED, "AI: the file declares"),
        "de": ("Byte für Byte", "die signierte Kopie eines Bildes", BÜRGT, "KI: Die Datei erklärt"),
    },
    "marked": {
        "en": (NOTHING_KNOWN, "A mark in the file", "Nobody signed that", "AI: the file declares, unsigned, that AI"),
        "de": (KEIN_TREFFER, "Eine Marke in der Datei", "Niemand hat das signiert", "unsigniert, dass KI"),
    },
    "damaged": {
        "en": ("The file is damaged or truncated", SAYS_NOTHING, "Nothing was checked", SAYS_NOTHING),
        "de": ("Die Datei ist beschädigt", SAGT_NICHTS, "Es wurde nichts geprüft", SAGT_NICHTS),
    },
    "identical": {
        "en": ("byte for byte", "the file that .* registered", VOUCHED, AI),
        "de": ("Byte für Byte", "die Datei, die .* registriert hat", BÜRGT, KI),
    },
    "withdrawn": {
        "en": ("byte for byte", "Withdrawn by its publisher", VOUCHED, AI),
        "de": ("Byte für Byte", "Vom Herausgeber zurückgezogen", BÜRGT, KI),
    },
    "older": {
        "en": ("An older registration differs", r"(One area|largest): \w+", VOUCHED, AI),
        "de": ("Eine ältere Registrierung weicht davon ab", r"(Eine Stelle|größte): \w+", BÜRGT, KI),
    },
}
"""Was it edited? Where? Who says so? Is it AI?"""

WITHOUT_PICTURES = ("unknown", "marked", "damaged")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", ANSWERS)
def test_headline_lead_and_pictures_are_on_the_first_screen_and_answer_four_questions(
    open_page: OpenPage, states: dict[str, bytes], state: str, language: str
) -> None:
    page = open_page("/verify", viewport={"width": 1440, "height": 900}, locale=language)
    expect(page.locator("html")).to_have_attribute("lang", language)
    hand_in(page, states[state])
    expect(page.locator("#headline, #problem h2")).to_be_visible()
    page.wait_for_load_state("networkidle")
    if state not in WITHOUT_PICTURES:
        expect(page.locator(".pictures .frame > img:first-child")).to_have_count(2)
        assert bottom_of(page, ".pictures .frame > img:first-child") <= FIRST_SCREEN
    read = read_above(page)
    for answer in ANSWERS[state][language]:
        assert re.search(answer, read), (answer, read)


def test_a_warning_comes_before_the_title_and_who_vouches_right_below_the_lead(
    open_page: OpenPage, states: dict[str, bytes]
) -> None:
    page = open_page("/verify")
    hand_in(page, states["withdrawn"])
    headline(page)
    told = page.locator("#result > *").all_inner_texts()
    assert told[1].startswith("Withdrawn by its publisher. This is, byte for byte,")
    assert told[1].index("Withdrawn") < told[1].index("A rocket at dawn")
    assert told[2].startswith(VOUCHED)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_in_any_verdict_in_either_language(
    open_page: OpenPage, states: dict[str, bytes], scheme: str, language: str
) -> None:
    page = open_page("/verify", color_scheme=scheme, locale=language)
    found = {}
    for state, picture in states.items():
        hand_in(page, picture)
        expect(page.locator("#status")).to_be_empty()
        expect(page.locator("#headline, #problem h2")).to_be_visible()
        open_all(page)
        found[state] = [each["id"] for each in Axe().run(page).response["violations"]]
    assert found == {state: [] for state in states}


def test_no_english_sentence_is_left_in_a_german_report(open_page: OpenPage, states: dict[str, bytes]) -> None:
    page = open_page("/verify", locale="de")
    left = {}
    for state, picture in states.items():
        hand_in(page, picture)
        expect(page.locator("#status")).to_be_empty()
        expect(page.locator("#headline, #problem h2")).to_be_visible()
        open_all(page)
        left[state] = left_in_english(page.locator("main").inner_html(), *WRITTEN)
    assert {state: texts for state, texts in left.items() if texts} == {}


def test_the_tables_of_a_german_report_are_in_german(open_page: OpenPage, states: dict[str, bytes]) -> None:
    page = open_page("/verify", locale="de")
    hand_in(page, states["edited"])
    expect(page.locator("#checked-here")).not_to_be_empty()
    open_all(page)
    steps = page.locator("#proof table").first.get_by_role("row").all_inner_texts()[1:]
    for number, (row, name) in enumerate(zip(steps, CATALOGUES["de"].steps, strict=True), 1):
        assert row.startswith(f"{number}\t{name}\t"), row
    assert "\tgilt\tdieser Browser\t" in steps[0]
    rates = page.locator(".findings details").first.get_by_role("row").all_inner_texts()
    assert rates[1].startswith("weicht ab\t0,05 bis 0,3\u00a0% des Bildes\t")


WRITTEN = (
    *("The Test Daily", "The Test Echo", "Two dogs at a window", "One dog at a window"),
    *("A cup of coffee", "Path below the Picos", "A rocket at dawn", "A stream in the beech wood"),
    "The date was wrong.",
    "development authority of this server (trusted by nobody else)",
    "Countermark development authority (not trusted by anyone)",
)
"""What publishers wrote, in their own language, and names of trust lists and in certificates."""


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


def beside_mountains(given: Image.Image) -> bytes:
    """On one page with the mountains, at its left."""
    page = Image.new("RGB", (1400, 520), "white")
    page.paste(given.resize((680, 453)), (10, 30))
    page.paste(Image.open(PHOTOS / "mountains.jpg").convert("RGB").resize((680, 453)), (710, 30))
    return encode(page, "JPEG", quality=90)


def test_of_two_pictures_in_one_the_edited_one_is_drawn_and_the_other_can_be(
    open_page: OpenPage, states: dict[str, bytes]
) -> None:
    page = open_page("/verify", viewport={"width": 1440, "height": 900})
    hand_in(page, beside_mountains(altered_picture()))
    expect(headline(page)).to_have_text("2 registered pictures are in this one")
    expect(page.locator(".lead")).to_contain_text(
        "Something differs within “A stream in the beech wood”: see the boxes."
    )
    given, registered = page.locator(".pictures figure").all()
    expect(registered.locator("figcaption")).to_have_text("The registered picture: A stream in the beech wood")
    frame, box = given.locator(".frame").bounding_box(), given.locator(".box.differs").first.bounding_box()
    assert frame is not None
    assert box is not None
    assert box["x"] + box["width"] / 2 < frame["x"] + frame["width"] / 2, "in the left one of the two"
    page.locator(".statement summary", has_text="Path below the Picos").click()
    other = page.locator(".statement details", has_text="Path below the Picos")
    other.get_by_role("button", name="Show this comparison").press("Enter")
    expect(page.locator(".pictures figcaption").last).to_have_text("The registered picture: Path below the Picos")
    expect(page.locator(".pictures .box.differs")).to_have_count(0)
    expect(page.get_by_role("region", name="The two pictures")).to_be_focused()


def test_an_older_registration_that_differs_is_drawn_with_its_boxes_beside_the_picture(
    open_page: OpenPage, states: dict[str, bytes], tmp_path: Path
) -> None:
    page = open_page("/verify", viewport={"width": 1440, "height": 900})
    hand_in(page, states["older"])
    expect(headline(page)).to_have_text("An older registration differs from it")
    captions = page.locator(".pictures figcaption")
    expect(captions).to_have_text(["Your picture", "The older registration: Two dogs at a window"])
    for figure in page.locator(".pictures figure").all():
        frame, box = figure.locator(".frame").bounding_box(), figure.locator(".box.differs").first.bounding_box()
        assert frame is not None
        assert box is not None
        middle = (box["x"] + box["width"] / 2 - frame["x"]) / frame["width"]
        assert PASTED[0] < middle < PASTED[2], "where something was pasted in"
    expect(page.locator(".compare").get_by_role("cell").last).to_have_text(re.compile("of 100 such edits were missed"))
    cropped = "Compared with the older registration, this is cropped to 88 % of its area."
    expect(page.get_by_text(cropped)).to_be_visible()
    page.get_by_role("button", name="Show this comparison").first.press("Enter")
    expect(captions).to_have_text(["Your picture", "The registered picture: One dog at a window"])
    file = tmp_path / "changed.jpg"
    file.write_bytes(states["older"])
    plainly = open_page("/verify", java_script_enabled=False)
    plainly.set_input_files("#file", file)
    plainly.get_by_role("button", name="Verify").click()
    expect(plainly.get_by_role("img", name="The older registration: Two dogs at a window")).to_be_visible()
    expect(plainly.locator(".drawn .edge.differs")).to_have_count(2)
    sides = "[each.naturalWidth / each.naturalHeight, each.width / each.height]"
    shapes = plainly.locator(".drawn > img").evaluate_all(f"all => all.map((each) => {sides})")
    for own, shown in shapes:
        assert shown == pytest.approx(own, rel=0.02)
    assert shapes[0][0] < 0.95 * shapes[1][0], "one is cut off"
    assert bottom_of(plainly, ".drawn > img") <= FIRST_SCREEN
    heights = plainly.locator(".drawn > img").evaluate_all("all => all.map((each) => each.height)")
    assert max(heights) <= 340, "no taller than beside scripts"
    expect(plainly.get_by_role("link", name="Two dogs at a window")).to_have_attribute("href", re.compile("^/a/"))


def test_which_older_registration_is_drawn_the_report_says(open_page: OpenPage, states: dict[str, bytes]) -> None:
    page = open_page("/verify")
    for change, drawn in (
        (another_first, "The older registration: Two dogs at a window"),
        (without_the_field, "The registered picture"),
    ):
        page.route("**/v1/verifications", changed_by(change))
        hand_in(page, states["older"])
        expect(page.locator("#status")).to_be_empty()
        expect(page.locator(".pictures figcaption").last).to_have_text(drawn)
        page.unroute("**/v1/verifications")


def another_first(report: dict[str, Any]) -> None:
    """Another older registration stands before the one that the report names."""
    items = report["resembles"]["items"]
    items.insert(0, items[0] | {"id": "0" * 64, "title": "Another"})


def without_the_field(report: dict[str, Any]) -> None:
    """As a report that is older than it."""
    del report["older_registration"]


def changed_by(change: Callable[[dict[str, Any]], object]) -> Callable[[Route], None]:
    """The service's answer with its JSON changed in place."""

    def answer(route: Route) -> None:
        reply = route.fetch()
        report = reply.json()
        change(report)
        route.fulfill(response=reply, json=report)

    return answer


CORNERS = ((0.1, 0.3), (0.11, 0.31), (0.12, 0.32), (0.8, 0.0), (0.81, 0.02), (0.6, 0.5), (0.61, 0.52), (0.62, 0.5))
"""Upper left ones of boxes whose numbers would hide one another: left, at the upper edge, and right."""


def with_boxes_close_together(report: dict[str, Any]) -> None:
    comparison = report["matches"][0]["comparison"]
    (region,) = comparison["regions"][:1]
    boxes = [{"left": left, "top": top, "right": left + 0.15, "bottom": top + 0.15} for left, top in CORNERS]
    comparison["regions"] = [region | {"query": box, "reference": box} for box in boxes]


@pytest.mark.parametrize("width", [320, 1440])
def test_the_numbers_of_boxes_do_not_hide_one_another(
    open_page: OpenPage, states: dict[str, bytes], width: int
) -> None:
    page = open_page("/verify", viewport={"width": width, "height": 900})
    page.route("**/v1/verifications", changed_by(with_boxes_close_together))
    hand_in(page, states["edited"])
    headline(page)
    for figure in page.locator(".pictures figure").all():
        numbers = [each.bounding_box() for each in figure.locator(".number").all()]
        assert len(numbers) == len(CORNERS)
        frame = figure.locator(".frame").bounding_box()
        assert frame is not None
        assert min(each["y"] for each in numbers if each) >= frame["y"] - 4, "none is above the picture"
        for one, other in itertools.combinations(filter(None, numbers), 2):
            apart = max(abs(one["x"] - other["x"]) / one["width"], abs(one["y"] - other["y"]) / one["height"])
            assert apart > 0.5, (one, other)


def test_a_number_and_its_per_cent_sign_stay_on_one_line(open_page: OpenPage, states: dict[str, bytes]) -> None:
    page = open_page("/verify")
    hand_in(page, states["edited"])
    headline(page)
    assert re.search("\\d\u00a0% of the picture", page.locator(".lead").inner_text())


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


@pytest.mark.parametrize("width", [320, 479])
def test_regions_are_a_list_on_a_narrow_screen(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, width: int
) -> None:
    page = open_page("/verify", viewport={"width": width, "height": 900})
    hand_in(page, altered)
    headline(page)
    regions = page.get_by_role("table")
    expect(regions.get_by_role("row")).not_to_have_count(0)
    cells = regions.get_by_role("cell").all()
    tops = [box["y"] for cell in cells if (box := cell.bounding_box())]
    assert tops == sorted(set(tops)), "each below the other"
    names = [cell.evaluate("each => getComputedStyle(each, '::before').content") for cell in cells[:4]]
    assert names == ['"Kind"', '"Where"', '"Share of the picture"', '"In our tests"']
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
