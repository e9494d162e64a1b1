import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

import api.http.idempotency
from api.http.idempotency import KEPT_FOR, KeptAnswer, forget_answers, request_digest
from registry.database import idempotency
from registry.keys import api_keys
from registry.registry import Registry
from registry.times import to_milliseconds
from registry.usecases.erasure import erase

Picture = Callable[..., bytes]
Headers = dict[str, str]


@pytest.fixture(scope="session")
def rival(running: Any) -> Headers:
    """A key with which the rival disputes."""
    registry, scopes = running.registry, [api_keys.DISPUTES_WRITE]
    key = api_keys.mint(registry.store, name="desk", scopes=scopes, now=registry.now(), publisher="rival")
    return {"Authorization": f"Bearer {key}"}


def _register(client: TestClient, headers: Headers, key: str, data: bytes, title: str = "A") -> Any:
    return client.post(
        "/v1/assets",
        files={"file": data},
        data={"metadata": json.dumps({"title": title, "credential": "none"})},
        headers=headers | {"Idempotency-Key": key},
    )


def test_the_same_request_under_the_same_key_gets_the_same_answer(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    first = _register(client, writer, "one", jpeg(20))
    again = _register(client, writer, "one", jpeg(20))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.headers["x-request-id"] != again.headers["x-request-id"]


def test_another_request_under_the_same_key_is_a_conflict(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    _register(client, writer, "two", jpeg(20))
    for conflicting in (
        _register(client, writer, "two", jpeg(21)),
        _register(client, writer, "two", jpeg(20), title="B"),
    ):
        assert conflicting.status_code == 409
        assert conflicting.json()["type"] == "urn:countermark:problem:idempotency-conflict"


def test_keys_of_two_holders_do_not_meet(client: TestClient, writer: Headers, other: Headers, jpeg: Picture) -> None:
    mine = _register(client, writer, "three", jpeg(20))
    theirs = _register(client, other, "three", jpeg(21))
    assert theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


def test_a_refused_request_may_be_sent_again_under_its_key(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    assert _register(client, writer, "four", b"no picture").status_code == 415
    assert _register(client, writer, "four", jpeg(22)).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", 'a"b'])
def test_an_unusable_key_is_malformed(client: TestClient, writer: Headers, jpeg: Picture, key: str) -> None:
    assert _register(client, writer, key, jpeg(20)).status_code == 400


def test_a_quoted_key_is_the_key(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    _register(client, writer, "five", jpeg(20))
    assert _register(client, writer, '"five"', jpeg(20)).headers["idempotent-replayed"] == "true"


@pytest.mark.timing
def test_of_two_requests_at_once_one_is_told_to_come_back(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    answers: list[Any] = []

    def send() -> None:
        answers.append(_register(client, writer, "six", jpeg(23)))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    created = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 409]
    assert len(created) + len(refused) == 4
    assert len({answer.json()["id"] for answer in created}) == 1
    assert all("retry-after" in answer.headers for answer in refused)


def test_withdrawals_and_enrolments_are_idempotent_as_well(
    client: TestClient, writer: Headers, admin: Headers, jpeg: Picture
) -> None:
    asset = _register(client, writer, "seven", jpeg(24)).json()
    for path, body, headers in (
        ("/v1/withdrawals", {"record": asset["id"], "reason": "x"}, writer),
        ("/v1/publishers", {"id": "third", "name": "Third"}, admin),
    ):
        first = client.post(path, json=body, headers=headers | {"Idempotency-Key": "eight"})
        again = client.post(path, json=body, headers=headers | {"Idempotency-Key": "eight"})
        assert (first.status_code, again.status_code) == (201, 201), again.text
        assert first.content == again.content
        assert again.headers["idempotent-replayed"] == "true"


def test_the_path_is_part_of_what_is_compared(
    client: TestClient, writer: Headers, rival: Headers, jpeg: Picture
) -> None:
    """The bodies are the same, byte for byte; which dispute they answer is in the path."""
    paths = []
    for seed in (25, 26):
        asset = _register(client, writer, f"path {seed}", jpeg(seed)).json()
        dispute = client.post("/v1/disputes", json={"record": asset["id"], "reason": "Ours."}, headers=rival).json()
        paths.append(f"/v1/disputes/{dispute['id']}/answers")
    body = {"outcome": "retracted", "reason": "A mistake."}
    first, other = (client.post(path, json=body, headers=rival | {"Idempotency-Key": "paths"}) for path in paths)
    assert (first.status_code, other.status_code) == (201, 409)
    assert other.json()["type"] == "urn:countermark:problem:idempotency-conflict"


def test_whatever_differs_in_a_request_is_compared() -> None:
    def digest(method: str, path: str, query: bytes, *parts: bytes) -> bytes:
        scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": []}
        return request_digest(Request(scope | {"server": ("testserver", 80), "scheme": "http"}), *parts)

    requests: list[tuple[str, str, bytes, bytes, bytes]] = [
        ("POST", "/v1/assets", b"", b"file", b"metadata"),
        ("PUT", "/v1/assets", b"", b"file", b"metadata"),
        ("POST", "/v1/assets/1", b"", b"file", b"metadata"),
        ("POST", "/v1/assets", b"draft=1", b"file", b"metadata"),
        ("POST", "/v1/assets", b"", b"filem", b"etadata"),
        ("POST", "/v1/assets", b"", b"metadata", b"file"),
        ("POST", "/v1/asset", b"", b"sfile", b"metadata"),
    ]
    assert len({digest(*request) for request in requests}) == len(requests)
    assert digest(*requests[0]) == digest(*requests[0])


@pytest.mark.timing
def test_a_request_that_another_process_works_on_is_told_to_come_back(
    client: TestClient, writer: Headers, jpeg: Picture, registry: Registry
) -> None:
    key_id = _key_id(registry, writer)

    def elsewhere(until: timedelta) -> None:
        now = registry.clock()
        times = {"now_ms": to_milliseconds(now), "until_ms": to_milliseconds(now + until)}
        registry.store.write(
            lambda session: idempotency.claim(session, "ten", key_id, holder="another process", **times)
        ).result()

    elsewhere(timedelta(minutes=1))
    told = _register(client, writer, "ten", jpeg(27))
    assert (told.status_code, told.json()["type"]) == (409, "urn:countermark:problem:idempotency-conflict")
    assert "retry-after" in told.headers
    registry.store.write(lambda session: idempotency.release(session, "ten", key_id, holder="another process")).result()
    assert _register(client, writer, "ten", jpeg(27)).status_code == 201


def test_a_process_that_died_holds_a_key_no_longer_than_its_lease(
    client: TestClient, writer: Headers, jpeg: Picture, registry: Registry
) -> None:
    key_id, now = _key_id(registry, writer), to_milliseconds(registry.clock())
    registry.store.write(
        lambda session: idempotency.claim(
            session, "eleven", key_id, holder="gone", now_ms=now - 60_000, until_ms=now - 1
        )
    ).result()
    assert _register(client, writer, "eleven", jpeg(28)).status_code == 201


def test_what_is_kept_for_replay_is_erased_with_its_asset(
    client: TestClient, writer: Headers, rival: Headers, jpeg: Picture, registry: Registry
) -> None:
    data = jpeg(29)
    asset = _register(client, writer, "erased", data, title="Planted").json()
    derived = client.post(
        "/v1/assets",
        files={"file": jpeg(30)},
        data={"metadata": json.dumps({"credential": "none", "rendition_of": asset["id"]})},
        headers=writer | {"Idempotency-Key": "derived"},
    )
    assert "Planted" in derived.text  # the receipt carries what it was made from
    body = {"record": asset["id"], "reason": "Planted, too."}
    client.post("/v1/disputes", json=body, headers=rival | {"Idempotency-Key": "erased"})
    _register(client, writer, "another", jpeg(32))
    erase(registry, record=bytes.fromhex(asset["id"]), reason="asked for")
    assert "idempotent-replayed" in _register(client, writer, "another", jpeg(32)).headers
    with registry.store.read() as session:
        assert list(idempotency.naming(session, b"Planted")) == []
    again = _register(client, writer, "erased", data, title="Planted")
    assert "idempotent-replayed" not in again.headers
    assert again.json()["id"] != asset["id"]


def test_an_answer_about_what_was_erased_meanwhile_is_not_kept(
    client: TestClient, writer: Headers, jpeg: Picture, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure comes between the registration and its answer's being kept."""
    keep = api.http.idempotency._keep

    def late(registry: Registry, key: str, key_id: str, kept: KeptAnswer) -> None:
        erase(registry, record=bytes.fromhex(json.loads(kept.body)["id"]), reason="asked for")
        keep(registry, key, key_id, kept)

    monkeypatch.setattr(api.http.idempotency, "_keep", late)
    asset = _register(client, writer, "thirteen", jpeg(31), title="Planted late").json()
    with registry.store.read() as session:
        assert list(idempotency.naming(session, asset["id"].encode())) == []


def _key_id(registry: Registry, headers: Headers) -> str:
    return api_keys.authenticate(
        registry.store, headers["Authorization"].removeprefix("Bearer "), registry.now()
    ).key_id


def test_answers_are_forgotten_after_a_day(
    client: TestClient, writer: Headers, jpeg: Picture, registry: Registry
) -> None:
    _register(client, writer, "nine", jpeg(20))
    forget_answers(registry)
    assert "idempotent-replayed" in _register(client, writer, "nine", jpeg(20)).headers
    before = to_milliseconds(registry.now() - KEPT_FOR + timedelta(days=2))
    registry.store.write(lambda session: idempotency.forget(session, before)).result()
    assert "idempotent-replayed" not in _register(client, writer, "nine", jpeg(20)).headers
