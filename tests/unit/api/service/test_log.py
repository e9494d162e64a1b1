import re
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
def test_a_malformed_tile_path_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"/log/tile/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_service_says_that_it_lives_and_is_ready(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    ready = client.get("/readyz").json()
    assert ready["status"] == "ok"
    assert ready["sandbox"] is None or set(ready["sandbox"]) == {"system_calls", "files", "signals", "own_user"}


def test_metrics_tell_of_problems_by_kind_and_of_time_by_stage(
    client: TestClient, jpeg: Any, registered: dict[str, Any], admin: dict[str, str]
) -> None:
    assert client.post("/v1/verifications", content=b"no picture").status_code == 415
    assert client.post("/v1/verifications", content=jpeg(7)).status_code == 200
    text = client.get("/metrics", headers=admin).text
    assert re.search(r'countermark_problems_total{problem="unsupported-media"} [1-9]', text)
    for stage in ("receive", "wait", "examine_file", "search", "log"):
        assert re.search(rf'countermark_stage_seconds_count{{stage="{stage}"}} [1-9]', text), stage


def test_metrics_are_for_the_operator(client: TestClient, writer: dict[str, str], admin: dict[str, str]) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=writer).status_code == 403
    assert client.get("/log/checkpoint").status_code == 200
    answer = client.get("/metrics", headers=admin)
    assert answer.headers["content-type"].startswith("text/plain")
    assert "countermark_log_entries" in answer.text
    assert 'route="/log/checkpoint"' in answer.text
    assert "/v1/assets/0000" not in answer.text


@pytest.mark.parametrize("path", ["/log/checkpoint", "/log/keys", "/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"])
def test_head_says_what_get_would_and_sends_nothing(client: TestClient, registered: dict[str, Any], path: str) -> None:
    got, asked = client.get(path), client.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    for field in ("content-type", "content-length", "etag", "cache-control"):
        assert asked.headers.get(field) == got.headers.get(field), field


def test_head_of_what_is_not_there_says_so(client: TestClient) -> None:
    assert client.head("/log/tile/0/999").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("gzip, identity", "gzip"),
        ("br;q=1.0, GZIP;q=0.8, *;q=0.1", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("*, gzip;q=0", None),
        ("identity", None),
        ("gzip;q=0.3, identity;q=0.9", None),
        ("gzip;q=nonsense", None),
        ("", None),
    ],
)
def test_a_bundle_is_packed_for_whoever_takes_it_so(
    client: TestClient, registered: dict[str, Any], accepted: str, encoding: str | None
) -> None:
    path = "/log/tile/entries/000.p/3"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    answer = client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert answer.content == plain.content
    assert (answer.headers["etag"] == plain.headers["etag"]) == (encoding is None)
    if encoding:
        assert int(answer.headers["content-length"]) < int(plain.headers["content-length"])
    again = client.get(path, headers={"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.headers["vary"]) == (304, "Accept-Encoding")


def test_hash_tiles_are_sent_as_they_are_since_hashes_do_not_pack(
    client: TestClient, registered: dict[str, Any]
) -> None:
    answer = client.get("/log/tile/0/000.p/3", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
