"""The page of the log: how it grew, and what this browser itself checks of it."""

import json
import re

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import Client, RegisteredAsset
from PIL import Image
from playwright.sync_api import Page, Route, expect

from demo.service import Service
from tests.e2e.pages.pictures import encode
from tests.e2e.pages.reader import OpenPage

pytestmark = pytest.mark.browser

CHECKPOINT = re.compile(r"/log/checkpoint$")
REMEMBERED_LARGER = """async () => {
    const opening = indexedDB.open("countermark-logs", 1);
    await new Promise((done) => opening.onsuccess = done);
    const logs = opening.result.transaction("logs", "readwrite").objectStore("logs");
    const settled = (asked) => new Promise((done) => { asked.onsuccess = () => done(asked.result); });
    const [origin] = await settled(logs.getAllKeys());
    const found = await settled(logs.get(origin));
    const lines = found.note.split("\\n");
    lines[1] = "999999";  // larger than the log will be
    await settled(logs.put({...found, note: lines.join("\\n")}, origin));
    opening.result.close();
}"""


@pytest.fixture
def older(service: Service, stream: RegisteredAsset) -> str:
    """A checkpoint from before the newest entry."""
    note = httpx2.get(f"{service.url}/log/checkpoint").text
    with Client(service.url, api_key=service.api_key) as client:
        client.register(encode(Image.effect_noise((320, 240), 80).convert("RGB"), "PNG"), title="A grain of film")
    assert httpx2.get(f"{service.url}/log/checkpoint").text != note
    return note


def check(page: Page, note: str) -> None:
    page.get_by_label("An older checkpoint").fill(note)
    page.get_by_role("button", name="Check it here").click()


def size_of(note: str) -> int:
    return int(note.splitlines()[1])


def test_the_browser_pins_the_log_and_next_time_says_that_it_has_only_grown(
    open_page: OpenPage, older: str, service: Service
) -> None:
    page = open_page("/log")
    expect(page.locator("#checked")).to_contain_text("This browser remembers the log's key and size from now on")
    page.reload()
    size = size_of(httpx2.get(f"{service.url}/log/checkpoint").text)
    expect(page.locator("#checked")).to_contain_text(f"the log of {size} entries begins with that of {size}")


def test_a_log_that_shrank_is_an_alarm_with_evidence(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/log")
    expect(page.locator("#checked")).to_contain_text("remembers")
    page.evaluate(REMEMBERED_LARGER)
    page.reload()
    expect(page.locator("#checked")).to_contain_text("This log contradicts what it showed this browser before")
    expect(page.locator("#checked")).to_contain_text("had 999999 entries")
    with page.expect_download() as download:
        page.locator("#checked").get_by_role("link").click()
    assert json.loads(download.value.path().read_text())["kind"] == "shrank"


def test_another_key_is_an_alarm(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/log")
    expect(page.locator("#checked")).to_contain_text("remembers")

    def otherwise_signed(route: Route) -> None:
        text, _, signatures = route.fetch().text().partition("\n\n")
        spoilt = re.sub(r"(— \S+ )\S{8}", r"\1AAAAAAAA", signatures)
        route.fulfill(body=f"{text}\n\n{spoilt}", content_type="text/plain; charset=utf-8")

    page.route(CHECKPOINT, otherwise_signed)
    page.reload()
    expect(page.locator("#checked")).to_contain_text("This log contradicts what it showed this browser before")
    expect(page.locator("#checked")).to_contain_text("was known by key")


def test_an_older_checkpoint_that_was_kept_is_checked_in_the_browser(open_page: OpenPage, older: str) -> None:
    page = open_page("/log")
    expect(page.locator("#checked")).to_contain_text("remembers")
    check(page, older)
    expect(page.locator("#consistent")).to_contain_text(f"begins with the {size_of(older)} entries of that checkpoint")
    check(page, "an old letter")
    expect(page.locator("#consistent")).to_contain_text("That is not a checkpoint of this log")
    lines = older.split("\n")
    lines[1] = str(size_of(older) - 1)
    check(page, "\n".join(lines))
    expect(page.locator("#consistent")).to_contain_text("That is not a checkpoint of this log")


def test_a_log_that_does_not_begin_with_the_older_checkpoint_is_an_alarm(open_page: OpenPage, older: str) -> None:
    page = open_page("/log")
    expect(page.locator("#checked")).to_contain_text("remembers")

    def spoil(route: Route) -> None:
        tile = bytearray(route.fetch().body())
        tile[-1] ^= 1
        route.fulfill(body=bytes(tile))

    page.route(re.compile(r"/log/tile/"), spoil)
    check(page, older)
    expect(page.locator("#consistent")).to_contain_text("This log contradicts what it showed")


def test_the_log_is_drawn_and_long_signatures_are_folded(open_page: OpenPage, older: str) -> None:
    page = open_page("/log")
    drawn = page.get_by_role("img", name=re.compile(r"The log grew to \d+ entries from \d+ \w+ \d{4}"))
    expect(drawn).to_be_visible()
    corners = drawn.locator("polyline").get_attribute("points") or ""
    heights = [float(corner.split(",")[1]) for corner in corners.split()]
    assert heights == sorted(heights, reverse=True), "a log only grows"
    assert (heights[0], heights[-1]) == (160, 0)
    expect(page.locator("#signatures")).to_be_visible()
    expect(page.get_by_role("region", name="Its signatures")).to_be_hidden()
    expect(page.get_by_text("This log names no witnesses")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_the_log_in_any_state(
    open_page: OpenPage, older: str, language: str, scheme: str
) -> None:
    page = open_page("/log?find=1", locale=language, color_scheme=scheme)
    expect(page.locator("#checked p")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = [Axe().run(page).response["violations"]]
    page.locator("#checkpoint-text").fill(older)
    page.locator("#checkpoint-text").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#consistent")).to_contain_text(str(size_of(older)))
    found.append(Axe().run(page).response["violations"])
    page.evaluate(REMEMBERED_LARGER)
    page.reload()
    expect(page.locator("#checked strong")).to_be_visible()
    found.append(Axe().run(page).response["violations"])
    assert [[(each["id"], each["nodes"][0]["html"][:100]) for each in state] for state in found] == [[], [], []]
