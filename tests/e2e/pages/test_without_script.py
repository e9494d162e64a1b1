"""The verify page without JavaScript, and what is printed."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import RegisteredAsset
from playwright.sync_api import Browser, Page, expect

from demo.service import Service
from tests.e2e.pages.pictures import SHOWN, hostile_copy
from tests.e2e.pages.reader import HUNG_MILLISECONDS, OpenPage, hand_in, headline
from tests.e2e.pages.test_every_page import FOREIGN

pytestmark = pytest.mark.browser


def test_without_javascript_a_form_sends_the_picture_and_the_answer_is_a_page(
    browser: Browser, service: Service, stream: RegisteredAsset, altered: bytes
) -> None:
    context = browser.new_context(base_url=service.url, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(HUNG_MILLISECONDS)
    page.goto("/verify")
    hand_in(page, altered)
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    expect(page.get_by_text("One area differs: box 1")).to_be_visible()
    expect(page.get_by_role("img", name="The registered picture")).to_be_visible()
    page.goto("/verify")
    hand_in(page, b"no picture")
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This is not a picture that can be examined")
    context.close()


def send_form(page: Page, data: bytes) -> None:
    """Sends a picture as the form of a browser without scripts does."""
    page.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(bytes)], "x.jpg"));
            document.querySelector("#file").files = transfer.files;
            document.querySelector("#ask").submit();
        }""",
        list(data),
    )
    page.wait_for_url("**/v1/verifications")
    headline(page)


def test_hostile_text_is_text_on_the_page_that_is_answered(open_page: OpenPage, hostile: RegisteredAsset) -> None:
    page = open_page("/verify")
    send_form(page, hostile_copy())
    assert SHOWN in page.locator("main").inner_text()
    assert page.locator(FOREIGN).count() == 0


def test_the_answered_page_has_no_barrier_and_says_what_is_printed(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    send_form(page, altered)
    assert Axe().run(page).response["violations"] == []
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation").first).to_be_hidden()
    shown = page.locator("main").inner_text()
    assert re.search(r"/verify\?report=[0-9a-f]{32}", shown)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", shown)
    expect(page.get_by_role("region", name="Checkpoint")).to_be_visible()
    boxes = [box.bounding_box() for box in page.locator(".drawn .edge.differs").all()]
    assert len(boxes) >= 2, "over both pictures"
    assert all(box is not None and min(box["width"], box["height"]) > 20 for box in boxes)
