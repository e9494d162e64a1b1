"""The verify page checks the receipt itself, and remembers the log."""

import json
import re
from typing import Any

import pytest
from countermark import RegisteredAsset
from playwright.sync_api import Locator, Page, Route, expect

from demo.alterations import PHOTOS
from tests.e2e.pages.reader import OpenPage, hand_in, headline

pytestmark = pytest.mark.browser

STREAM = (PHOTOS / "stream.jpg").read_bytes()
RECEIPT = re.compile(r"/v1/.*/receipt")
CHECKED = "This browser checked the receipt of the closest match itself."


def checked_here(page: Page) -> Locator:
    """What the page says of the check in the browser, once it is done."""
    headline(page)
    return page.locator("#checked-here")


def steps(page: Page) -> list[list[str]]:
    """Number, name, outcome, who checked, detail."""
    page.locator("summary", has_text="Advanced").click()
    rows = page.locator("#proof table").first.locator("tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_the_browser_checks_the_receipt_itself_and_says_who_checked_each_step(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    hand_in(page, STREAM)
    expect(checked_here(page)).to_contain_text(f"{CHECKED} It remembers the log's key and size from now on.")
    shown = steps(page)
    assert [row[0] for row in shown] == [str(number) for number in range(1, 12)]
    assert {row[3] for row in shown[:8]} == {"this browser"}
    assert shown[9][2:4] == ["not checked", "nobody"]  # the time stamp
    hand_in(page, STREAM)
    expect(checked_here(page)).to_contain_text("the log has only grown since")


def changed(route: Route, change: Any) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=change(answer.text()))


def test_a_receipt_that_does_not_hold_is_told_although_the_service_says_that_it_does(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    def forge(text: str) -> str:
        receipt = json.loads(text)
        receipt["subject"]["record"]["title"] = "A stream elsewhere"
        return json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    page = open_page("/verify")
    page.route(RECEIPT, lambda route: changed(route, forge))
    hand_in(page, STREAM)
    said = checked_here(page)
    expect(said).to_contain_text("This browser found something else in the receipt than the service states")
    expect(said).to_contain_text("step 7")


def test_a_receipt_that_cannot_be_read_is_told(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    page.route(RECEIPT, lambda route: changed(route, lambda text: text[:-40]))
    hand_in(page, STREAM)
    expect(checked_here(page)).to_contain_text("This browser found something else in the receipt")


def test_another_history_than_the_one_it_remembers_is_an_alarm_with_evidence(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    hand_in(page, STREAM)
    expect(checked_here(page)).to_contain_text(CHECKED)
    page.evaluate(
        """async () => {
            const opening = indexedDB.open("countermark-logs", 1);
            await new Promise((done) => opening.onsuccess = done);
            const logs = opening.result.transaction("logs", "readwrite").objectStore("logs");
            const [origin] = await new Promise((done) => {
                const keys = logs.getAllKeys(); keys.onsuccess = () => done(keys.result);
            });
            const found = await new Promise((done) => {
                const got = logs.get(origin); got.onsuccess = () => done(got.result);
            });
            const lines = found.note.split("\\n");
            lines[1] = "999999";  // larger than the log will be
            await new Promise((done) => { logs.put({...found, note: lines.join("\\n")}, origin).onsuccess = done; });
            opening.result.close();
        }"""
    )
    hand_in(page, STREAM)
    said = checked_here(page)
    expect(said).to_contain_text("This log contradicts what it showed this browser before")
    expect(said).to_contain_text("had 999999 entries")
    with page.expect_download() as download:
        said.get_by_role("link").click()
    kept = json.loads(download.value.path().read_text())
    assert kept["kind"] == "shrank"
    assert kept["served"] != kept["remembered"]["note"]


def test_where_the_receipt_cannot_be_had_the_page_says_that_it_was_not_checked_here(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    page.route(RECEIPT, lambda route: route.fulfill(status=503, body="busy"))
    hand_in(page, STREAM)
    expect(checked_here(page)).to_contain_text("could not check the receipt itself")
    assert {row[3] for row in steps(page)[:8]} == {"the service"}


def test_where_the_modules_for_it_cannot_be_had_the_page_says_so_too(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    page.route(re.compile(r"/countermark/procedure\.js"), lambda route: route.abort())
    hand_in(page, STREAM)
    expect(checked_here(page)).to_contain_text("could not check the receipt itself")
