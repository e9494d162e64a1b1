"""The whole service over a real registry: one data folder and one sandboxed worker for all these tests."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.__main__ import configuration
from api.app import create_app
from api.settings import InsecureSettingsWarning, Settings, load_settings
from registry import api_keys
from registry.bootstrap import DEFAULT_PUBLISHER, open_registry
from registry.registry import Registry


def jpeg(seed: int, *, width: int = 320, height: int = 240, quality: int = 90) -> bytes:
    """A picture with shapes and texture; another seed is another picture."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (height // 20, width // 20, 3), dtype=np.uint8)
    picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


@dataclass(frozen=True)
class Running:
    """The service, and a key of each kind. `other` writes for another publisher."""

    registry: Registry
    settings: Settings
    client: TestClient
    writer: dict[str, str]
    other: dict[str, str]
    admin: dict[str, str]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("service") / "data"
    with pytest.warns(InsecureSettingsWarning):
        settings = load_settings(
            environment="development",
            folder=folder,
            workers=1,
            operator="The Test Daily",
            max_media_bytes=2_000_000,
            verification_rate="100000/minute",
            read_rate="100000/minute",
        )
    registry = open_registry(replace(configuration(settings), workers=1))
    try:
        with TestClient(create_app(settings, registry), raise_server_exceptions=False) as client:
            admin = _bearer(registry, "admin", api_keys.ADMIN, None)
            enrolled = client.post("/v1/publishers", json={"id": "rival", "name": "The Rival"}, headers=admin)
            assert enrolled.status_code == 201, enrolled.text
            yield Running(
                registry=registry,
                settings=settings,
                client=client,
                writer=_bearer(registry, "writer", api_keys.ASSETS_WRITE, DEFAULT_PUBLISHER),
                other=_bearer(registry, "other", api_keys.ASSETS_WRITE, "rival"),
                admin=admin,
            )
    finally:
        registry.close()


@pytest.fixture(autouse=True)
def _no_file_is_left(running: Running) -> Iterator[None]:
    yield
    assert list(running.registry.spool.iterdir()) == []


def _bearer(registry: Registry, name: str, scope: str, publisher: str | None) -> dict[str, str]:
    key = api_keys.mint(registry.store, name=name, scopes=[scope], now=registry.now(), publisher=publisher)
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="session")
def registered(running: Running) -> dict[str, object]:
    """One registration with an embedded credential."""
    answer = running.client.post(
        "/v1/assets",
        files={"file": ("../../etc/passwd", jpeg(1))},
        data={"metadata": '{"title":"Flood","digital_source_type":"digitalCapture","captured_at":"2026-05-04T09:30:00+02:00"}'},
        headers=running.writer,
    )
    assert answer.status_code == 201, answer.text
    asset: dict[str, object] = answer.json()
    return asset
