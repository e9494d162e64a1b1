"""Publishers' keys over HTTP: enrolled, replaced, revoked, and what verdicts and receipts then say."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from countermark.keys import OwnKey
from starlette.testclient import TestClient

from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.statement import parse_statement
from registry.database import entries
from registry.keys import api_keys
from registry.registry import Registry
from registry.usecases import append as stating
from tests.unit.api.service.conftest import Picture

Headers = dict[str, str]


@pytest.fixture
def publisher(client: TestClient, admin: Headers, request: pytest.FixtureRequest) -> str:
    """A publisher of the test's own."""
    name = f"p-{abs(hash(request.node.name)):x}"[:40]
    made = client.post("/v1/publishers", json={"id": name, "name": "The Courier"}, headers=admin)
    assert made.status_code == 201, made.text
    return name


def keys(client: TestClient, publisher: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/v1/publishers/{publisher}/keys").json()["items"]
    return items


def change(client: TestClient, admin: Headers, publisher: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/publishers/{publisher}/keys", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def register(client: TestClient, admin: Headers, publisher: str, picture: bytes) -> Any:
    metadata = json.dumps({"publisher": publisher, "credential": "none"})
    return client.post("/v1/assets", files={"file": picture}, data={"metadata": metadata}, headers=admin)


def signed_with(registry: Registry, index: int) -> str:
    with registry.store.read() as session:
        return parse_statement(entries.get(session, index).statement).kid.hex()


def verdict(client: TestClient, picture: bytes) -> dict[str, Any]:
    report = client.post("/v1/verifications", content=picture, headers={"Content-Type": "application/octet-stream"})
    assert report.status_code in (200, 201), report.text
    standing: dict[str, Any] = report.json()["matches"][0]["standing"]
    return standing


def test_a_rotation_is_signed_by_both_keys_and_registrations_go_on_under_the_new_one(
    client: TestClient, registry: Registry, admin: Headers, publisher: str, jpeg: Picture
) -> None:
    (old,) = keys(client, publisher)
    before = register(client, admin, publisher, jpeg(101)).json()
    new = change(client, admin, publisher, action="rotate", key_algorithm="Ed25519", reason="a yearly change")
    after = register(client, admin, publisher, jpeg(102)).json()
    assert new["state"] == "in force"
    assert [key["state"] for key in keys(client, publisher)] == ["replaced", "in force"]
    assert signed_with(registry, before["index"]) == old["thumbprint"]
    assert signed_with(registry, after["index"]) == new["thumbprint"]
    with registry.store.read() as session:
        record = json.loads(entries.record(session, entries.get(session, new["enrolled_index"]).record_id).canonical)
    assert {"possession", "handover"} < record.keys()
    for asset in (before, after):
        receipt = client.get(f"/v1/records/{asset['id']}/receipt").content
        assert verify_receipt(Receipt.parse(receipt), trusted_keys=[registry.sequencer.key]).holds
    assert verdict(client, jpeg(101))["value"] == "current"  # replaced in good order


def test_a_revocation_carries_its_reason_and_time_and_verdicts_say_after(
    client: TestClient, admin: Headers, publisher: str, jpeg: Picture
) -> None:
    (key,) = keys(client, publisher)
    register(client, admin, publisher, jpeg(111))
    since = (datetime.now(UTC) - timedelta(days=2)).replace(microsecond=0)
    path = f"/v1/publishers/{publisher}/keys/{key['thumbprint']}/revocation"
    body = {"reason": "a laptop was stolen", "invalid_since": since.isoformat()}
    revoked = client.post(path, json=body, headers=admin)
    assert revoked.status_code == 201, revoked.text
    assert revoked.json()["state"] == "revoked"
    assert revoked.json()["revocation_reason"] == "a laptop was stolen"
    assert datetime.fromisoformat(revoked.json()["invalid_since"]) == since
    assert revoked.json()["revoked_index"] == revoked.json()["ended_index"]
    standing = verdict(client, jpeg(111))
    assert standing["value"] == "key revoked after logging"
    assert "a laptop was stolen" in standing["detail"]
    assert "before this was logged" in standing["detail"]
    refused = register(client, admin, publisher, jpeg(112))
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:countermark:problem:key-refused"
    assert "a laptop was stolen" in refused.json()["detail"]
    assert client.post(path, json=body, headers=admin).status_code == 409
    anew = change(client, admin, publisher, action="enrol")
    assert register(client, admin, publisher, jpeg(112)).status_code == 201
    assert anew["state"] == "in force"


def test_a_key_that_was_replaced_can_be_revoked_later(
    client: TestClient, registry: Registry, admin: Headers, publisher: str, jpeg: Picture
) -> None:
    (old,) = keys(client, publisher)
    asset = register(client, admin, publisher, jpeg(121)).json()
    change(client, admin, publisher, action="rotate")
    body = {"reason": "it turned up elsewhere"}
    path = f"/v1/publishers/{publisher}/keys/{old['thumbprint']}/revocation"
    revoked = client.post(path, json=body, headers=admin).json()
    assert revoked["ended_index"] < revoked["revoked_index"]
    assert revoked["state"] == "revoked"
    assert verdict(client, jpeg(121))["value"] == "key revoked after logging"
    receipt = Receipt.parse(client.get(f"/v1/records/{asset['id']}/receipt").content)
    assert [key.index for key in receipt.keys][-1] == revoked["revoked_index"]
    assert verify_receipt(receipt, trusted_keys=[registry.sequencer.key]).holds


def test_a_publisher_may_keep_its_key_and_bring_its_proofs(
    client: TestClient, registry: Registry, admin: Headers, publisher: str, jpeg: Picture
) -> None:
    origin = registry.config.origin
    first, second = (LocalSigner.generate(algorithm) for algorithm in (Algorithm.ED25519, Algorithm.ES256))
    own = OwnKey.of(first, origin, publisher)
    rotated = change(client, admin, publisher, action="rotate", own=own.to_json())
    assert rotated["thumbprint"] == first.public_key.thumbprint.hex()
    refused = register(client, admin, publisher, jpeg(131))  # the service cannot sign with it
    assert (refused.status_code, refused.json()["type"][-11:]) == (403, "key-refused")
    assert (
        client.post(f"/v1/publishers/{publisher}/keys", json={"action": "rotate"}, headers=admin)
        .json()["type"]
        .endswith("key-refused")
    )
    follows = OwnKey.of(second, origin, publisher, replaces=first)
    assert change(client, admin, publisher, action="rotate", own=follows.to_json())["state"] == "in force"
    assert [key["state"] for key in keys(client, publisher)] == ["replaced", "replaced", "in force"]


def test_proofs_that_do_not_hold_are_refused(
    client: TestClient, registry: Registry, admin: Headers, publisher: str
) -> None:
    origin = registry.config.origin
    signer, stranger = (LocalSigner.generate(Algorithm.ED25519) for _ in range(2))
    path = f"/v1/publishers/{publisher}/keys"
    good = OwnKey.of(signer, origin, publisher).to_json()
    elsewhere = OwnKey.of(signer, "other.example", publisher).to_json()
    by_stranger = OwnKey.of(signer, origin, publisher, replaces=stranger).to_json()
    small_order = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}
    cases: list[tuple[dict[str, Any], int]] = [
        ({"action": "enrol", "own": elsewhere}, 422),
        ({"action": "enrol", "own": {**good, "possession": "A" * 85 + "B"}}, 422),
        ({"action": "enrol", "own": {**good, "key": small_order}}, 422),
        ({"action": "enrol", "own": {**good, "key": {**good["key"], "d": "A" * 43}}}, 422),
        ({"action": "enrol", "own": by_stranger}, 422),
        ({"action": "rotate", "own": by_stranger}, 409),
        ({"action": "revoke"}, 422),
        ({"action": "enrol", "own": good, "reason": "\x00"}, 422),
    ]
    for body, status in cases:
        answer = client.post(path, json=body, headers=admin)
        assert answer.status_code == status, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(keys(client, publisher)) == 1
    change(client, admin, publisher, action="enrol", own=good)
    assert client.post(path, json={"action": "enrol", "own": good}, headers=admin).status_code == 409


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/publishers/nobody/keys", 404),
        ("/v1/publishers/NOBODY/keys", 422),
        (f"/v1/publishers/rival/keys/{'00' * 32}/revocation", 404),
        ("/v1/publishers/rival/keys/00/revocation", 422),
    ],
)
def test_a_publisher_or_key_that_is_not_there_is_said_to_be_missing(
    client: TestClient, admin: Headers, path: str, status: int
) -> None:
    body = {"reason": "lost"} if path.endswith("revocation") else {"action": "enrol"}
    assert client.post(path, json=body, headers=admin).status_code == status


