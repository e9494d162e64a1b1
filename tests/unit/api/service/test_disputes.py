"""Disputes over HTTP: who may raise and answer them, and what they do to a registration's standing."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from registry.keys import api_keys
from registry.registry import Registry
from registry.usecases.maintenance import fsck

Picture = Callable[..., bytes]
Headers = dict[str, str]


@pytest.fixture(scope="session")
def rival(running: Any) -> Headers:
    """A key with which the rival disputes."""
    return _key(running.registry, "rival")


@pytest.fixture(scope="session")
def newsroom(running: Any) -> Headers:
    """A key with which the newsroom answers."""
    return _key(running.registry, "newsroom")


def _key(registry: Registry, publisher: str) -> Headers:
    scopes = [api_keys.DISPUTES_WRITE, api_keys.ASSETS_WRITE]
    key = api_keys.mint(registry.store, name="desk", scopes=scopes, now=registry.now(), publisher=publisher)
    return {"Authorization": f"Bearer {key}"}


def register(client: TestClient, headers: Headers, data: bytes, **metadata: object) -> dict[str, Any]:
    answer = client.post(
        "/v1/assets",
        files={"file": ("p.jpg", data)},
        data={"metadata": json.dumps({"credential": "none", **metadata})},
        headers=headers,
    )
    assert answer.status_code in (200, 201), answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def standing(client: TestClient, asset: dict[str, Any]) -> Any:
    return client.get(f"/v1/assets/{asset['id']}").json()["standing"]


def test_a_disputed_registration_says_so_until_the_dispute_is_retracted(
    client: TestClient, rival: Headers, newsroom: Headers, writer: Headers, jpeg: Picture, registry: Registry
) -> None:
    asset = register(client, writer, jpeg(300), title="Bridge")
    body = {"record": asset["id"], "reason": "Our photographer took it."}
    raised = client.post("/v1/disputes", json=body, headers=rival)
    assert raised.status_code == 201, raised.text
    dispute = raised.json()
    assert (dispute["open"], dispute["publisher"]["id"], dispute["state"]) == (True, "rival", "published")
    assert client.post("/v1/disputes", json=body, headers=rival).json()["id"] == dispute["id"]
    assert standing(client, asset) == {
        "value": "disputed",
        "detail": "“The Rival” disputes it, giving as its reason: “Our photographer took it.”.",
    }

    path = f"/v1/disputes/{dispute['id']}"
    answered = client.post(
        f"{path}/answers", json={"outcome": "rejected", "reason": "See the contact sheet."}, headers=newsroom
    )
    assert answered.status_code == 201, answered.text
    assert standing(client, asset)["value"] == "disputed"
    assert "“See the contact sheet.”" in standing(client, asset)["detail"]
    report = verify_receipt(
        Receipt.parse(client.get(f"/v1/assets/{asset['id']}/receipt").content), trusted_keys=[registry.sequencer.key]
    )
    assert (report.holds, report.disputed) == (True, True)

    client.post(f"{path}/answers", json={"outcome": "retracted", "reason": "Another frame."}, headers=rival)
    assert standing(client, asset)["value"] == "current"
    found = client.get("/v1/disputes", params={"record": asset["id"]}).json()["items"]
    assert [(each["id"], each["open"]) for each in found] == [(dispute["id"], False)]
    assert [answer["outcome"] for answer in client.get(path).json()["answers"]] == ["rejected", "retracted"]
    history = client.get(f"/v1/assets/{asset['id']}/history").json()["items"]
    assert [event["type"] for event in history] == [
        "asset.registered",
        "asset.disputed",
        "dispute.answered",
        "dispute.answered",
    ]
    assert [event["index"] for event in history] == sorted(event["index"] for event in history)
    again = client.post(f"{path}/answers", json={"outcome": "accepted", "reason": "Yes."}, headers=newsroom)
    assert again.status_code == 409


def test_the_answer_takes_no_more_queries_the_more_disputes_there_are(
    client: TestClient, rival: Headers, newsroom: Headers, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, jpeg(310))
    asked: dict[int, list[str]] = defaultdict(list)  # by thread: the registration is compared in another

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked[threading.get_ident()].append(statement)

    def queries() -> int:
        asked.clear()
        event.listen(Engine, "before_cursor_execute", count)
        try:
            answer = client.get("/v1/disputes", params={"record": asset["id"]})
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        assert all(each["answers"] for each in answer.json()["items"])
        return sum(len(each) for each in asked.values() if any("dispute" in statement for statement in each))

    found = []
    for number in range(6):
        body = {"record": asset["id"], "reason": f"Ours, for reason {number}."}
        dispute = client.post("/v1/disputes", json=body, headers=rival).json()["id"]
        answer = {"outcome": "rejected", "reason": f"No, for reason {number}."}
        assert client.post(f"/v1/disputes/{dispute}/answers", json=answer, headers=newsroom).status_code == 201
        found.append(queries())
    assert len(set(found)) == 1, found


def test_a_verification_tells_of_a_dispute(client: TestClient, rival: Headers, writer: Headers, jpeg: Picture) -> None:
    data = jpeg(301)
    asset = register(client, writer, data)
    client.post("/v1/disputes", json={"record": asset["id"], "reason": "Ours."}, headers=rival)
    report = client.post("/v1/verifications", content=data).json()
    assert report["matches"][0]["standing"]["value"] == "disputed"
    finding = next(each for each in report["findings"] if each["axis"] == "standing")
    assert finding["basis"] == "cryptographic"
    assert finding["does_not_show"] == "Which of the two sides is right."


def test_only_the_two_sides_answer_and_each_in_its_own_way(
    client: TestClient, rival: Headers, newsroom: Headers, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, jpeg(302))
    body = {"record": asset["id"], "reason": "Ours."}
    assert client.post("/v1/disputes", json=body).status_code == 401
    assert client.post("/v1/disputes", json=body, headers=writer).status_code == 403  # without the scope
    assert client.post("/v1/disputes", json=body, headers=newsroom).status_code == 403  # its own
    dispute = client.post("/v1/disputes", json=body, headers=rival).json()["id"]
    for outcome, key in (("retracted", newsroom), ("accepted", rival), ("rejected", rival)):
        answer = {"outcome": outcome, "reason": "Because."}
        assert client.post(f"/v1/disputes/{dispute}/answers", json=answer, headers=key).status_code == 403


def test_a_counterclaim_is_the_publishers_own_registration(
    client: TestClient, rival: Headers, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, jpeg(303))
    own = register(client, rival, jpeg(303), title="ours")
    body = {"record": asset["id"], "reason": "Ours.", "counterclaim": asset["id"]}
    assert client.post("/v1/disputes", json=body, headers=rival).status_code == 422
    stated = client.post("/v1/disputes", json=body | {"counterclaim": own["id"]}, headers=rival).json()
    assert stated["counterclaim"] == own["id"]
    record = client.get(f"/v1/records/{stated['id']}").json()
    assert record["type"] == "asset.disputed"
    receipt = Receipt.parse(client.get(f"/v1/records/{stated['id']}/receipt").content)
    assert [entry.index for entry in receipt.chain] == [asset["index"]]


def test_two_publishers_of_the_same_content_conflict_and_a_derivative_does_not(
    client: TestClient, other: Headers, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, jpeg(304))
    assert standing(client, asset)["value"] == "current"
    derived = register(client, other, jpeg(304), parents=[{"record": asset["id"], "relation": "parentOf"}])
    assert standing(client, asset)["value"] == standing(client, derived)["value"] == "current"
    rivals = register(client, other, jpeg(304), title="ours")
    assert standing(client, asset)["value"] == standing(client, rivals)["value"] == "conflicting claims"
    assert standing(client, derived)["value"] == "current"


def test_a_publisher_supersedes_its_own_registration_and_nobody_elses(
    client: TestClient, other: Headers, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, jpeg(305), title="Vienna")
    instead = [{"record": asset["id"], "relation": "supersedes"}]
    register(client, other, jpeg(305), title="of another publisher", parents=instead)
    assert standing(client, asset)["value"] == "current"
    later = register(client, writer, jpeg(305), title="Graz", parents=instead)
    shown = standing(client, asset)
    assert shown["value"] == "superseded"
    assert f"record {later['index']}" in shown["detail"]
    assert standing(client, later)["value"] == "current"
    found = client.post("/v1/verifications", content=jpeg(305)).json()["matches"]
    assert {match["asset"]["id"]: match["standing"]["value"] for match in found}[asset["id"]] == "superseded"
    assert found[-1]["asset"]["id"] == asset["id"]
    withdrawn = {"record": later["id"], "reason": "It was Vienna."}
    assert client.post("/v1/withdrawals", json=withdrawn, headers=writer).status_code == 201
    assert standing(client, asset)["value"] == "current"


def test_what_there_is_not_cannot_be_disputed_or_answered(client: TestClient, rival: Headers) -> None:
    nothing = "0" * 64
    body = {"record": nothing, "reason": "Ours."}
    assert client.post("/v1/disputes", json=body, headers=rival).status_code == 404
    answer = {"outcome": "accepted", "reason": "Yes."}
    assert client.post(f"/v1/disputes/{nothing}/answers", json=answer, headers=rival).status_code == 404
    assert client.get(f"/v1/disputes/{nothing}").status_code == 404
    assert client.get("/v1/disputes", params={"record": nothing}).status_code == 404
    assert client.post("/v1/disputes", json=body | {"reason": ""}, headers=rival).status_code == 422


def test_a_withdrawal_can_be_read_again(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    asset = register(client, writer, jpeg(305))
    done = client.post("/v1/withdrawals", json={"record": asset["id"], "reason": "Wrong."}, headers=writer).json()
    assert client.get(f"/v1/withdrawals/{done['id']}").json() == done
    assert client.get(f"/v1/withdrawals/{asset['id']}").status_code == 404


def test_a_report_is_put_on_record_once(client: TestClient, writer: Headers, jpeg: Picture, registry: Registry) -> None:
    data = jpeg(306)
    asset = register(client, writer, data)
    report = client.post("/v1/verifications", content=data).json()
    path = f"/v1/verifications/{report['id']}/record"
    assert client.post(path).status_code == 401
    answer = client.post(path, headers=writer)
    assert answer.status_code == 201, answer.text
    verdict = answer.json()
    assert verdict["headline"] == "EXACT_MATCH"
    assert verdict["axes"]["proof"] == "PUBLISHED"
    assert verdict["records"] == [asset["id"]]
    assert "sha-256" in verdict["methods"]
    assert client.post(path, headers=writer).json()["id"] == verdict["id"]
    record = client.get(f"/v1/records/{verdict['id']}").json()
    assert (record["type"], record["report_sha256"]) == ("verdict.recorded", verdict["report_sha256"])
    history = client.get(f"/v1/assets/{asset['id']}/history").json()["items"]
    assert history[-1]["summary"] == "“The Test Daily” put a verification on record: “EXACT_MATCH”."
    assert not list(fsck.check(registry.store, registry.blobs, registry.sequencer.key))


def test_a_report_of_nothing_found_is_put_on_record_too(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    report = client.post("/v1/verifications?keep=true", content=jpeg(307)).json()
    verdict = client.post(f"/v1/verifications/{report['id']}/record", headers=writer).json()
    assert (verdict["headline"], verdict["records"]) == ("NOTHING_FOUND", [])
