"""The extension as it is shipped, in both browsers; each browser is shared by the tests of a file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.extension.asking import OTHER, PHOTO, SMALL
from tests.e2e.extension.browsers import (
    Chromium,
    ExtendedBrowser,
    ExtendedFirefox,
    running_chromium,
    running_extended_firefox,
)
from tests.e2e.extension.display import virtual_display
from tests.e2e.extension.sites import Sites, running_sites
from tests.e2e.pages.reader import Tab
from tools.extension import assemble

BROWSERS = [
    pytest.param("extended_chromium", id="chromium", marks=(pytest.mark.browser, pytest.mark.display)),
    pytest.param("extended_firefox", id="firefox", marks=(pytest.mark.firefox, pytest.mark.display)),
]


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the extension as each browser loads it, in `chrome` and `firefox`."""
    folder = tmp_path_factory.mktemp("extension")
    for browser in ("chrome", "firefox"):
        assemble(browser, folder / browser)
    return folder


@pytest.fixture(scope="module")
def extended_chromium(chromium: str, extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    folder = tmp_path_factory.mktemp("chromium")
    with virtual_display() as display, running_chromium(chromium, extensions / "chrome", folder, display) as browser:
        yield browser


@pytest.fixture(scope="module")
def extended_firefox(
    firefox_executable: str, extensions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ExtendedFirefox]:
    folder = tmp_path_factory.mktemp("firefox")
    extension = extensions / "firefox"
    with (
        virtual_display() as display,
        running_extended_firefox(firefox_executable, extension, folder, display) as browser,
    ):
        yield browser


@pytest.fixture(scope="module", params=BROWSERS)
def extended(request: pytest.FixtureRequest) -> ExtendedBrowser:
    """Each browser in turn."""
    browser: ExtendedBrowser = request.getfixturevalue(request.param)
    return browser


@pytest.fixture(scope="session")
def _sites() -> Iterator[Sites]:
    with running_sites() as sites:
        yield sites


@pytest.fixture
def sites(_sites: Sites) -> Iterator[Sites]:
    """Sites with nothing on them yet. None of them learns of the extension."""
    yield _sites
    assert "-extension:" not in str(_sites.asked)
    _sites.pages, _sites.files, _sites.policy, _sites.asked = {}, {}, None, []
    _sites.going_on.clear()


Show = Callable[..., Tab]


@pytest.fixture
def show(extended: ExtendedBrowser, sites: Sites) -> Show:
    """Opens a page of the news."""
    sites.files |= {"photo.jpg": PHOTO, "small.jpg": SMALL, "other.jpg": OTHER}
    opened: list[Tab] = []

    def show(page: str, path: str = "/") -> Tab:
        sites.pages[path] = "<!doctype html><title>News</title>" + page
        opened.append(extended.open(sites.at("news", path)))
        return opened[-1]

    yield show
    for page in opened:
        page.close()
