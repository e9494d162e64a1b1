"""What every run shares: where Chromium is, and that tests which need it never go missing quietly."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = "no Chromium (make browsers gets it)"


def find_chromium() -> str | None:
    """The system's Chromium, else the one that Playwright has downloaded, else None."""
    on_path = (shutil.which(name) for name in NAMES)
    kept_in = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    downloaded = sorted(kept_in.glob("chromium-*/chrome-linux*/chrome"), reverse=True)
    return next(filter(None, on_path), None) or (str(downloaded[0]) if downloaded else None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser. A test that asks for it is marked `browser`."""
    found = find_chromium()
    assert found is not None, NO_CHROMIUM
    return found


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # under pytest-xdist the controller hears of every test
        config.pluginmanager.register(_BrowserTests(), "browser-tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    browser_tests = [item for item in items if item.get_closest_marker("browser")]
    if browser_tests and find_chromium() is None:
        for item in browser_tests:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


class _BrowserTests:
    """Counts the browser tests that did not run, and says so after everything else."""

    def __init__(self) -> None:
        self.not_run = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.not_run += report.skipped and NO_CHROMIUM in str(report.longrepr)

    @pytest.hookimpl(wrapper=True)
    def pytest_unconfigure(self, config: pytest.Config) -> Iterator[None]:
        yield
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if self.not_run and reporter is not None:
            tests = "browser test" if self.not_run == 1 else "browser tests"
            reporter.write_line(f"{self.not_run} {tests} did NOT run: {NO_CHROMIUM}")
