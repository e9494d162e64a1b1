"""A close look at both pictures together: by buttons, keys, wheel, drag and pinch."""

import re

import pytest
from countermark import Client, RegisteredAsset
from PIL import Image
from playwright.sync_api import Page, expect

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.firefox import Firefox
from tests.e2e.pages.pictures import encode
from tests.e2e.pages.reader import OpenPage, hand_in, headline, tab_to
from tests.patience import eventually

LOOK = """() => [...document.querySelectorAll(".pictures .pane")].map((pane) => {
    const around = pane.getBoundingClientRect();
    const frame = pane.querySelector(".frame").getBoundingClientRect();
    return {
        zoom: frame.width / around.width,
        x: (around.left + around.width / 2 - frame.left) / frame.width,
        y: (around.top + around.height / 2 - frame.top) / frame.height,
        hidden: frame.left > around.left + 1 || frame.right < around.right - 1
            || frame.top > around.top + 1 || frame.bottom < around.bottom - 1,
    };
})"""
"""Of each picture beside the other: how large, and which point of it, in fractions, is in the middle of its pane."""


def looks(page: Page) -> tuple[dict[str, float], dict[str, float]]:
    yours, registered = page.evaluate(LOOK)
    assert not yours["hidden"]
    assert not registered["hidden"], "nothing but the picture is seen in its pane"
    return yours, registered


@pytest.fixture
def compared(open_page: OpenPage, stream: RegisteredAsset, altered: bytes) -> Page:
    """The page with the altered stream, whose every side lacks 2 %."""
    page = open_page("/verify", viewport={"width": 1440, "height": 900})
    hand_in(page, altered)
    headline(page)
    page.wait_for_load_state("networkidle")
    return page


def middle_of(page: Page, selector: str = ".pictures .pane") -> tuple[float, float]:
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.browser
def test_both_pictures_are_zoomed_together_and_show_the_same_place_in_the_same_size(compared: Page) -> None:
    page = compared
    zoom_in = page.get_by_role("button", name="Zoom in")
    for _ in range(4):
        zoom_in.click()
    yours, registered = looks(page)
    assert yours["zoom"] == pytest.approx(1.5**4, rel=0.01)
    assert registered["zoom"] == pytest.approx(1.5**4 / 0.96, rel=0.03), "its pane shows as much of what both show"
    expect(page.get_by_role("group", name="Close look").get_by_text("5.1 times as large")).to_be_visible()
    page.locator(".stage").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    yours, registered = looks(page)
    assert yours["x"] > 0.6
    assert registered["x"] == pytest.approx(0.02 + 0.96 * yours["x"], abs=0.02)
    assert registered["y"] == pytest.approx(0.02 + 0.96 * yours["y"], abs=0.02)
    show_all = page.get_by_role("button", name="Show all")
    show_all.click()
    assert [round(each["zoom"], 3) for each in looks(page)] == [1, 1]
    expect(page.get_by_role("button", name="Zoom out")).to_have_attribute("aria-disabled", "true")
    expect(show_all).to_be_focused()


@pytest.mark.browser
def test_keys_zoom_and_move_and_let_the_page_scroll_where_there_is_nothing_to_move(compared: Page) -> None:
    page = compared
    tab_to(page, ".stage")
    expect(page.locator("#look-keys")).to_be_visible()
    described = page.locator(".stage").get_attribute("aria-describedby")
    assert described == "look-keys"
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("ArrowDown")
    yours, _ = looks(page)
    assert yours["zoom"] == pytest.approx(2.25, rel=0.01)
    assert yours["y"] > 0.5
    page.keyboard.press("-")
    assert looks(page)[0]["zoom"] == pytest.approx(1.5, rel=0.01)
    page.keyboard.press("0")
    assert looks(page)[0]["zoom"] == pytest.approx(1)
    before = page.evaluate("scrollY")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("(before) => scrollY > before", arg=before)