def test_another_publishers_key_cannot_be_revoked_under_ones_own_name(
    client: TestClient, admin: Headers, publisher: str
) -> None:
    (theirs,) = keys(client, "rival")[:1]
    path = f"/v1/publishers/{publisher}/keys/{theirs['thumbprint']}/revocation"
    assert client.post(path, json={"reason": "mischief"}, headers=admin).status_code == 404
    assert keys(client, "rival")[0]["state"] == "in force"


def test_a_key_is_not_revoked_since_a_time_to_come(client: TestClient, admin: Headers, publisher: str) -> None:
    (key,) = keys(client, publisher)
    path = f"/v1/publishers/{publisher}/keys/{key['thumbprint']}/revocation"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert client.post(path, json={"reason": "early", "invalid_since": soon}, headers=admin).status_code == 422


def test_only_a_key_with_the_scope_changes_keys(client: TestClient, registry: Registry, writer: Headers) -> None:
    body = {"action": "rotate"}
    assert client.post("/v1/publishers/rival/keys", json=body).status_code == 401
    assert client.post("/v1/publishers/rival/keys", json=body, headers=writer).status_code == 403
    assert registry.sequencer.state.signing


def test_a_key_changes_its_own_publishers_keys_and_no_others(
    client: TestClient, registry: Registry, publisher: str
) -> None:
    minted = api_keys.mint(
        registry.store, name="k", scopes=[api_keys.KEYS_WRITE], now=registry.now(), publisher=publisher
    )
    theirs = {"Authorization": f"Bearer {minted}"}
    before = keys(client, "rival")
    for path, body in (
        ("/v1/publishers/rival/keys", {"action": "rotate"}),
        ("/v1/publishers/rival/keys", {"action": "enrol"}),
        (f"/v1/publishers/rival/keys/{before[0]['thumbprint']}/revocation", {"reason": "mischief"}),
        ("/v1/publishers", {"id": "another", "name": "Another"}),
    ):
        refused = client.post(path, json=body, headers=theirs)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:countermark:problem:not-permitted"), path
    assert keys(client, "rival") == before
    assert change(client, theirs, publisher, action="rotate")["state"] == "in force"
    unbound = api_keys.mint(registry.store, name="k", scopes=[api_keys.KEYS_WRITE], now=registry.now())
    path = f"/v1/publishers/{publisher}/keys"
    refused = client.post(path, json={"action": "rotate"}, headers={"Authorization": f"Bearer {unbound}"})
    assert refused.status_code == 403


