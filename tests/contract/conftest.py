"""The service as a stranger meets it: uvicorn on a loopback port, over a registry of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.app import create_app
from api.cli.opened import configuration
from api.http.logs import configure_logs
from api.http.upload import Spool
from api.settings import InsecureSettingsWarning, load_settings
from registry.bootstrap import open_registry
from registry.keys import api_keys
from registry.keys.api_keys import DEFAULT_PUBLISHER
from tests.loopback import serving


@dataclass(frozen=True)
class Live:
    """Where the service is, and an admin's key that writes for the first publisher."""

    url: str
    port: int
    spool: Spool
    authorization: dict[str, str]


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    configure_logs("error")
    with pytest.warns(InsecureSettingsWarning):
        settings = load_settings(
            environment="development",
            folder=tmp_path_factory.mktemp("contract") / "data",
            workers=1,
            max_media_bytes=1_000_000,
            verification_rate="1000000/minute",
            read_rate="1000000/minute",
            authentication_failure_rate="1000000/minute",
            write_quota=100_000_000,
        )
    registry = open_registry(configuration(settings))
    try:
        app = create_app(settings, registry)
        with serving(app) as url:
            key = api_keys.mint(
                registry.store,
                name="contract",
                scopes=[api_keys.ADMIN],
                now=registry.now(),
                publisher=DEFAULT_PUBLISHER,
            )
            yield Live(url, int(url.rpartition(":")[2]), app.state.service.spool, {"Authorization": f"Bearer {key}"})
    finally:
        registry.close()
