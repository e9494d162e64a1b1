"""The web pages, as somebody with a browser meets them: the real service, the system's Chromium."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import pillow_heif
import pytest
from axe_playwright_python.sync_playwright import Axe
from countermark import Client, RegisteredAsset
from PIL import Image, ImageFilter, PngImagePlugin
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from demo.alterations import PHOTOS
from demo.service import Service

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)> javascript:alert(1) \u202etxet derorrim\u2066'
SHOWN = "<img src=x onerror=alert(1)>"
FOREIGN = (
    "img[src='x'], script:not([src]), iframe, object, embed, base, [onerror], [href^='javascript:'], [style*='url']"
)
NOTES_VIOLATIONS = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + event.blockedURI));
"""
PASTED = (0.55, 0.5, 0.8, 0.85)
"""Where the altered picture has something that the registered one has not: fractions left, top, right, bottom."""

OpenPage = Callable[..., Page]


@dataclass
class Watched:
    """What went wrong in a page without anybody asking."""

    dialogs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


# Pictures ----------------------------------------------------------------------------------------


def _file(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def _altered() -> Image.Image:
    """The stream, 2 % cut off each side, with a dog pasted into it."""
    picture = Image.open(PHOTOS / "stream.jpg").convert("RGB")
    width, height = picture.size
    picture = picture.crop((width // 50, height // 50, width - width // 50, height - height // 50))
    left, top, right, bottom = (round(edge * side) for edge, side in zip(PASTED, picture.size * 2, strict=True))
    dog = (
        Image.open(PHOTOS / "two-dogs.jpg")
        .convert("RGB")
        .crop((230, 270, 470, 560))
        .resize((right - left, bottom - top))
    )
    picture.paste(dog, (left, top))
    return picture


@pytest.fixture(scope="module")
def altered() -> bytes:
    return _file(_altered(), "JPEG", quality=85)


@pytest.fixture(scope="module")
def hostile_file() -> bytes:
    """A copy of the astronaut whose declared metadata is an attack."""
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    xmp = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
      <rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" photoshop:Credit="Made with Google AI {escaped}"
        TC260:AIGC="{{&quot;Label&quot;:&quot;1&quot;,&quot;ContentProducer&quot;:&quot;&lt;img src=x&gt;&quot;}}"
        dc:source="{escaped}"/></rdf:RDF></x:xmpmeta>"""
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp)
    text.add_text("parameters", f"{HOSTILE.encode('ascii', 'replace').decode()}\nSteps: 20, Sampler: Euler a, Seed: 1")
    return _file(Image.open(PHOTOS / "astronaut.jpg").convert("RGB"), "PNG", pnginfo=text)


@pytest.fixture(scope="module")
def stream(service: Service) -> RegisteredAsset:
    with Client(service.url, api_key=service.api_key) as client:
        return client.register(PHOTOS / "stream.jpg", title="A stream in the beech wood", credit="Aitzol Berasategi")


@pytest.fixture(scope="module")
def hostile(service: Service) -> RegisteredAsset:
    """The astronaut, registered by a publisher whose every text is an attack."""
    answer = httpx2.post(
        f"{service.url}/v1/publishers",
        json={"id": "hostile", "name": HOSTILE},
        headers={"Authorization": f"Bearer {service.api_key}"},
    )
    assert answer.status_code == 201, answer.text
    with Client(service.url, api_key=service.api_key) as client:
        asset = client.register(
            PHOTOS / "astronaut.jpg",
            title=HOSTILE,
            caption=HOSTILE,
            credit=HOSTILE,
            licence=HOSTILE,
            publisher="hostile",
        )
        client.withdraw(asset.id, HOSTILE)
    return asset


# The browser -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def open_page(browser: Browser, service: Service, watched: Watched) -> Iterator[OpenPage]:
    """Opens a page of the service; `options` are the browser context's. In the end the browser has no complaint."""
    contexts = []

    def open_page(path: str, **options: object) -> Page:
        context = browser.new_context(base_url=service.url, **options)
        contexts.append(context)
        context.add_init_script(NOTES_VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                said.type == "error"
                and "Failed to load resource" not in said.text
                and watched.complaints.append(said.text)
            ),
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            watched.complaints.extend(page.evaluate("window.violations"))
        context.close()
    assert watched == Watched()


def hand_in(page: Page, data: bytes, name: str = "picture.jpg") -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "application/octet-stream", "buffer": data})


def headline(page: Page) -> Locator:
    """The heading of the report, once there is one."""
    found = page.locator("#headline")
    expect(found).to_be_visible(timeout=20_000)
    return found


# What a reader notices ---------------------------------------------------------------------------


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


def test_an_altered_picture_is_shown_beside_the_registered_one_with_numbered_regions(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    hand_in(page, altered)
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    given, registered = page.locator(".pictures .frame").all()
    for frame, name in ((given, "The picture you gave"), (registered, "The registered picture")):
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
    page.get_by_label("Shading of what differs").fill("0")
    expect(overlay).to_have_css("opacity", "0")
    page.get_by_label("Numbered boxes").uncheck()
    expect(page.locator(".pictures .box").first).to_be_hidden()


def test_the_slider_lays_the_registered_picture_exactly_over_the_one_given(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes
) -> None:
    page = open_page("/verify")
    hand_in(page, altered)
    headline(page)
    page.get_by_label("Numbered boxes").uncheck()
    page.get_by_label("Shading of what differs").fill("0")
    page.get_by_role("radio", name="Slider").check()
    expect(page.get_by_text("could not be aligned")).to_be_hidden()
    line = page.get_by_role("slider", name="Line between the pictures")
    frame = page.locator(".parted")
    seen = {}
    for share in ("0", "100"):
        line.fill(share)
        picture = Image.open(io.BytesIO(frame.screenshot())).convert("L").filter(ImageFilter.GaussianBlur(2))
        seen[share] = np.asarray(picture, float)
    height, width = seen["0"].shape
    step = width // 50
    apart = np.abs(seen["0"] - seen["100"])
    left, top, right, bottom = (round(edge * side) for edge, side in zip(PASTED, (width, height) * 2, strict=True))
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
    expect(page.get_by_role("heading", name="What was not checked")).to_be_visible()
    expect(
        page.get_by_text("registrations were searched").or_(page.get_by_text("registration was searched"))
    ).to_be_visible()
    expect(page.locator(".compare")).to_have_count(0)


def test_what_is_no_picture_is_refused_in_plain_words(open_page: OpenPage) -> None:
    page = open_page("/verify")
    hand_in(page, b"%PDF-1.7 a document, whatever its name", "picture.jpg")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("This is no picture that can be examined")
    expect(problem).to_contain_text("says nothing about the picture")
    expect(problem).to_contain_text(re.compile("Request req_[0-9a-f]+"))
    expect(page.locator("#headline")).to_have_count(0)


def test_a_file_beyond_the_limit_is_not_even_sent(open_page: OpenPage) -> None:
    page = open_page("/verify")
    sent = _posts(page)
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
    sent = _posts(page)
    page.get_by_label("Send only its SHA-256").check()
    hand_in(page, (PHOTOS / "stream.jpg").read_bytes())
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    assert [json.loads(request.post_data or "") for request in sent] == [{"sha256": stream.media.sha256}]


def _posts(page: Page) -> list[Request]:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    return sent


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


def test_who_asks_too_often_is_told_when_to_come_back(open_page: OpenPage) -> None:
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
    expect(page.get_by_role("alert")).to_contain_text("Try again in 17 seconds")


def test_a_report_can_be_opened_again_by_its_link(open_page: OpenPage, stream: RegisteredAsset, altered: bytes) -> None:
    page = open_page("/verify")
    hand_in(page, altered, "holiday.jpg")
    expect(headline(page)).to_be_visible()
    page.get_by_role("link", name="Link to this report").click()
    page.wait_for_url(re.compile(r"/verify\?report=[0-9a-f]{32}$"))
    expect(headline(page)).to_have_text("It matches a registered picture, and differs from it")
    expect(page.get_by_text("The picture that was verified is not kept")).to_be_visible()
    expect(page.locator(".pictures .box").first).to_be_visible()
    expect(page.get_by_text("holiday.jpg")).to_have_count(0)


def test_a_link_to_no_report_says_so(open_page: OpenPage) -> None:
    page = open_page(f"/verify?report={'0' * 32}")
    expect(page.get_by_role("alert")).to_contain_text("There is no such report")


def test_a_format_that_the_browser_cannot_show_still_has_its_regions(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    target = io.BytesIO()
    pillow_heif.from_pillow(_altered()).save(target, quality=85)
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
        _tab_to(page, "#file")
        page.keyboard.press("Enter")
    chooser.value.set_files(file)
    expect(headline(page)).to_be_focused()
    _tab_to(page, "input[value=beside]")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".parted")).to_be_visible()
    _tab_to(page, ".part")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".part")).to_have_value("51")
    assert "51%" in page.locator(".parted").evaluate("frame => frame.style.getPropertyValue('--part')")
    _tab_to(page, ".controls input[type=checkbox]")
    page.keyboard.press("Space")
    expect(page.locator(".parted .box").first).to_be_hidden()
    page.keyboard.press("Space")
    _tab_to(page, ".controls input[type=range]")
    page.keyboard.press("Home")
    expect(page.locator(".parted .overlay")).to_have_css("opacity", "0")
    _tab_to(page, "button.number")
    page.keyboard.press("Enter")
    expect(page.locator(".parted .chosen")).to_have_text("1")
    _tab_to(page, "details.panel > summary")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The whole report as JSON")).to_be_visible()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} cannot be reached with the Tab key")


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_has_to_be_scrolled_sideways(
    open_page: OpenPage, stream: RegisteredAsset, altered: bytes, width: int
) -> None:
    page = open_page("/verify", viewport={"width": width, "height": 800})
    hand_in(page, altered)
    headline(page)
    page.locator("details.panel > summary").click()
    assert _overhang(page) <= 0
    for path in ("/", "/log", f"/a/{stream.id}"):
        page.goto(path)
        assert _overhang(page) <= 0, path


