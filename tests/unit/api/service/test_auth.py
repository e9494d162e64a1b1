from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from provenance.errors import InvalidRequest, NotAuthenticated, NotFound
from registry.keys import api_keys
from registry.registry import Registry

WITHDRAWAL = {"record": "0" * 64, "reason": "x"}


def _mint(registry: Registry, **wanted: object) -> str:
    plain: dict[str, object] = {"name": "k", "scopes": ["assets:write"], "now": registry.now()}
    return api_keys.mint(registry.store, **(plain | wanted))  # type: ignore[arg-type]  # a test's shorthand


def test_writing_without_a_key_is_refused_before_the_body_is_looked_at(client: TestClient) -> None:
    for method, path in [
        ("PUT", "/v1/media/" + "0" * 64),
        ("POST", "/v1/assets"),
        ("POST", "/v1/withdrawals"),
        ("POST", "/v1/publishers"),
        ("GET", "/metrics"),
    ]:
        answer = client.request(method, path, content=b"not looked at")
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:countermark:problem:not-authenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer x",
        "Basic Y21rOng=",
        "Bearer cmk_aaaaaaaa_" + "A" * 43,
        "Bearer cmk_aaaaaaaa_short",
        "bearer \u00e9",
    ],
)
def test_a_made_up_key_is_refused(client: TestClient, header: str) -> None:
    raw = {"Authorization": header.encode("latin-1")}
    assert client.post("/v1/withdrawals", json=WITHDRAWAL, headers=raw).status_code == 401  # type: ignore[arg-type]  # bytes work


def test_a_good_key_under_another_scheme_is_refused(client: TestClient, writer: dict[str, str]) -> None:
    key = writer["Authorization"].partition(" ")[2]
    paths = ("/v1/assets/" + "0" * 64, "/v1/assets/" + "0" * 64 + "/receipt")
    for scheme, status in (("bearer", 404), ("Basic", 401), ("Token", 401)):
        headers = {"Authorization": f"{scheme} {key}"}
        assert [client.get(path, headers=headers).status_code for path in paths] == [status] * 2
    wrong = {"Authorization": f"Basic {key}"}
    assert client.post("/v1/withdrawals", json=WITHDRAWAL, headers=wrong).status_code == 401


def test_a_key_with_another_secret_is_refused(client: TestClient, writer: dict[str, str]) -> None:
    header = writer["Authorization"]
    changed = header[:-1] + ("A" if header[-1] != "A" else "B")
    assert client.post("/v1/withdrawals", json=WITHDRAWAL, headers={"Authorization": changed}).status_code == 401


def test_a_key_without_the_scope_is_not_permitted(client: TestClient, writer: dict[str, str]) -> None:
    answer = client.post("/v1/publishers", json={"id": "x", "name": "X"}, headers=writer)
    assert answer.status_code == 403
    assert "admin" in answer.json()["detail"]


def test_a_key_works_until_it_expires(registry: Registry) -> None:
    now = registry.now()
    key = _mint(registry, expires_at=now + timedelta(hours=1))
    assert api_keys.authenticate(registry.store, key, now + timedelta(minutes=59)).name == "k"
    with pytest.raises(NotAuthenticated):
        api_keys.authenticate(registry.store, key, now + timedelta(hours=1))


def test_a_key_works_until_it_is_revoked(registry: Registry) -> None:
    key = _mint(registry)
    holder = api_keys.authenticate(registry.store, key, registry.now())
    api_keys.revoke(registry.store, holder.key_id, registry.now())
    with pytest.raises(NotAuthenticated):
        api_keys.authenticate(registry.store, key, registry.now())


def test_the_last_use_of_a_key_is_noted(registry: Registry) -> None:
    key = _mint(registry, name="noted")
    now = registry.now() + timedelta(days=1)
    api_keys.authenticate(registry.store, key, now)
    registry.store.write(lambda _session: None).result()
    view = next(view for view in api_keys.listed(registry.store) if view.name == "noted")
    assert view.last_used_at == now
    assert not hasattr(view, "digest")


def test_a_secret_is_stored_nowhere(registry: Registry) -> None:
    secret = _mint(registry).split("_", 2)[2].encode()
    registry.store.write(lambda _session: None).result()
    database = registry.config.folder / "countermark.db"
    stored = [path for path in database.parent.glob(f"{database.name}*") if path.is_file()]
    assert database in stored
    assert not any(secret in path.read_bytes() for path in stored)


def test_keys_differ_and_have_256_bits(registry: Registry) -> None:
    keys = {_mint(registry) for _ in range(5)}
    assert len(keys) == 5
    assert all(len(key.split("_", 2)[2]) == 43 for key in keys)


def test_a_key_needs_known_scopes_and_a_known_publisher(registry: Registry) -> None:
    with pytest.raises(InvalidRequest):
        _mint(registry, scopes=[])
    with pytest.raises(InvalidRequest):
        _mint(registry, scopes=["everything"])
    with pytest.raises(NotFound):
        _mint(registry, publisher="nobody")
