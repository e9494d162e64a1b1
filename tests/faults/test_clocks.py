"""A clock that jumps: times in the log never decrease, and nobody is answered with a fault of ours."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.opened import configuration
from api.settings import InsecureSettingsWarning, load_settings
from provenance.statement.statement import sign_statement
from registry.bootstrap import open_registry
from registry.database import entries
from registry.keys import api_keys
from registry.times import utc_now

JUMPS = tuple(timedelta(days=days) for days in (0, -1 / 24, 1, -365, 365, 0))
PHOTO = Path(__file__).parents[2] / "demo/photos"


class Clock:
    """The system's, and so much more or less."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


def test_times_never_decrease_and_nothing_fails_when_the_clock_jumps(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.warns(InsecureSettingsWarning):
        settings = load_settings(environment="development", folder=tmp_path / "data", workers=1)
    registry = open_registry(configuration(settings), clock)
    photo = next(PHOTO.glob("*.jpg")).read_bytes()
    try:
        kid = bytes.fromhex(next((tmp_path / "data/keys/publishers/newsroom").glob("*.pem")).stem)
        signer = registry.keystore.publisher_key("newsroom", kid)
        key = api_keys.mint(registry.store, name="clock", scopes=["admin"], now=utc_now(), publisher="newsroom")
        headers = {"Authorization": f"Bearer {key}"}
        statuses: list[tuple[str, str, int]] = []
        with TestClient(create_app(settings, registry), raise_server_exceptions=False) as client:

            def ask(method: str, path: str, **content: object) -> None:
                answer = client.request(method, path, headers=headers, **content)  # type: ignore[arg-type]
                statuses.append((str(clock.ahead), f"{method} {path}", answer.status_code))

            for jump in JUMPS:
                clock.ahead = jump
                ask("POST", "/v1/statements", content=sign_statement(secrets.token_bytes(32), signer))
                ask("POST", "/v1/assets", files={"file": photo + secrets.token_bytes(8)}, data={"metadata": "{}"})
                ask("POST", "/v1/verifications", content=photo)
                ask("GET", "/v1/assets")
                ask("GET", "/log/checkpoint")
                ask("GET", "/readyz")
        with registry.store.read() as session:
            times = [row.logged_at_ms for row in entries.between(session, 0, 1000)]
    finally:
        registry.close()
    assert [each for each in statuses if each[2] >= 500] == []
    assert [each for each in statuses if each[1] == "POST /v1/statements" and each[2] != 201] == []
    assert times == sorted(times)
    assert len(times) >= 2 + len(JUMPS)