@pytest.mark.browser
def test_a_wheel_zooms_at_its_place_once_the_pictures_have_the_focus_and_scrolls_the_page_before(
    compared: Page,
) -> None:
    page = compared
    x, y = middle_of(page)
    page.mouse.move(x + 60, y)
    before = page.evaluate("scrollY")
    page.mouse.wheel(0, 90)
    page.wait_for_function("(before) => scrollY > before", arg=before)
    assert looks(page)[0]["zoom"] == pytest.approx(1)
    page.evaluate("() => scrollTo(0, 0)")
    x, y = middle_of(page)
    page.mouse.click(x, y)
    expect(page.locator(".stage")).to_be_focused()
    page.mouse.move(x + 60, y)
    page.mouse.wheel(0, -500)
    page.wait_for_function("() => document.querySelector('.stage').classList.contains('zoomed')")
    yours, _ = looks(page)
    assert yours["zoom"] > 2
    assert yours["x"] > 0.5, "towards where the pointer is"
    page.mouse.down()
    page.mouse.move(x + 140, y, steps=4)
    page.mouse.up()
    assert looks(page)[0]["x"] < yours["x"], "dragged to the right, the picture shows what was to the left"


@pytest.mark.browser
def test_two_fingers_zoom_both_pictures_and_one_moves_them(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    hand_in(page, altered)
    headline(page)
    x, y = middle_of(page)
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *at: tuple[float, float]) -> None:
        points = [{"x": each[0], "y": each[1], "id": number} for number, each in enumerate(at)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (x - 20, y), (x + 20, y))
    for apart in (30, 40, 50, 60):
        fingers("touchMove", (x - apart, y), (x + apart, y))
    fingers("touchEnd")
    yours, registered = looks(page)
    assert yours["zoom"] == pytest.approx(3, rel=0.1)
    assert registered["zoom"] > 2.5
    assert page.evaluate("visualViewport.scale") == pytest.approx(1), "the page itself stays as it is"
    fingers("touchStart", (x, y))
    for moved in (10, 20, 30):
        fingers("touchMove", (x - moved, y))
    fingers("touchEnd")
    assert looks(page)[0]["x"] > yours["x"]


