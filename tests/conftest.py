"""What every run shares: where browsers, SoftHSM and PostgreSQL are, one profile of Hypothesis without deadlines, and
what is spared.

Tests that lack something never go missing quietly.
"""

import logging
import os
import shutil
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}  # read when numpy is imported

from tests.buckets import BucketServer, bucket_server
from tests.postgres import NO_POSTGRESQL, PostgresServer, find_binaries
from tests.sparing import spare

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = "no Chromium (make browsers gets it)"
NO_FIREFOX = "no Firefox (make browsers gets it)"
NO_DISPLAY = "no virtual display: Xvfb and xdotool (make browsers gets them)"
NO_TOKEN = "no SoftHSM (make tokens gets it)"
NO_GENERATOR = "no generators of clients (make generators gets them)"
NO_ENGINE = "no c2pa-ts (make engines gets it)"
NO_NGINX = "no nginx (make nginx gets it)"
SOFTHSM = (
    *("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"),
    *("/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)
"""Where systems keep the library of SoftHSM, a PKCS#11 token in software."""


def find_chromium() -> str | None:
    """The system's Chromium, else the one that Playwright has downloaded, else None."""
    on_path = (shutil.which(name) for name in NAMES)
    kept_in = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    downloaded = sorted(kept_in.glob("chromium-*/chrome-linux*/chrome"), reverse=True)
    return next(filter(None, on_path), None) or (str(downloaded[0]) if downloaded else None)


def find_firefox() -> str | None:
    """The system's Firefox, of whichever channel, else None."""
    return next(filter(None, (shutil.which(name) for name in ("firefox-esr", "firefox"))), None)


def find_display() -> bool | None:
    """Whether there is a virtual display and what presses its keys, else None."""
    return (shutil.which("Xvfb") is not None and shutil.which("xdotool") is not None) or None


def find_softhsm() -> str | None:
    """The library of SoftHSM with its tool beside it, else None."""
    return next(filter(os.path.exists, SOFTHSM), None) if shutil.which("softhsm2-util") else None


def find_nginx() -> str | None:
    """The web server, which Debian keeps where only root looks, else None."""
    return shutil.which("nginx", path=os.pathsep.join(("/usr/sbin", "/usr/local/sbin", os.environ.get("PATH", ""))))


def find_c2pa_ts() -> str | None:
    """The folder of npm packages with another author's C2PA engine, and Node.js to run it, else None."""
    folder = Path(__file__).parent.parent / ".tools/engines/node_modules"
    return str(folder) if (folder / "@trustnxt/c2pa-ts").is_dir() and shutil.which("node") else None


def find_generators() -> Path | None:
    """The folder with openapi-python-client and openapi-typescript, else None."""
    folder = Path(__file__).parent.parent / ".tools"
    made = (folder / "python/bin/openapi-python-client", folder / "node_modules/.bin/openapi-typescript")
    return folder if all(map(os.path.exists, made)) and shutil.which("node") else None


@pytest.fixture(autouse=True, scope="session")
def _sparing() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        spare(patch)
        yield


@pytest.fixture(scope="session")
def softhsm() -> str:
    """Path of the token's library. A test that asks for it is marked `token`."""
    found = find_softhsm()
    assert found is not None, NO_TOKEN
    return found


@pytest.fixture(scope="session")
def nginx() -> str:
    """Path of the web server. A test that asks for it is marked `nginx`."""
    found = find_nginx()
    assert found is not None, NO_NGINX
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser. A test that asks for it is marked `browser`."""
    found = find_chromium()
    assert found is not None, NO_CHROMIUM
    return found


@pytest.fixture(scope="session")
def firefox_executable() -> str:
    """Path of the other browser. A test that asks for it is marked `firefox`."""
    found = find_firefox()
    assert found is not None, NO_FIREFOX
    return found


NEEDS = {
    "browser": (find_chromium, NO_CHROMIUM),
    "firefox": (find_firefox, NO_FIREFOX),
    "display": (find_display, NO_DISPLAY),
    "token": (find_softhsm, NO_TOKEN),
    "engine": (find_c2pa_ts, NO_ENGINE),
    "generator": (find_generators, NO_GENERATOR),
    "nginx": (find_nginx, NO_NGINX),
    "postgresql": (find_binaries, NO_POSTGRESQL),
}
"""By marker: how what its tests need is found, and what is said where there is none."""


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test that sets up logging, as the service does, leaves none of that to the tests after it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return (yield)
    finally:
        root.handlers = handlers
        root.setLevel(level)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # under pytest-xdist the controller hears of every test
        config.pluginmanager.register(_NotRun(), "tests-that-did-not-run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, (find, missing) in NEEDS.items():
        needing = [item for item in items if item.get_closest_marker(marker)]
        if needing and find() is None:
            for item in needing:
                item.add_marker(pytest.mark.skip(reason=missing))


class _NotRun:
    """Counts the tests that lacked something, by what they lacked, and says so after everything else."""

    def __init__(self) -> None:
        self.missing: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
            self.missing[report.longrepr[2].removeprefix("Skipped: ")] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_unconfigure(self, config: pytest.Config) -> Iterator[None]:
        yield
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        for reason, number in self.missing.items():
            if reporter is not None:
                reporter.write_line(f"{number} {'test' if number == 1 else 'tests'} did NOT run: {reason}")