def test_a_repeated_rotation_under_one_idempotency_key_is_one(
    client: TestClient, admin: Headers, publisher: str
) -> None:
    headers = {**admin, "Idempotency-Key": f"rotate {publisher}"}
    path = f"/v1/publishers/{publisher}/keys"
    answers = [client.post(path, json={"action": "rotate"}, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(keys(client, publisher)) == 2


def test_the_logs_keys_are_served_with_the_trees_they_sign(client: TestClient, registry: Registry) -> None:
    items = client.get("/log/keys").json()["items"]
    assert [(item["algorithm"], item["first_size"], item["last_size"]) for item in items] == [
        ("Ed25519", 0, None),
        ("ML-DSA-44", 0, None),
    ]
    assert items[0]["key"] == str(registry.sequencer.key)
    assert client.get(f"/v1/records/{items[0]['record']}").json()["type"] == "log.genesis"


def test_a_registration_that_a_rotation_overtakes_is_signed_with_the_new_key(
    client: TestClient,
    registry: Registry,
    admin: Headers,
    publisher: str,
    jpeg: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rotated: list[dict[str, Any]] = []
    find = stating.publisher_signer

    def overtaken(*arguments: Any) -> Any:
        signer = find(*arguments)
        if not rotated:  # after the registration has found its key, and before it is logged
            rotated.append({})
            rotated[0] = change(client, admin, publisher, action="rotate")
        return signer

    monkeypatch.setattr(stating, "publisher_signer", overtaken)
    asset = register(client, admin, publisher, jpeg(141))
    assert asset.status_code == 201, asset.text
    assert asset.json()["index"] > rotated[0]["enrolled_index"]
    assert signed_with(registry, asset.json()["index"]) == rotated[0]["thumbprint"]


def test_a_registration_that_a_revocation_overtakes_is_refused_with_the_reason(
    client: TestClient, admin: Headers, publisher: str, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = keys(client, publisher)
    find, revoked = stating.publisher_signer, []

    def overtaken(*arguments: Any) -> Any:
        signer = find(*arguments)
        if not revoked:
            path = f"/v1/publishers/{publisher}/keys/{key['thumbprint']}/revocation"
            revoked.append(client.post(path, json={"reason": "stolen this minute"}, headers=admin))
        return signer

    monkeypatch.setattr(stating, "publisher_signer", overtaken)
    refused = register(client, admin, publisher, jpeg(142))
    assert refused.status_code == 403, refused.text
    assert "stolen this minute" in refused.json()["detail"]
