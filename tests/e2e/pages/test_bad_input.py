"""What cannot be examined, and a service that cannot examine: one clear sentence each, and the picture stays."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from countermark import Client, RegisteredAsset
from PIL import Image
from playwright.sync_api import Page, Route, expect

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.firefox import Firefox
from tests.e2e.pages.pictures import encode
from tests.e2e.pages.reader import OpenPage, bring, hand_in, headline
from tests.patience import eventually

SAYS_NOTHING = "Nothing was checked, so this says nothing about the picture."
STREAM = (PHOTOS / "stream.jpg").read_bytes()


def two_hundred_megapixels() -> bytes:
    return encode(Image.new("1", (20_000, 10_000)), "PNG")


def damaged() -> bytes:
    return STREAM[: len(STREAM) // 3]


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "not a picture": (lambda: b"%PDF-1.7 a document", "This is not a picture that can be examined"),
    "damaged": (damaged, "The file is damaged or truncated"),
    "200 megapixels": (two_hundred_megapixels, "The picture is too large to examine"),
}


def told(page: Page) -> str:
    """The one title that is shown of what went wrong."""
    titles = page.get_by_role("alert").get_by_role("heading")
    expect(titles).to_have_count(1)
    return titles.inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_examined_is_named_and_stays_where_it_was(open_page: OpenPage, kind: str) -> None:
    make, said = BAD[kind]
    page = open_page("/verify")
    hand_in(page, make(), f"{kind}.jpg")
    expect(page.get_by_role("alert")).to_contain_text(SAYS_NOTHING)
    assert told(page) == said
    expect(page.locator("#given")).to_contain_text(f"{kind}.jpg")
    expect(page.locator("#headline")).to_have_count(0)


@pytest.mark.browser
def test_what_is_refused_unsent_leaves_the_report_that_is_shown(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    hand_in(page, STREAM)
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    for files, said in (
        ([("empty.jpg", b"")], "An empty file"),
        ([(f"{number}.jpg", b"x") for number in range(11)], "At most 10 pictures at a time"),
        ([], "That was not a file"),
    ):
        bring(page, "dropped", files)
        expect(page.get_by_role("alert").get_by_role("heading")).to_have_text(said)
        expect(page.get_by_role("alert")).to_contain_text(SAYS_NOTHING)
        expect(headline(page)).to_have_text("Byte for byte a registered file")
        expect(page.get_by_role("img", name="Your picture").first).to_be_visible()
        assert page.url.endswith("/verify") or "report=" in page.url


def problem(slug: str, status: int, seconds: int = 60) -> Callable[[Route], None]:
    answer = {"type": f"urn:countermark:problem:{slug}", "title": "", "detail": "", "request_id": "req_1"}
    return lambda route: route.fulfill(status=status, json=answer, headers={"Retry-After": str(seconds)})


UNWELL: dict[str, tuple[Callable[[Route], None], str]] = {
    "down": (lambda route: route.abort(), "The service could not be reached"),
    "behind a gateway": (
        lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"),
        "The service did not answer as expected",
    ),
    "busy": (problem("overloaded", 503), "The service is busy"),
    "asked too often": (problem("rate-limited", 429), "Too many requests in a short time"),
}


@pytest.mark.browser
@pytest.mark.parametrize("how", UNWELL)
def test_a_service_that_is_unwell_is_named_and_the_picture_waits_for_another_try(
    open_page: OpenPage, stream: RegisteredAsset, how: str
) -> None:
    answer, said = UNWELL[how]
    page = open_page("/verify")
    page.route("**/v1/verifications", answer)
    hand_in(page, STREAM, "waits.jpg")
    expect(page.get_by_role("alert")).to_contain_text(SAYS_NOTHING)
    assert told(page) == said
    given = page.locator("#given")
    expect(given).to_contain_text("waits.jpg")
    assert given.get_by_role("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    page.unroute("**/v1/verifications")
    page.get_by_role("button", name="Try again").click()
    expect(headline(page)).to_have_text("Byte for byte a registered file")
    expect(given).to_be_empty()


@pytest.mark.browser
def test_a_service_that_stays_silent_is_waited_for_aloud_and_then_given_up(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/log")
    page.clock.install(time=0)
    page.goto("/verify")
    page.clock.pause_at(3_600)  # from here on no time passes but what the test lets pass
    held: list[Route] = []
    page.route("**/v1/verifications", lambda route: held.append(route))
    hand_in(page, STREAM, "waits.jpg")
    expect(page.locator("#status")).to_have_text(re.compile("^(Sending|Searching)"))
    page.clock.run_for(11_000)
    expect(page.locator("#status")).to_have_text("Still waiting for an answer …")
    page.clock.run_for(120_000)
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text("No answer came in time")
    expect(page.locator("#given")).to_contain_text("waits.jpg")
    page.unroute("**/v1/verifications")
    page.get_by_role("button", name="Try again").click()
    expect(headline(page)).to_have_text("Byte for byte a registered file")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("language", "said"), [("en", "This report was erased"), ("de", "Dieser Bericht wurde gelöscht")]
)
def test_a_report_that_was_erased_says_so(open_page: OpenPage, service: Service, language: str, said: str) -> None:
    picture = encode(Image.effect_noise((200 + len(said), 180), 60).convert("RGB"), "JPEG", quality=90)
    with Client(service.url, api_key=service.api_key) as client:
        asset = client.register(picture, title="To be erased")
        report = client.verify(picture, keep=True)
        client.erase(asset.id, "a test")
    page = open_page(f"/verify?report={report.id}", locale=language)
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text(said)


@pytest.mark.browser
def test_a_report_whose_time_has_ended_says_so(open_page: OpenPage) -> None:
    page = open_page(f"/verify?report={'5' * 32}")
    alert = page.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("There is no such report")
    expect(alert).to_contain_text(re.compile("time may have ended"))


@pytest.mark.firefox
def test_firefox_is_told_the_same(firefox: Firefox, service: Service, tmp_path: Path) -> None:
    page = firefox.open(f"{service.url}/verify")
    said = "() => document.querySelector('#problem h2')?.textContent ?? ''"
    clear = "() => document.querySelector('#problem').replaceChildren()"
    ready = "() => Promise.all([...document.querySelectorAll('script[type=module]')].map((one) => import(one.src)))"
    page.evaluate(ready)
    many = [tmp_path / f"{number}.jpg" for number in range(11)]
    for file in many:
        file.write_bytes(b"x")
    (tmp_path / "empty.jpg").write_bytes(b"")
    cases = [([tmp_path / "empty.jpg"], "An empty file"), (many, "At most 10 pictures at a time")]
    for kind, (make, title) in BAD.items():
        (tmp_path / f"{kind}.jpg").write_bytes(make())
        cases.append(([tmp_path / f"{kind}.jpg"], title))
    for files, title in cases:
        page.evaluate(clear)
        page.set_input_files("#file", files)
        eventually(lambda title=title: page.evaluate(said) == title)
    page.goto(f"{service.url}/verify?report={'5' * 32}")
    eventually(lambda: page.evaluate(said) == "There is no such report")
    page.close()
