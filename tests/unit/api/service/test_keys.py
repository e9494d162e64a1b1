"""API keys over HTTP: an admin makes, lists, replaces and revokes them while the service runs."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from provenance.errors import NotAuthenticated
from registry.keys import api_keys
from registry.registry import Registry

Headers = dict[str, str]


def make(client: TestClient, admin: Headers, **wanted: Any) -> dict[str, Any]:
    body = {"name": "desk", "scopes": ["assets:write"], "publisher": "newsroom"} | wanted
    answer = client.post("/v1/keys", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    made: dict[str, Any] = answer.json()
    return made


def may(registry: Registry, key: str, *, later: timedelta = timedelta()) -> bool:
    try:
        api_keys.authenticate(registry.store, key, registry.now() + later)
    except NotAuthenticated:
        return False
    return True


def test_a_key_that_was_made_writes_for_its_publisher_and_is_listed_without_its_secret(
    client: TestClient, registry: Registry, admin: Headers
) -> None:
    made = make(client, admin, name="picture desk")
    assert api_keys.authenticate(registry.store, made["key"], registry.now()).publisher == "newsroom"
    listed = client.get("/v1/keys", headers=admin)
    assert made["id"] in [item["id"] for item in listed.json()["items"]]
    assert made["key"].split("_", 2)[2] not in listed.text


def test_a_replaced_key_goes_on_for_the_overlap_and_no_longer(
    client: TestClient, registry: Registry, admin: Headers
) -> None:
    old = make(client, admin)
    answer = client.post(f"/v1/keys/{old['id']}/rotation", json={"overlap_seconds": 3600}, headers=admin)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert {name: new[name] for name in ("name", "scopes", "publisher")} == {
        name: old[name] for name in ("name", "scopes", "publisher")
    }
    assert may(registry, old["key"])
    assert not may(registry, old["key"], later=timedelta(hours=1, seconds=1))
    assert may(registry, new["key"], later=timedelta(hours=1, seconds=1))
    at_once = client.post(f"/v1/keys/{new['id']}/rotation", json={"overlap_seconds": 0}, headers=admin)
    assert at_once.status_code == 201
    assert not may(registry, new["key"])
    again = client.post(f"/v1/keys/{new['id']}/rotation", json={}, headers=admin)
    assert again.status_code == 409


def test_a_revoked_key_opens_nothing(client: TestClient, registry: Registry, admin: Headers) -> None:
    made = make(client, admin)
    for _ in range(2):
        revoked = client.post(f"/v1/keys/{made['id']}/revocation", headers=admin)
        assert revoked.status_code == 201
        assert revoked.json()["revoked_at"] is not None
    assert not may(registry, made["key"])


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"scopes": []}, 422),
        ({"scopes": ["everything"]}, 422),
        ({"publisher": "nobody"}, 404),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"name": ""}, 422),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    client: TestClient, admin: Headers, wanted: dict[str, Any], status: int
) -> None:
    body = {"name": "desk", "scopes": ["assets:write"]} | wanted
    assert client.post("/v1/keys", json=body, headers=admin).status_code == status


def test_an_unknown_key_is_not_found(client: TestClient, admin: Headers) -> None:
    for change in ("rotation", "revocation"):
        assert client.post(f"/v1/keys/key_{'0' * 16}/{change}", json={}, headers=admin).status_code == 404


def test_only_an_admin_sees_or_changes_keys(client: TestClient, admin: Headers, writer: Headers) -> None:
    made = make(client, admin)
    for headers, status in (({}, 401), (writer, 403)):
        assert client.get("/v1/keys", headers=headers).status_code == status
        assert client.post("/v1/keys", json={"name": "x", "scopes": ["admin"]}, headers=headers).status_code == status
        for change in ("rotation", "revocation"):
            answer = client.post(f"/v1/keys/{made['id']}/{change}", json={}, headers=headers)
            assert answer.status_code == status


def test_no_answer_with_a_secret_is_kept_for_replay(client: TestClient, registry: Registry, admin: Headers) -> None:
    body = {"name": "desk", "scopes": ["assets:write"]}
    headers = admin | {"Idempotency-Key": "twice"}
    made = [client.post("/v1/keys", json=body, headers=headers).json()["key"] for _ in range(2)]
    assert made[0] != made[1]
    registry.store.write(lambda _session: None).result()
    folder = registry.config.folder
    kept = b"".join(path.read_bytes() for path in folder.glob("countermark.db*"))
    assert not any(key.split("_", 2)[2].encode() in kept for key in made)
