"""A report on paper: one page, with boxes, address, time and checkpoint."""

import re
from datetime import datetime

import pytest
from countermark import RegisteredAsset
from playwright.sync_api import expect

from tests.e2e.pages.reader import OpenPage, hand_in, headline
from tests.e2e.pages.test_without_script import send_form

pytestmark = pytest.mark.browser

SHEET = re.compile(rb"/Type\s*/Page\b")


@pytest.mark.parametrize("view", ["as answered", "zoomed in the slider"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_report_is_printed_on_one_page_with_all_that_it_takes_to_check_it(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, view: str, language: str
) -> None:
    page = open_page("/verify", locale=language)
    hand_in(page, altered)
    headline(page)
    page.wait_for_url(re.compile(r"\?report="))
    address = page.url
    page.wait_for_load_state("networkidle")
    if view != "as answered":
        page.locator("input[value=slider]").check(force=True)
        page.locator(".zoom button").nth(1).click()
    page.emulate_media(media="print")
    shown = page.locator("main").inner_text()
    assert address in shown
    report = page.evaluate("id => fetch(`/v1/verifications/${id}`).then((answer) => answer.json())", address[-32:])
    checked = datetime.fromisoformat(report["created_at"])
    assert re.search(rf"\b{checked:%H:%M:%S} UTC", shown), "when it was checked"
    assert re.search(r"^\S+/log\S*\n\d+\n\S{44}$|^\S+\n\d+\n[A-Za-z0-9+/]{43}=$", shown, re.MULTILINE), "the checkpoint"
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator(".slider")).to_be_hidden()
    frames = page.locator(".pictures .frame").all()
    assert len(frames) == 2
    for frame in frames:
        around, box = frame.bounding_box(), frame.locator(".box").first.bounding_box()
        assert around is not None
        assert box is not None
        assert around["x"] <= box["x"] + 4
        assert box["x"] + box["width"] <= around["x"] + around["width"] + 4
        assert around["width"] > 150
    assert len(SHEET.findall(page.pdf(format="A4"))) == 1


def test_five_matches_are_printed_on_one_page_too(open_page: OpenPage, five: bytes) -> None:
    page = open_page("/verify")
    hand_in(page, five)
    headline(page)
    page.wait_for_load_state("networkidle")
    assert len(SHEET.findall(page.pdf(format="A4"))) == 1


def test_the_page_for_readers_without_scripts_is_printed_on_one_page(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    send_form(page, altered)
    page.wait_for_load_state("networkidle")
    assert len(SHEET.findall(page.pdf(format="A4"))) == 1
