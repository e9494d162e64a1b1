"""The verify page, as a reader meets it."""

import base64
import io
import json
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from countermark import RegisteredAsset
from PIL import Image, ImageFilter
from playwright.sync_api import Locator, Route, expect

from demo.alterations import PHOTOS
from tests.e2e.pages.pictures import PASTED, altered_picture, encode
from tests.e2e.pages.reader import OpenPage, hand_in, headline, open_all, posts, tab_to
from tests.patience import POLL_SECONDS

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("way", ["chosen", "dropped", "pasted"])
def test_a_picture_that_is_chosen_dropped_or_pasted_gets_its_headline(
    open_page: OpenPage, stream: RegisteredAsset, way: str
) -> None:
    page = open_page("/verify")
    data = (PHOTOS / "stream.jpg").read_bytes()
    if way == "chosen":
        hand_in(page, data)
    else:
        page.evaluate(
            """([way, data]) => {
                const transfer = new DataTransfer();
                const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
                transfer.items.add(new File([bytes], "x.jpg", {type: "image/jpeg"}));
                document.querySelector("footer").dispatchEvent(way === "dropped"
                    ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true})
                    : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true}));
            }""",
            [way, base64.b64encode(data).decode()],
        )
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    expect(headline(page)).to_be_focused()
    expect(page.locator("[data-axis=registration]")).to_contain_text("Exact match")
    expect(page.locator("[data-axis=proof]")).to_contain_text("In the log")
    expect(page.get_by_role("link", name="A stream in the beech wood")).to_be_visible()


