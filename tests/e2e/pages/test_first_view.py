"""What a reader loads before anything is handed in, in bytes as they are sent."""

import pytest

from tests.e2e.pages.reader import OpenPage

pytestmark = pytest.mark.browser

MOST_BYTES = 100 * 1024
LEAST_BYTES = 20 * 1024
"""Less than the modules take: fewer bytes were not counted rightly."""


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_first_view_takes_at_most_100_kilobytes(open_page: OpenPage, language: str) -> None:
    page = open_page("/log", locale=language)
    finished = []
    page.on("requestfinished", lambda request: finished.append(request))
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    page.goto("/verify")
    page.wait_for_load_state("networkidle")
    sizes = {request.url.rsplit("/", 1)[-1]: request.sizes() for request in finished}
    sent = {name: each["responseBodySize"] + each["responseHeadersSize"] for name, each in sizes.items()}
    assert {"verify", "verify.js", f"sentences.{language}.js", "countermark.css"} <= sent.keys()
    assert LEAST_BYTES < sum(sent.values()) <= MOST_BYTES, sent
