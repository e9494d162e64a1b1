"""A service that is down, slow or busy, in both browsers: named in a sentence, asked again by itself where it says how
soon, and the picture stays where it was."""

import threading
from collections.abc import Iterator

import pytest
from countermark import RegisteredAsset
from playwright.sync_api import Page, Route, expect
from starlette.responses import Response

from demo.alterations import PHOTOS
from demo.service import Service
from tests.e2e.firefox import Firefox, FirefoxPage
from tests.e2e.pages.front import Front, front_of, refusal
from tests.e2e.pages.reader import OpenPage, hand_in, headline
from tests.e2e.pages.test_bad_input import problem
from tests.patience import eventually

STREAM = (PHOTOS / "stream.jpg").read_bytes()
EXACT = "Byte for byte a registered file"
AGAIN = "The service is busy. Asking again by itself in {seconds} s."

NOTES_SAID = """() => {
    const status = document.querySelector("#status");
    window.told = [];
    new MutationObserver(() => told.push(status.textContent)).observe(status, { childList: true });
}"""


def busy(page: Page, seconds: int, times: int | None = None) -> list[int]:
    """Has the service answer that it is busy for this long; the statuses it gives. `times`: so often, and then as it
    would."""
    given: list[int] = []
    refuse = problem("overloaded", 503, seconds)

    def answer(route: Route) -> None:
        if times is not None and len(given) >= times:
            given.append(200)
            route.continue_()
        else:
            given.append(503)
            refuse(route)

    page.route("**/v1/verifications", answer)
    return given


@pytest.mark.browser
def test_a_service_that_is_busy_for_a_moment_is_asked_again_by_itself(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    said = page.locator("#status")
    page.evaluate(NOTES_SAID)
    given = busy(page, 1, times=2)
    hand_in(page, STREAM, "waits.jpg")
    expect(said).to_have_text(AGAIN.format(seconds=1))
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#given")).to_contain_text("waits.jpg")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(headline(page)).to_have_text(EXACT)
    assert given == [503, 503, 200]
    assert page.evaluate("told.filter((each) => each.includes('again')).length") == 2, "once for each wait"
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


@pytest.mark.browser
def test_a_service_that_stays_busy_is_asked_again_twice_and_then_its_reader_decides(
    open_page: OpenPage, stream: RegisteredAsset
) -> None:
    page = open_page("/verify")
    given = busy(page, 1)
    hand_in(page, STREAM, "waits.jpg")
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text("The service is busy")
    assert given == [503] * 3
    expect(page.locator("#given")).to_contain_text("waits.jpg")
    page.unroute("**/v1/verifications")
    page.get_by_role("button", name="Try again").click()
    expect(headline(page)).to_have_text(EXACT)


@pytest.mark.browser
@pytest.mark.parametrize("seconds", [11, 600])
def test_a_longer_wait_is_its_readers_to_decide(open_page: OpenPage, stream: RegisteredAsset, seconds: int) -> None:
    page = open_page("/verify")
    given = busy(page, seconds)
    hand_in(page, STREAM)
    expect(page.get_by_role("alert")).to_contain_text(f"Try again in {seconds} s.")
    assert given == [503]


@pytest.mark.browser
def test_a_wait_ends_when_its_reader_stops_it(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    given = busy(page, 10)
    hand_in(page, STREAM, "waits.jpg")
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text("The service is busy")
    expect(page.locator("#file")).to_be_focused()
    expect(page.locator("#status")).to_be_empty()
    expect(stop).to_have_count(0)
    expect(page.locator("#given")).to_contain_text("waits.jpg")
    assert given == [503]


@pytest.mark.browser
def test_a_wait_ends_when_its_reader_brings_another_picture(open_page: OpenPage, stream: RegisteredAsset) -> None:
    page = open_page("/verify")
    given = busy(page, 10, times=1)
    hand_in(page, (PHOTOS / "dandelions.jpg").read_bytes(), "first.jpg")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    hand_in(page, STREAM, "second.jpg")
    expect(headline(page)).to_have_text(EXACT)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.get_by_text("second.jpg")).to_be_visible()
    assert given == [503, 200]


@pytest.fixture(scope="module")
def front(service: Service) -> Iterator[Front]:
    with front_of(service.url) as front:
        yield front


SAID = """() => [...document.querySelectorAll("#problem h2, #headline")].map((each) => each.textContent).join()"""
READY = "() => Promise.all([...document.querySelectorAll('script[type=module]')].map((one) => import(one.src)))"
TRY_AGAIN = "() => document.querySelector('#problem button').click()"
GIVEN = "() => document.querySelector('#given').textContent"


def waiting(firefox: Firefox, url: str) -> FirefoxPage:
    page = firefox.open(f"{url}/verify")
    page.evaluate(READY)
    return page


@pytest.mark.firefox
def test_firefox_asks_a_busy_service_again_and_names_one_that_is_slow_or_answers_oddly(
    firefox: Firefox, front: Front, stream: RegisteredAsset
) -> None:
    page = waiting(firefox, front.url)
    front.unwell = refusal(503, "overloaded", retry_after="1")
    page.set_input_files("#file", [PHOTOS / "stream.jpg"])
    eventually(lambda: page.evaluate(SAID) == "The service is busy")
    assert len(front.posts) == 3
    assert "stream.jpg" in page.evaluate(GIVEN)
    for unwell, said in (
        (refusal(429, "rate-limited", retry_after="60"), "Too many requests in a short time"),
        (Response("<h1>Bad gateway</h1>", 502), "The service did not answer as expected"),
    ):
        front.unwell = unwell
        page.evaluate(TRY_AGAIN)
        eventually(lambda said=said: said in page.evaluate(SAID))
    front.unwell, front.slow = None, threading.Event()
    page.evaluate(TRY_AGAIN)
    eventually(lambda: "Still waiting" in page.evaluate("() => document.querySelector('#status').textContent"))
    front.slow.set()
    eventually(lambda: page.evaluate(SAID) == EXACT)
    page.close()


@pytest.mark.firefox
def test_firefox_says_that_a_service_is_down_and_goes_on_when_it_is_back(
    firefox: Firefox, service: Service, stream: RegisteredAsset
) -> None:
    with front_of(service.url) as front:
        page = waiting(firefox, front.url)
    page.set_input_files("#file", [PHOTOS / "stream.jpg"])
    eventually(lambda: page.evaluate(SAID) == "The service could not be reached")
    assert "stream.jpg" in page.evaluate(GIVEN)
    page.close()
