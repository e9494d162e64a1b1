from typing import Any

import pytest
from starlette.testclient import TestClient

from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.merkle import leaf_hash
from provenance.transparency.tiles import parse_entry_bundle
from registry.registry import Registry


def test_the_log_can_be_followed_by_a_stranger(
    client: TestClient, registered: dict[str, Any], registry: Registry
) -> None:
    note = client.get("/log/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint, _ = open_checkpoint(note.content, [registry.sequencer.key], registry.config.origin)
    assert checkpoint.size > registered["index"]
    bundle = client.get(f"/log/tile/entries/000.p/{checkpoint.size}")
    assert bundle.headers["content-type"] == "application/octet-stream"
    assert "immutable" in bundle.headers["cache-control"]
    entries = parse_entry_bundle(bundle.content)
    hashes = client.get(f"/log/tile/0/000.p/{checkpoint.size}").content
    assert hashes == b"".join(leaf_hash(entry) for entry in entries)


def test_checkpoints_are_not_kept_by_caches(client: TestClient) -> None:
    assert client.get("/log/checkpoint").headers["cache-control"] == "public, max-age=1"


@pytest.mark.parametrize(
    "path",
    [
        "0/001",
        "0/000.p/0",
        "0/000.p/256",
        "64/000",
        "0/0",
        "entries/999",
        "../../keys/log.pem",
        "%2e%2e/checkpoint",
        "0/000%00",
        "x",
    ],
)
def test_a_tile_that_is_none_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"/log/tile/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_service_says_that_it_lives_and_is_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_metrics_are_for_the_operator(client: TestClient, writer: dict[str, str], admin: dict[str, str]) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=writer).status_code == 403
    answer = client.get("/metrics", headers=admin)
    assert answer.headers["content-type"].startswith("text/plain")
    assert "countermark_log_entries" in answer.text
    assert 'route="/log/checkpoint"' in answer.text
    assert "/v1/assets/0000" not in answer.text
