"""Several pictures handed in at once: a line each; two of one's own, compared with each other."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import RegisteredAsset
from PIL import Image
from playwright.sync_api import Page, Route, expect

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.firefox import Firefox
from tests.e2e.pages.pictures import encode
from tests.e2e.pages.reader import KEEPS_COUNT, OpenPage, bring, headline, posts, tab_to
from tests.patience import POLL_SECONDS, eventually


def chosen(page: Page, *files: tuple[str, bytes]) -> None:
    picked = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
    page.set_input_files("#file", picked)  # type: ignore[arg-type]


def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


@pytest.mark.browser
def test_ten_pictures_have_a_line_each_and_are_opened_one_by_one(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    sent = posts(page)
    others = [(f"other {number}.jpg", photo("dandelions.jpg")) for number in range(8)]
    bring(page, "dropped", [("exact.jpg", photo("stream.jpg")), ("altered.jpg", altered), *others])
    lines = page.locator(".files li")
    expect(lines).to_have_count(10)
    expect(lines.nth(0)).to_contain_text("not opened yet")
    assert sent == []
    page.get_by_role("button", name="altered.jpg").click()
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    expect(lines.nth(1)).to_contain_text("It matches a registered picture, and differs from it")
    expect(lines.nth(1).get_by_role("button")).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="exact.jpg").click()
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    expect(lines.nth(1).get_by_role("button")).not_to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="altered.jpg").click()
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    assert len(sent) == 2, "what was examined is not sent again"
    expect(page.get_by_role("button", name="Compare the two")).to_have_count(0)


@pytest.mark.browser
def test_of_what_was_handed_in_only_what_is_shown_is_kept_in_memory(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    page.evaluate(KEEPS_COUNT)

    def kept() -> bool:
        """Whether what is kept is what is shown."""
        shown = "[...document.querySelectorAll('#result img[src^=blob]')].map(({ src }) => src)"
        return bool(page.evaluate(f"() => [...new Set({shown})].sort().join() === [...held].sort().join()"))

    chosen(page, ("first.jpg", altered))
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    assert kept()
    chosen(page, ("second.jpg", photo("stream.jpg")), ("third.jpg", photo("dandelions.jpg")))
    page.get_by_role("button", name="Compare the two").click()
    expect(page.locator(".pictures figcaption").first).to_have_text("The first picture")
    assert page.evaluate("held.size") == 2
    assert kept()
    page.get_by_role("button", name="second.jpg").click()
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    assert page.evaluate("held.size") == 1
    assert kept()


@pytest.mark.browser
def test_eleven_pictures_are_work_for_an_audit_and_what_is_shown_stays(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    chosen(page, ("altered.jpg", altered))
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    sent = posts(page)
    bring(page, "dropped", [(f"{number}.jpg", b"picture") for number in range(11)])
    problem = page.get_by_role("alert")
    expect(problem.get_by_role("heading")).to_have_text("At most 10 pictures at a time")
    expect(problem).to_contain_text("You chose 11. For more, use an audit: countermark audit FOLDER")
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    expect(page.get_by_role("img", name="Your picture")).to_be_visible()
    assert sent == []


@pytest.mark.browser
def test_a_line_that_cannot_be_opened_says_why_and_the_others_can(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    chosen(page, ("words.txt", b"no picture"), ("exact.jpg", photo("stream.jpg")))
    page.get_by_role("button", name="words.txt").click()
    expect(page.locator(".files li").nth(0)).to_contain_text("This is not a picture that can be examined")
    page.get_by_role("button", name="exact.jpg").click()
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    expect(page.get_by_role("alert")).to_be_empty()


@pytest.mark.browser
def test_two_pictures_that_nobody_registered_are_compared_with_each_other(open_page: OpenPage) -> None:
    dogs = Image.open(PHOTOS / "two-dogs.jpg").convert("RGB")
    edited = dogs.copy()
    width, height = dogs.size
    edited.paste((90, 160, 60), (width // 8, height // 8, width // 4, height // 4))
    page = open_page("/verify")
    sent = posts(page)
    chosen(page, ("later.jpg", encode(edited, "JPEG", quality=88)), ("earlier.png", encode(dogs, "PNG")))
    page.get_by_role("button", name="Compare the two with each other").click()
    expect(headline(page)).to_have_text("The two pictures match, and something differs")
    expect(headline(page)).to_be_focused()
    expect(page.locator(".lead")).to_contain_text("One area differs: box 1, upper left")
    expect(page.get_by_text("nobody vouches for either")).to_be_visible()
    for name in ("The first picture", "The second picture"):
        shown = page.locator(".pictures").get_by_role("img", name=name)
        expect(shown).to_be_visible()
        assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == width
    expect(page.locator(".pictures .box").first).to_be_visible()
    overlay = page.locator(".pictures .overlay")
    assert overlay.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    assert "registered" not in page.locator("#result").inner_text()
    assert [request.url.split("/v1/")[1] for request in sent] == ["comparisons"]
    assert page.url.endswith("/verify")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("radio", name="Slider").check()
    expect(page.get_by_text("Left of the line: The second picture")).to_be_visible()
    page.get_by_role("button", name="Compare the other way round").click()
    expect(page.locator("#result ol li").first).to_contain_text("earlier.png")
    expect(headline(page)).to_have_text("The two pictures match, and something differs")


@pytest.mark.browser
@pytest.mark.parametrize("way", ["dropped", "pasted"])
def test_a_picture_that_is_dropped_or_pasted_before_the_page_is_all_there_is_not_forgotten(
    open_page: OpenPage, stream: RegisteredAsset, way: str
) -> None:
    page = open_page("/log")
    held: list[Route] = []
    page.route(re.compile(r"/sentences\.en\.js"), lambda route: held.append(route))
    page.goto("/verify", wait_until="commit")
    page.wait_for_selector("#ask")
    taken = bring(page, way, [("stream.jpg", photo("stream.jpg"))])
    assert taken or way == "pasted", "the browser would leave the page for a file that is dropped"
    while not held:
        page.wait_for_timeout(1000 * POLL_SECONDS)
    expect(page.locator("#headline")).to_have_count(0)
    held[0].continue_()
    expect(headline(page)).to_have_text("Byte for byte a registered file")


@pytest.mark.browser
def test_the_lines_are_used_with_the_keyboard_alone(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    chosen(page, ("a.jpg", photo("stream.jpg")), ("b.jpg", photo("dandelions.jpg")))
    expect(page.get_by_role("button", name="a.jpg")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(headline(page)).to_have_text("No match found here")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Compare the two")).to_be_focused()
    page.keyboard.press("Enter")
    expect(headline(page)).to_have_text("No match was found between the two pictures")
    tab_to(page, ".stage")


@pytest.mark.firefox
def test_firefox_has_a_line_for_each_picture_too(firefox: Firefox, service: Service, stream: RegisteredAsset) -> None:
    page = firefox.open(f"{service.url}/verify")
    lines = "() => [...document.querySelectorAll('.files li')].map((each) => each.textContent)"
    page.evaluate(
        "() => Promise.all([...document.querySelectorAll('script[type=module]')].map((one) => import(one.src)))"
    )
    page.set_input_files("#file", [PHOTOS / "stream.jpg", PHOTOS / "dandelions.jpg"])
    eventually(lambda: len(page.evaluate(lines)) == 2)
    page.evaluate("() => document.querySelector('.files button').click()")
    eventually(lambda: "Byte for byte a registered file" in page.evaluate(lines)[0])
    page.close()
