"""The page of an audit in a browser, from a file: it lists, filters, sorts, shows pictures, and runs nothing else."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from countermark.audit import Bucket, Options, Outcome, Sources
from countermark.audit.items import Entry, Examined
from countermark.audit.state import Settled, State
from countermark.audit.summary import conclude
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.unit.client.audited import sha256

pytestmark = pytest.mark.browser

HOSTILE = b"</script><img src=x onerror=document.title='hacked'>.jpg"
MANY = 20_000


def picture(colour: tuple[int, ...], kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", (320, 240), colour).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    sources, options = Sources(["archive"]), Options("https://registry.example", pictures=False, send="unsettled")
    names = [HOSTILE, *(f"archive/{number:06}.jpg".encode() for number in range(MANY))]
    with State(folder, options.purpose(sources)) as state:
        for _ in state.list([[Entry(name, "file", name, size=1) for name in names]]):
            pass
        identical = Outcome(Bucket.IDENTICAL, record="cd" * 32, index=3)
        settled = [Settled(Examined(name, "", sha256(name)), identical) for name in names[1:]]
        state.settle([Settled(Examined(HOSTILE, "", sha256(HOSTILE)), None), *settled])
        shown = {
            "file": picture((40, 90, 160), "WEBP"),
            "record": picture((40, 90, 160), "WEBP"),
            "difference": picture((255, 176, 0, 120), "PNG"),
        }
        differs = Outcome(Bucket.DIFFERS, record="ef" * 32, index=9, others=2).with_also("superseded")
        state.settle_sent(sha256(HOSTILE), differs, "7f" * 16, None, shown)
        conclude(state, folder, sources, options)
    return folder / "report.html"


@pytest.fixture
def page(report: Path, chromium: str) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        told: list[str] = []
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda each: each.url.startswith(("file:", "data:")) or told.append(each.url))
        page.goto(report.as_uri())
        yield page
        assert told == []
        assert page.title() == "Audit · Countermark"
        browser.close()


def test_only_the_rows_in_view_are_in_the_document(page: Page) -> None:
    expect(page.locator("#count")).to_have_text("20,001 of 20,001 items")
    assert page.locator("#rows tr").count() < 100
    page.locator("#list").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    expect(page.locator("#rows button").last).to_have_text("archive/019999.jpg")
    assert page.locator("#rows tr").count() < 100


def test_items_are_found_filtered_and_sorted(page: Page) -> None:
    page.get_by_label("Find").fill("archive/0001 IDENT")
    expect(page.locator("#count")).to_have_text("0 of 20,001 items")
    page.get_by_label("Find").fill("archive/0001")
    expect(page.locator("#count")).to_have_text("100 of 20,001 items")
    page.get_by_label("Find").fill("")
    page.get_by_label("Differs (1)").check()
    expect(page.locator("#count")).to_have_text("1 of 20,001 items")
    page.get_by_label("Differs (1)").uncheck()
    page.get_by_role("button", name="Path").click()
    expect(page.locator("#rows button").first).to_have_text("archive/019999.jpg")
    expect(page.locator("th").filter(has_text="Path")).to_have_attribute("aria-sort", "descending")


def test_an_item_is_shown_with_its_pictures_and_where_they_differ(page: Page) -> None:
    page.get_by_role("button", name=HOSTILE.decode()).focus()
    page.keyboard.press("Enter")
    shown = page.locator("#item")
    expect(shown.locator("h2")).to_have_text(HOSTILE.decode())
    expect(shown).to_contain_text("Differs")
    expect(shown).to_contain_text("superseded")
    expect(shown.get_by_alt_text("Where it differs")).to_be_visible()
    assert shown.locator("img").evaluate_all("all => all.every((each) => each.naturalWidth === 320)")
    shown.get_by_label("Differences").fill("0")
    expect(shown.get_by_alt_text("Where it differs")).to_have_css("opacity", "0")


def test_what_is_printed_is_all_that_is_chosen(page: Page) -> None:
    page.get_by_label("Find").fill("archive/0001")
    expect(page.locator("#count")).to_have_text("100 of 20,001 items")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#rows tr").count() == 100


def test_the_page_is_in_the_language_of_its_reader_and_in_english_without_scripts(report: Path, chromium: str) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(locale="de-AT")
        page.goto(report.as_uri())
        expect(page.locator("#count")).to_have_text("20.001 von 20.001 Dateien")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.get_by_label("Weicht ab (1)").check()
        page.get_by_role("button", name=HOSTILE.decode()).click()
        expect(page.locator("#item")).to_contain_text("Gilt außerdem")
        seen = page.locator("main").inner_text()
        for english in ("Identical", "Differs", "Show", "Find", "Registered", "not registered", "Record"):
            assert english not in seen
        assert page.get_by_role("region", name="Dateien").count() == 1
        plain = browser.new_page(locale="de-AT", java_script_enabled=False)
        plain.goto(report.as_uri())
        expect(plain.get_by_role("heading", name="Audit")).to_be_visible()
        expect(plain.get_by_role("row", name="Differs 1 It matches")).to_be_visible()
        browser.close()