def test_a_picture_that_is_chosen_before_the_page_is_all_there_is_not_forgotten(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/log")
    held: list[Route] = []
    page.route(re.compile(r"/sentences\.en\.js"), lambda route: held.append(route))
    page.goto("/verify", wait_until="commit")
    hand_in(page, (PHOTOS / "stream.jpg").read_bytes())
    while not held:
        page.wait_for_timeout(1000 * POLL_SECONDS)
    held[0].continue_()
    expect(headline(page)).to_have_text("Byte for byte a registered file")


def test_an_altered_picture_is_shown_beside_the_registered_one_with_numbered_regions(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    hand_in(page, altered)
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    given, registered = page.locator(".pictures .frame").all()
    for frame, name in ((given, "Your picture"), (registered, "The registered picture")):
        picture = frame.get_by_role("img", name=name)
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth") > 0
    rows = page.locator(".compare tbody tr").all()
    assert rows
    boxes = given.locator(".box").all()
    assert [box.inner_text() for box in boxes] == [str(number + 1) for number in range(len(rows))]
    expect(registered.locator(".box").first).to_be_visible()
    expect(page.locator(".legend")).to_contain_text("solid line")
    dog_x, dog_y = (PASTED[0] + PASTED[2]) / 2, (PASTED[1] + PASTED[3]) / 2
    frame = given.bounding_box()
    assert frame is not None
    at = frame["x"] + dog_x * frame["width"], frame["y"] + dog_y * frame["height"]
    assert any(_holds(box, *at) for box in boxes), "some box lies over the dog"
    number = page.get_by_role("button", name="Region 1", exact=True)
    number.click()
    expect(number).to_have_attribute("aria-pressed", "true")
    expect(given.locator(".box.chosen")).to_have_text("1")


def _holds(box: Locator, x: float, y: float) -> bool:
    at = box.bounding_box()
    assert at is not None
    return at["x"] <= x <= at["x"] + at["width"] and at["y"] <= y <= at["y"] + at["height"]


def test_boxes_and_shading_can_be_taken_away(open_page: OpenPage, stream: RegisteredAsset, altered: bytes) -> None:
    page = open_page("/verify")
    hand_in(page, altered)
    headline(page)
    overlay = page.locator(".pictures .overlay")
    expect(overlay).to_have_css("opacity", "0.5")
    page.get_by_label("Shading of differences").fill("0")
    expect(overlay).to_have_css("opacity", "0")
    page.get_by_label("Numbered boxes").uncheck()
    expect(page.locator(".pictures .box").first).to_be_hidden()


@pytest.mark.parametrize("turned", [False, True])
def test_the_slider_lays_the_registered_picture_exactly_over_the_one_given(
    open_page: OpenPage, stream: RegisteredAsset, turned: bool
) -> None:
    picture = altered_picture()
    pasted = PASTED
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_180)
        pasted = (1 - PASTED[2], 1 - PASTED[3], 1 - PASTED[0], 1 - PASTED[1])
    page = open_page("/verify")
    hand_in(page, encode(picture, "JPEG", quality=85))
    headline(page)
    page.get_by_label("Numbered boxes").uncheck()
    page.get_by_label("Shading of differences").fill("0")
    page.get_by_role("radio", name="Slider").check()
    expect(page.get_by_text("could not be aligned")).to_be_hidden()
    line = page.get_by_role("slider", name="Line between the pictures")
    frame = page.locator(".parted")
    seen = {}
    for share in ("0", "100"):
        line.fill(share)
        shown = Image.open(io.BytesIO(frame.screenshot())).convert("L").filter(ImageFilter.GaussianBlur(2))
        seen[share] = np.asarray(shown, float)
    height, width = seen["0"].shape
    step = width // 50
    apart = np.abs(seen["0"] - seen["100"])
    left, top, right, bottom = (round(edge * side) for edge, side in zip(pasted, (width, height) * 2, strict=True))
    assert apart[top:bottom, left:right].mean() > 20, "the dog is in one of them"
    apart[top:bottom, left:right] = np.nan
    shifted = np.abs(seen["0"][:, :-step] - seen["0"][:, step:]).mean()
    assert np.nanmean(apart[9:-9, 9:-9]) < shifted / 2, "and everything else lies in the same place"


def test_a_picture_that_nobody_registered_is_not_said_to_be_anything(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    hand_in(page, (PHOTOS / "dandelions.jpg").read_bytes())
    expect(headline(page)).to_have_text("No match found here")
    open_all(page)
    expect(page.get_by_role("heading", name="What was not checked")).to_be_visible()
    expect(
        page.get_by_text("registrations were searched").or_(page.get_by_text("registration was searched"))
    ).to_be_visible()
    expect(page.locator(".compare")).to_have_count(0)


def test_what_is_no_picture_is_refused_in_plain_words(open_page: OpenPage) -> None:
    page = open_page("/verify")
    hand_in(page, b"%PDF-1.7 a document, whatever its name", "picture.jpg")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("This is not a picture that can be examined")
    expect(problem).to_contain_text("says nothing about the picture")
    expect(problem).to_contain_text(re.compile("Request req_[0-9a-f]+"))
    expect(page.locator("#headline")).to_have_count(0)


def test_a_file_beyond_the_limit_is_not_even_sent(open_page: OpenPage) -> None:
    page = open_page("/verify")
    sent = posts(page)
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(53 * 1048576)], "huge.tif"));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true}));
        }"""
    )
    expect(page.get_by_role("alert")).to_contain_text("at most 50.0 MB are examined")
    assert sent == []


def test_with_hash_only_the_picture_stays_in_the_browser(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    sent = posts(page)
    page.get_by_label("Send only its SHA-256").check()
    hand_in(page, (PHOTOS / "stream.jpg").read_bytes())
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    assert [json.loads(request.post_data or "") for request in sent] == [{"sha256": stream.media.sha256}]


def test_a_service_that_is_away_is_named_and_can_be_asked_again(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    page.context.set_offline(True)
    hand_in(page, (PHOTOS / "stream.jpg").read_bytes())
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("The service could not be reached")
    page.context.set_offline(False)
    problem.get_by_role("button", name="Try again").click()
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    expect(problem).to_be_empty()


def test_a_client_that_asks_too_often_is_told_when_to_retry(open_page: OpenPage) -> None:
    page = open_page("/verify")
    answer = {
        "type": "urn:countermark:problem:rate-limited",
        "title": "Too many requests",
        "detail": "",
        "request_id": "req_1",
    }
    page.route("/v1/verifications", lambda route: route.fulfill(status=429, json=answer, headers={"Retry-After": "17"}))
    hand_in(page, (PHOTOS / "stream.jpg").read_bytes())
    expect(page.get_by_role("alert")).to_contain_text("Too many requests in a short time")
    expect(page.get_by_role("alert")).to_contain_text("Try again in 17 s")


def test_a_report_can_be_opened_again_by_its_link(open_page: OpenPage, stream: RegisteredAsset, altered: bytes) -> None:
    page = open_page("/verify")
    hand_in(page, altered, "holiday.jpg")
    expect(headline(page)).to_be_visible()
    page.get_by_role("link", name="Link to this report").click()
    page.wait_for_url(re.compile(r"/verify\?report=[0-9a-f]{32}$"))
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    expect(page.get_by_text("The verified picture is not kept")).to_be_visible()
    expect(page.locator(".pictures .box").first).to_be_visible()
    expect(page.get_by_text("holiday.jpg")).to_have_count(0)


@pytest.mark.parametrize("only_its_digest", [False, True])
def test_a_report_is_kept_where_its_reader_asks_for_it_and_says_until_when(
    open_page: OpenPage, only_its_digest: bool
) -> None:
    stranger = encode(Image.effect_noise((96, 72), 90), "PNG")
    page = open_page("/verify")
    if only_its_digest:
        page.get_by_label("Send only its SHA-256").check()
    hand_in(page, stranger)
    expect(headline(page)).to_be_visible()
    expect(page.get_by_text("This report is not kept.")).to_be_visible()
    expect(page.get_by_role("link", name="Link to this report")).to_have_count(0)
    assert page.url.endswith("/verify")
    page.locator("#options > summary").click()
    page.get_by_label("Keep the report for 30 days").check()
    with page.expect_response("**/v1/verifications?keep=true") as answered:
        hand_in(page, stranger)
    until = datetime.fromisoformat(answered.value.json()["kept_until"])
    expect(page.get_by_text(f"kept until {until.day} {until:%B %Y}")).to_be_visible()
    page.get_by_role("link", name="Link to this report").click()
    page.wait_for_url(re.compile(r"/verify\?report=[0-9a-f]{32}$"))
    expect(page.get_by_text(f"kept until {until.day} {until:%B %Y}")).to_be_visible()


@pytest.mark.parametrize("report", ["0" * 32, "0", "x", "../assets"])
def test_a_link_to_no_report_says_so(open_page: OpenPage, report: str) -> None:
    page = open_page(f"/verify?report={report}")
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text("There is no such report")


def test_a_format_that_the_browser_cannot_show_still_has_its_regions(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    target = io.BytesIO()
    pillow_heif.from_pillow(altered_picture()).save(target, quality=85)
    page = open_page("/verify")
    hand_in(page, target.getvalue(), "picture.heic")
    headline(page)
    expect(page.get_by_text("This browser cannot show the picture")).to_be_visible()
    expect(page.get_by_role("button", name="Region 1", exact=True)).to_be_visible()
    expect(page.locator(".pictures .box").first).to_be_visible()
    expect(page.get_by_role("radio", name="Slider")).to_have_count(0)


def test_everything_can_be_done_with_the_keyboard(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "altered.jpg"
    file.write_bytes(altered)
    page = open_page("/verify")
    with page.expect_file_chooser() as chooser:
        tab_to(page, "#file")
        page.keyboard.press("Enter")
    chooser.value.set_files(file)
    expect(headline(page)).to_be_focused()
    tab_to(page, "input[value=beside]")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".parted")).to_be_visible()
    tab_to(page, ".part")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".part")).to_have_value("51")
    assert "51%" in page.locator(".parted").evaluate("frame => frame.style.getPropertyValue('--part')")
    tab_to(page, ".controls input[type=checkbox]")
    page.keyboard.press("Space")
    expect(page.locator(".parted .box").first).to_be_hidden()
    page.keyboard.press("Space")
    tab_to(page, ".controls input[type=range]")
    page.keyboard.press("Home")
    expect(page.locator(".parted .overlay")).to_have_css("opacity", "0")
    tab_to(page, "button.number")
    page.keyboard.press("Enter")
    expect(page.locator(".parted .chosen")).to_have_text("1")
    tab_to(page, "#advanced > summary")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The whole report as JSON")).to_be_visible()
