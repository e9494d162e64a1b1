"""What went into a file by its content credential, as a reader sees it: a drawing with thumbnails, and a list."""

import re
from pathlib import Path

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from demo.service import Service
from tests.composites import Editor, Part, composite, plain
from tests.e2e.firefox import Firefox
from tests.e2e.pages.pictures import HOSTILE, SHOWN
from tests.e2e.pages.reader import KEEPS_COUNT, OpenPage, hand_in, headline, tab_to
from tests.e2e.pages.test_every_page import FOREIGN
from tests.e2e.pages.test_without_script import send_form
from tests.patience import eventually

DRAWN = """async () => {
    const picture = document.querySelector("#ingredients .chain img");
    if (!picture) return null;
    await picture.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let orange = 0;
    for (let at = 0; at < data.length; at += 4) {
        orange += data[at] > 220 && data[at + 1] > 130 && data[at + 1] < 190 && data[at + 2] < 60;
    }
    return { width: picture.naturalWidth, orange };
}"""
"""How wide the drawing is, and how many of its pixels have the colour of a thumbnail."""

CHAIN = "document.querySelector('#ingredients .chain img')"


def opened(page: Page) -> None:
    headline(page)
    page.locator("#ingredients > summary").click()
    page.wait_for_function("() => document.querySelector('#ingredients .chain img')?.complete")


@pytest.mark.browser
def test_what_went_into_a_file_is_drawn_with_thumbnails_and_listed(open_page: OpenPage) -> None:
    page = open_page("/verify")
    page.evaluate(KEEPS_COUNT)
    hand_in(page, composite())
    headline(page)
    panel = page.locator("#ingredients")
    expect(panel.get_by_role("heading")).to_have_text("What went into it, as its credential says: 4")
    assert page.locator("#ingredients .chain img").count() == 0, "nothing is sent again before somebody looks"
    tab_to(page, "#ingredients > summary")
    page.keyboard.press("Enter")
    eventually(lambda: page.evaluate(DRAWN) is not None)
    drawn = page.evaluate(DRAWN)
    assert drawn["width"] > 2 * 236, "three generations"
    assert drawn["orange"] > 1000, "the thumbnail that a signer took"
    assert not page.evaluate(f"() => held.has({CHAIN}.src)"), "its address is given back once it is read"
    items = panel.locator("ul.nested").first.locator(":scope > li")
    expect(items).to_have_count(2)
    expect(items.nth(0)).to_contain_text("The collage of Monday (earlier version): Signed, on no trust list")
    below = items.nth(0).locator("ul > li")
    expect(below).to_have_count(2)
    expect(below.nth(0)).to_contain_text("A <b>harbour</b> (placed in it)")
    expect(below.nth(1)).to_contain_text("A gull (placed in it): None in the file")
    expect(items.nth(1)).to_contain_text("Harbour again (used as input)")
    assert Axe().run(page).response["violations"] == []
    tab_to(page, "#ingredients .chain")


@pytest.mark.browser
def test_a_report_that_is_kept_draws_them_without_thumbnails(open_page: OpenPage) -> None:
    page = open_page("/verify?lang=de")
    page.get_by_label("Den Bericht 30 Tage aufbewahren").check()
    hand_in(page, composite())
    headline(page)
    page.wait_for_url(re.compile("report="))
    page.reload()
    opened(page)
    expect(page.get_by_text("Ohne Vorschaubilder: Sie stecken in der Datei")).to_be_visible()
    drawn = page.evaluate(DRAWN)
    assert drawn["width"] > 2 * 236
    assert drawn["orange"] == 0
    expect(page.locator("#ingredients")).to_contain_text("A gull (eingefügt): Keiner in der Datei")


@pytest.mark.browser
def test_a_hostile_title_of_an_ingredient_is_text(open_page: OpenPage, service: Service) -> None:
    picture = composite(hostile=HOSTILE)
    page = open_page("/verify")
    hand_in(page, picture)
    opened(page)
    expect(page.locator("#ingredients")).to_contain_text(SHOWN)
    assert page.locator(FOREIGN).count() == 0
    drawing = httpx2.post(f"{service.url}/verify/ingredients", content=picture).text
    assert "<script" not in drawing
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", drawing)
    page.goto("/verify")
    send_form(page, picture)
    expect(page.locator("ul.nested").first).to_contain_text(SHOWN)
    assert page.locator(FOREIGN).count() == 0


@pytest.mark.browser
def test_where_the_drawing_cannot_be_had_the_list_is_enough(open_page: OpenPage) -> None:
    page = open_page("/verify")
    page.route("**/verify/ingredients*", lambda route: route.abort())
    hand_in(page, composite())
    headline(page)
    page.locator("#ingredients > summary").click()
    expect(page.get_by_text("The drawing could not be made; the list says the same.")).to_be_visible()
    expect(page.locator("#ingredients ul.nested").first).to_be_visible()


@pytest.mark.browser
def test_without_scripts_the_answer_has_the_drawing_and_the_list(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/verify", java_script_enabled=False)
    file = tmp_path / "collage.jpg"
    file.write_bytes(composite())
    page.set_input_files("#file", file)
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", name="What went into it")).to_be_visible()
    expect(page.locator(".chain svg")).to_be_visible()
    expect(page.locator("ul.nested > li").first).to_contain_text("The collage of Monday (earlier version)")


LISTED = """() => [...document.querySelectorAll("ul.nested li")].map((each) => {
    const own = each.cloneNode(true);
    own.querySelectorAll("ul").forEach((below) => below.remove());
    let depth = 0;
    for (let at = each; at; at = at.parentElement.closest("ul.nested li, li")) depth += 1;
    return `${depth} ${own.textContent.trim().replace(/\\s+/g, " ")}`;
})"""


@pytest.mark.browser
def test_with_and_without_scripts_the_same_is_listed_of_each_ingredient(open_page: OpenPage, tmp_path: Path) -> None:
    editor = Editor()
    broken = bytearray(editor.signed(plain("teal"), "Broken"))
    broken[-40] ^= 1
    parts = (
        Part("The collage of Monday", composite(), "parentOf"),
        Part("Changed since", bytes(broken)),
        Part("Kept elsewhere", editor.kept_elsewhere(plain("white"), "https://example.org/kept.c2pa")),
    )
    file = tmp_path / "collage.jpg"
    file.write_bytes(editor.signed(plain("silver"), "Collage", parts))
    page = open_page("/verify")
    hand_in(page, file.read_bytes())
    headline(page)
    listed = page.evaluate(LISTED)
    assert any(re.match(r"1 Changed since .*Does not hold.*\(.*dataHash\.mismatch", each) for each in listed), listed
    assert any(each.endswith("at https://example.org/kept.c2pa") for each in listed), listed
    assert any(each.startswith("3 ") for each in listed), "one stands below what it went into"
    plainly = open_page("/verify", java_script_enabled=False)
    plainly.set_input_files("#file", file)
    plainly.get_by_role("button", name="Verify").click()
    expect(plainly.get_by_role("heading", name="What went into it")).to_be_visible()
    assert plainly.evaluate(LISTED) == listed


@pytest.mark.firefox
def test_firefox_draws_them_too(firefox: Firefox, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "collage.jpg"
    file.write_bytes(composite())
    page = firefox.open(f"{service.url}/verify")
    page.set_input_files("#file", [file])
    eventually(lambda: page.evaluate("() => document.querySelector('#ingredients') !== null"))
    page.evaluate("() => { document.querySelector('#ingredients').open = true; }")
    eventually(lambda: page.evaluate(DRAWN) is not None)
    assert page.evaluate(DRAWN)["orange"] > 1000
    page.close()
