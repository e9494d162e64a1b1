"""The service as it is deployed: a process of its own on a loopback port, over a data folder that starts empty; and
Firefox."""

from collections.abc import Iterator

import pytest

from demo.service import UNBOUNDED, Service, running_service
from tests.e2e.firefox import Firefox, running_firefox


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Its url, an admin's API key, and its folder. All tests of this folder share it: each brings its own pictures."""
    folder = tmp_path_factory.mktemp("service") / "data"
    with running_service(folder, operator="The Test Daily", **UNBOUNDED) as service:
        yield service


@pytest.fixture(scope="module")
def firefox(firefox_executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """A running one, which all tests of a file share."""
    with running_firefox(firefox_executable, tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox
