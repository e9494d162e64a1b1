"""The service as it is deployed: a process of its own on a loopback port, over a data folder that starts empty."""

from collections.abc import Iterator

import pytest

from demo.service import Service, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Its url, an admin's API key, and its folder. All tests of this folder share it: each brings its own pictures."""
    with running_service(tmp_path_factory.mktemp("service") / "data", operator="The Test Daily") as service:
        yield service