@pytest.mark.browser
def test_the_pictures_blink_by_themselves_or_by_a_button(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    hand_in(page, altered)
    headline(page)
    page.get_by_role("radio", name="Blink").check()
    shown = page.locator(".slider").get_by_role("status")
    for name in ("Your picture", "The registered picture", "Your picture"):
        expect(shown).to_have_text(f"Shown now: {name}")
    expect(shown).to_have_attribute("aria-live", "off")
    page.get_by_label("By itself, once a second").uncheck()
    seen = shown.inner_text()
    page.get_by_role("button", name="Show the other picture").click()
    expect(shown).not_to_have_text(seen)
    expect(shown).to_have_attribute("aria-live", "polite")
    part = page.locator(".parted").evaluate("(frame) => frame.style.getPropertyValue('--part')")
    assert part == ("100%" if "registered" in shown.inner_text() else "0%")
    expect(page.locator(".part")).to_be_hidden()


@pytest.mark.browser
def test_nothing_blinks_by_itself_for_who_wants_less_motion(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify", reduced_motion="reduce")
    hand_in(page, altered)
    headline(page)
    page.get_by_role("radio", name="Blink").check()
    expect(page.get_by_label("By itself, once a second")).not_to_be_checked()


@pytest.mark.browser
def test_the_slider_parts_what_is_seen_of_the_pictures_however_large_they_are(compared: Page) -> None:
    page = compared
    page.get_by_role("radio", name="Slider").check()
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("slider", name="Line between the pictures").fill("30")
    pane, line = (page.locator(each).bounding_box() for each in (".slider .pane", ".slider .line"))
    assert pane is not None
    assert line is not None
    assert line["x"] + line["width"] / 2 == pytest.approx(pane["x"] + 0.3 * pane["width"], abs=4)


@pytest.mark.browser
def test_a_close_look_shows_the_registered_picture_in_its_own_resolution(compared: Page) -> None:
    page = compared
    registered = page.locator(".pictures").get_by_role("img", name="The registered picture")
    width = "(image) => image.decode().then(() => image.naturalWidth)"
    assert registered.evaluate(width) == 512
    page.get_by_role("button", name="Zoom in").click()
    with Image.open(PHOTOS / "stream.jpg") as picture:
        whole = picture.width
    page.wait_for_function(
        "(width) => [...document.querySelectorAll('.pictures img')].some((each) => each.naturalWidth === width)",
        arg=whole,
    )
    assert registered.evaluate(width) == whole


@pytest.mark.browser
def test_a_report_without_the_file_is_looked_at_closely_too_and_says_what_is_kept(
    open_page: OpenPage, service: Service
) -> None:
    picture = Image.open(PHOTOS / "astronaut.jpg").convert("RGB").crop((40, 40, 400, 300)).resize((720, 520))
    with Client(service.url, api_key=service.api_key) as client:
        client.register(encode(picture, "JPEG", quality=92), title="An astronaut", credential="none")
    page = open_page("/verify")
    hand_in(page, encode(picture.crop((10, 10, 700, 510)), "JPEG", quality=80))
    headline(page)
    page.wait_for_url(re.compile(r"\?report="))
    page.reload()
    headline(page)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_text(re.compile(r"only a small copy can be shown here, of 512 × \d+ pixels"))).to_be_visible()
    assert looks(page)[0]["zoom"] == pytest.approx(1.5, rel=0.01)


@pytest.mark.browser
def test_a_reader_has_the_pictures_compared_in_full_detail(open_page: OpenPage, service: Service) -> None:
    whole = Image.open(PHOTOS / "mountains.jpg").convert("RGB")
    with Client(service.url, api_key=service.api_key) as client:
        client.register(encode(whole, "JPEG", quality=92), title="Mountains in detail")
    page = open_page("/verify")
    smaller = whole.resize((whole.width * 9 // 10, whole.height * 9 // 10))
    smaller.paste((120, 40, 40), (smaller.width // 4, smaller.height // 4, smaller.width // 3, smaller.height // 3))
    hand_in(page, encode(smaller, "JPEG", quality=85))
    headline(page)
    page.get_by_role("button", name="Zoom in").click()
    shading = page.get_by_text("The shading has 512 ×")
    expect(shading).to_be_visible()
    with page.expect_response("**/v1/verifications?detail=full") as answered:
        page.get_by_role("button", name="Compare in full detail").click()
    assert answered.value.json()["matches"][0]["comparison"]["reference"] == "full detail"
    expect(headline(page)).to_be_focused()
    expect(page.get_by_role("button", name="Compare in full detail")).to_have_count(0)
    page.get_by_role("button", name="Zoom in").click()
    told_apart = smaller.width // 2  # at full detail the comparison tells squares of two pixels apart
    expect(page.get_by_text(f"The shading has {told_apart} ×")).to_be_visible()
    drawn = page.locator(".pictures .overlay").evaluate("(each) => getComputedStyle(each).imageRendering")
    assert drawn == "pixelated", "each compared pixel is seen as what it is"


@pytest.mark.firefox
def test_firefox_zooms_both_pictures_by_keys(firefox: Firefox, service: Service, stream: RegisteredAsset) -> None:
    page = firefox.open(f"{service.url}/verify")
    press = """(keys) => keys.forEach((key) => document.querySelector(".stage")
        .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))"""
    page.set_input_files("#file", [PHOTOS / "stream.jpg"])
    eventually(lambda: page.evaluate("() => document.querySelectorAll('.pictures .pane').length") == 2)
    page.evaluate(press, ["+", "+", "ArrowRight"])
    yours, registered = page.evaluate(LOOK)
    assert yours["zoom"] == pytest.approx(2.25, rel=0.01)
    assert registered["zoom"] == pytest.approx(2.25, rel=0.01)
    assert yours["x"] == pytest.approx(registered["x"], abs=0.01)
    assert yours["x"] > 0.55
    assert not yours["hidden"]
    assert not registered["hidden"]
    page.close()