def _overhang(page: Page) -> int:
    overhang: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return overhang


def test_a_registration_that_does_not_exist_has_a_page_that_says_so(open_page: OpenPage) -> None:
    page = open_page(f"/a/{'0' * 64}")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such registration here")


def test_the_log_page_has_the_key_and_how_to_audit_with_it(
    open_page: OpenPage, service: Service, stream: RegisteredAsset
) -> None:
    page = open_page("/log")
    key = page.get_by_role("region", name="The key to pin").inner_text()
    assert re.fullmatch(r"\S+\+[0-9a-f]{8}\+\S+", key)
    expect(page.get_by_role("region", name="Command that checks a receipt")).to_contain_text(f"--vkey '{key}'")
    expect(page.get_by_role("region", name="The latest checkpoint")).to_contain_text(key.split("+")[0])
    expect(page.get_by_role("region", name="Publishers")).to_contain_text("The Test Daily")


# What an auditor checks --------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_on_any_page(
    open_page: OpenPage, stream: RegisteredAsset, hostile: RegisteredAsset, altered: bytes, scheme: str
) -> None:
    page = open_page("/verify", color_scheme=scheme)
    found = _barriers(page, "/verify")
    hand_in(page, b"no picture")
    expect(page.get_by_role("alert")).not_to_be_empty()
    found += _barriers(page, "refusal")
    hand_in(page, altered)
    headline(page)
    page.locator("details.panel > summary").click()
    found += _barriers(page, "side by side")
    page.get_by_role("radio", name="Slider").check()
    found += _barriers(page, "slider")
    for path in ("/", "/log", f"/a/{stream.id}", f"/a/{hostile.id}", "/a/none"):
        page.goto(path)
        found += _barriers(page, path)
    assert found == []


