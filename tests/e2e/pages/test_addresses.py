"""A picture at another address: this browser fetches it, after an act of its reader, and the service never."""

import re

import pytest
from countermark import RegisteredAsset
from playwright.sync_api import expect

from demo.service import Service
from tests.e2e.firefox import Firefox
from tests.e2e.pages.conftest import Watched
from tests.e2e.pages.elsewhere import Elsewhere
from tests.e2e.pages.reader import OpenPage, bring, headline, posts
from tests.patience import eventually

EXACT = "Byte for byte a registered file"


@pytest.fixture(autouse=True)
def _nobody_has_asked(other_site: Elsewhere) -> None:
    other_site.asked.clear()


@pytest.mark.browser
@pytest.mark.parametrize("way", ["pasted", "dropped", "typed"])
def test_an_address_is_fetched_by_the_browser_without_cookies_or_referrer(
    open_page: OpenPage, stream: RegisteredAsset, other_site: Elsewhere, way: str
) -> None:
    page = open_page("/verify")
    address = f"{other_site.url}/open.jpg"
    if way == "typed":
        page.get_by_label("Or its address").fill(address)
        page.keyboard.press("Enter")
    else:
        assert bring(page, way, text=address) is (way == "dropped")
    expect(headline(page)).to_have_text(EXACT)
    expect(page.get_by_text("open.jpg: image/jpeg")).to_be_visible()
    ((path, fields),) = other_site.asked
    assert path == "/open.jpg"
    assert not {"cookie", "referer", "authorization"} & fields.keys()
    assert "Mozilla" in fields["user-agent"], "the browser asked, not the service"


@pytest.mark.browser
def test_a_link_with_an_address_fetches_nothing_until_its_reader_says_so(
    open_page: OpenPage, stream: RegisteredAsset, other_site: Elsewhere
) -> None:
    page = open_page(f"/verify?source={other_site.url}/open.jpg")
    host = other_site.url.removeprefix("https://")
    offered = page.get_by_role("alert")
    expect(offered).to_contain_text(f"{other_site.url}/open.jpg")
    expect(offered).to_contain_text("Nothing was fetched yet.")
    page.wait_for_load_state("networkidle")
    assert other_site.asked == []
    page.get_by_role("button", name=f"Fetch it from {host}").click()
    expect(headline(page)).to_have_text(EXACT)
    assert len(other_site.asked) == 1
    assert "source=" not in page.url


@pytest.mark.browser
def test_the_page_itself_may_connect_to_the_service_alone(
    open_page: OpenPage, watched: Watched, other_site: Elsewhere
) -> None:
    page = open_page("/verify")
    policy = page.evaluate("async () => (await fetch(location.href)).headers.get('content-security-policy')")
    assert re.search(r"connect-src 'self';", policy)
    refused = page.evaluate("(url) => fetch(url).then(() => 'fetched', () => 'refused')", f"{other_site.url}/open.jpg")
    assert refused == "refused"
    assert page.evaluate("() => violations.splice(0)") == [f"connect-src{other_site.url}/open.jpg"]
    assert all("Content Security Policy" in each for each in watched.complaints)
    watched.complaints.clear()
    assert other_site.asked == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "said"),
    [("/closed.jpg", "This page could not get the picture from"), ("/missing.jpg", "answered with status 404")],
)
def test_where_the_other_site_does_not_let_it_the_page_says_how_to_bring_the_picture(
    open_page: OpenPage, other_site: Elsewhere, path: str, said: str
) -> None:
    page = open_page("/verify")
    sent = posts(page)
    bring(page, "pasted", text=f"{other_site.url}{path}")
    problem = page.get_by_role("alert")
    expect(problem.get_by_role("heading")).to_contain_text(said)
    expect(problem).to_contain_text("save it or copy it, and then choose, drop or paste it here")
    link = problem.get_by_role("link", name="Open the picture at its address")
    expect(link).to_have_attribute("href", f"{other_site.url}{path}")
    expect(link).to_have_attribute("rel", re.compile("noreferrer"))
    assert sent == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://127.0.0.1:9/x.jpg", "Only addresses with https:// are fetched"),
        ("just words", "There is no picture on the clipboard"),
        ("javascript:alert(1)", "There is no picture on the clipboard"),
        ("file:///etc/passwd", "There is no picture on the clipboard"),
    ],
)
def test_a_text_that_is_no_such_address_is_not_asked_for(open_page: OpenPage, text: str, said: str) -> None:
    page = open_page("/verify")
    bring(page, "pasted", text=text)
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text(said)


@pytest.mark.browser
def test_a_link_with_a_hostile_address_is_text_and_leads_nowhere(open_page: OpenPage) -> None:
    page = open_page("/verify?source=javascript:alert(document.domain)")
    expect(page.get_by_role("alert").get_by_role("heading")).to_have_text("That is no address of a picture")
    expect(page.get_by_role("alert").get_by_role("link")).to_have_count(0)


@pytest.mark.firefox
def test_firefox_fetches_it_in_the_worker_and_says_so_where_it_may_not(
    firefox: Firefox, service: Service, stream: RegisteredAsset, other_site: Elsewhere
) -> None:
    said = "() => document.querySelector('#headline, #problem h2')?.textContent ?? ''"
    click = "() => document.querySelector('#problem button').click()"
    page = firefox.open(f"{service.url}/verify?source={other_site.url}/open.jpg")
    eventually(lambda: page.evaluate(said) == "This link names a picture at another address")
    assert other_site.asked == []
    page.evaluate(click)
    eventually(lambda: page.evaluate(said) == EXACT)
    page.goto(f"{service.url}/verify?source={other_site.url}/closed.jpg")
    eventually(lambda: page.evaluate(said) == "This link names a picture at another address")
    page.evaluate(click)
    eventually(lambda: page.evaluate(said).startswith("This page could not get the picture from"))
    page.close()
