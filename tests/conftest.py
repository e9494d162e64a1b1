"""What every run shares: where Chromium and PostgreSQL are, and that tests which need them never go missing quietly."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buckets import BucketServer, bucket_server
from tests.postgres import NO_POSTGRESQL, PostgresServer, find_binaries

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this run's own, or of this worker's."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(NO_POSTGRESQL)
    server = PostgresServer(binaries)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind in turn; "" stands for SQLite in the data folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()


@pytest.fixture(scope="session")
def _bucket_server() -> Iterator[BucketServer]:
    with bucket_server() as server:
        yield server


@pytest.fixture
def buckets(_bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch) -> BucketServer:
    """A server that speaks the protocol of Amazon S3, and the environment by which clients reach it."""
    for name, value in _bucket_server.environment.items():
        monkeypatch.setenv(name, value)
    return _bucket_server


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # under pytest-xdist the controller hears of every test
        config.pluginmanager.register(_NotRun("browser test", NO_CHROMIUM), "browser-tests")
        config.pluginmanager.register(_NotRun("PostgreSQL test", NO_POSTGRESQL), "postgresql-tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    browser_tests = [item for item in items if item.get_closest_marker("browser")]
    if browser_tests and find_chromium() is None:
        for item in browser_tests:
            item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


class _NotRun:
    """Counts the tests that did not run for a reason, and says so after everything else."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        self.number = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.number += report.skipped and self.reason in str(report.longrepr)

    @pytest.hookimpl(wrapper=True)
    def pytest_unconfigure(self, config: pytest.Config) -> Iterator[None]:
        yield
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if self.number and reporter is not None:
            reporter.write_line(
                f"{self.number} {self.kind}{'' if self.number == 1 else 's'} did NOT run: {self.reason}"
            )