def _barriers(page: Page, where: str) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{where}: {violation['impact']} {violation['id']}: {violation['nodes'][0]['html'][:200]}"
        for violation in violations
    ]


def test_hostile_text_in_a_registration_is_text_on_every_page(
    open_page: OpenPage, watched: Watched, hostile: RegisteredAsset, hostile_file: bytes
) -> None:
    page = open_page("/")
    assert SHOWN in page.locator("main").inner_text()
    for path in (f"/a/{hostile.id}", "/log"):
        page.goto(path)
        assert SHOWN in page.locator("main").inner_text()
        assert page.locator(FOREIGN).count() == 0
    page.goto("/verify")
    hand_in(page, hostile_file, f"{HOSTILE.replace('/', '')}.png")
    headline(page)
    page.locator("details.panel > summary").click()
    issued = page.locator("section.panel", has=page.get_by_role("heading", name="Issued by")).inner_text()
    assert issued.count(SHOWN) >= 4, "title, credit, caption, licence and publisher are shown"
    assert SHOWN in page.locator("details.panel").inner_text(), "and so are the marks of the file"
    assert page.locator(FOREIGN).count() == 0
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.locator("main").inner_text())
    page.reload()
    headline(page)
    assert page.locator(FOREIGN).count() == 0
    assert page.evaluate("window.violations") == []
    assert watched.dialogs == []
