"""The whole service over a real registry: one data folder and one sandboxed worker for all these tests."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.opened import configuration
from api.settings import InsecureSettingsWarning, load_settings
from registry.bootstrap import open_registry
from registry.keys import api_keys
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.registry import Registry
from tests.patience import eventually

Picture = Callable[..., bytes]


def _jpeg(seed: int, *, width: int = 320, height: int = 240, quality: int = 90) -> bytes:
    random = np.random.default_rng(seed)
    down, across = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    falloff = 1 / np.maximum(np.hypot(down, across), 1 / width)  # amplitudes as photographs have them
    planes = [np.fft.ifft2(np.fft.fft2(random.normal(size=(height, width))) * falloff).real for _ in range(3)]
    pixels = np.stack([(plane - plane.min()) / np.ptp(plane) * 255 for plane in planes], axis=2)
    picture = Image.fromarray(pixels.astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.fixture(scope="session")
def jpeg() -> Picture:
    """Makes a picture with shapes and texture; another seed is another picture."""
    return _jpeg


@dataclass(frozen=True)
class Running:
    """The service, and a key of each kind. `other` writes for another publisher."""

    registry: Registry
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
            verification_rate="100000/hour",  # nothing expires while a test counts what is left
            read_rate="100000/minute",
            authentication_failure_rate="100000/minute",
        )
    registry = open_registry(configuration(settings))
    try:
        with TestClient(create_app(settings, registry), raise_server_exceptions=False) as client:
            admin = _bearer(registry, "admin", api_keys.ADMIN, None)
            enrolled = client.post("/v1/publishers", json={"id": "rival", "name": "The Rival"}, headers=admin)
            assert enrolled.status_code == 201, enrolled.text
            yield Running(
                registry=registry,
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
    assert list(running.registry.spool.glob("upload-*")) == []
    eventually(lambda: not list(running.registry.spool.iterdir()))  # what is lent to a comparison beside the requests


def _bearer(registry: Registry, name: str, scope: str, publisher: str | None) -> dict[str, str]:
    key = api_keys.mint(registry.store, name=name, scopes=[scope], now=registry.now(), publisher=publisher)
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def client(running: Running) -> TestClient:
    return running.client


@pytest.fixture
def registry(running: Running) -> Registry:
    return running.registry


@pytest.fixture
def writer(running: Running) -> dict[str, str]:
    return running.writer


@pytest.fixture
def other(running: Running) -> dict[str, str]:
    return running.other


@pytest.fixture
def admin(running: Running) -> dict[str, str]:
    return running.admin


@pytest.fixture(scope="session")
def registered(running: Running) -> dict[str, Any]:
    """One registration with an embedded credential, of `jpeg(1)`."""
    metadata = {
        "title": "Flood",
        "digital_source_type": "digitalCapture",
        "captured_at": "2026-05-04T09:30:00+02:00",
    }
    answer = running.client.post(
        "/v1/assets",
        files={"file": ("../../etc/passwd", _jpeg(1))},
        data={"metadata": json.dumps(metadata)},
        headers=running.writer,
    )
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return asset
