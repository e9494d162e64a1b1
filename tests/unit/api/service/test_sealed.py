"""Sealed registrations: in the log at once, told to nobody but their publisher until they are revealed."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from provenance.media.fingerprints import fingerprint
from provenance.media.media import Media
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from registry.keys import api_keys
from registry.registry import Registry
from registry.usecases.maintenance import fsck

Picture = Callable[..., bytes]
Headers = dict[str, str]
SOURCE = "SOURCE-PROTECTED-TITLE"


def register(client: TestClient, headers: Headers, data: bytes, **metadata: object) -> dict[str, Any]:
    answer = client.post(
        "/v1/assets",
        files={"file": ("p.jpg", data)},
        data={"metadata": json.dumps({"visibility": "sealed", **metadata})},
        headers=headers,
    )
    assert answer.status_code in (200, 201), answer.text
    asset: dict[str, Any] = answer.json()
    return asset


@pytest.fixture(scope="module")
def sealed(running: Any, jpeg: Picture) -> dict[str, Any]:
    return register(running.client, running.writer, jpeg(400), title=SOURCE)


def readable(asset: dict[str, Any]) -> list[str]:
    links = asset["links"]
    return [
        *(links[name] for name in ("self", "record", "receipt", "history", "graph", "thumbnail", "credentialed")),
        links["manifest"],
        f"/v1/records/{asset['id']}/receipt",
    ]


def test_a_sealed_registration_is_logged_and_proven_at_once(sealed: dict[str, Any], registry: Registry) -> None:
    assert (sealed["visibility"], sealed["state"]) == ("sealed", "published")
    data = json.dumps(sealed["receipt"], separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    report = verify_receipt(Receipt.parse(data), trusted_keys=[registry.sequencer.key])
    assert report.holds
    assert report.record.visibility == "sealed"  # type: ignore[union-attr]  # it is a registration


def test_every_public_address_says_that_it_is_sealed_and_nothing_else(
    client: TestClient, sealed: dict[str, Any], other: Headers
) -> None:
    for path in readable(sealed):
        for headers in ({}, other):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 403, path
            assert answer.json()["type"] == "urn:countermark:problem:sealed"
            assert SOURCE not in answer.text
            assert answer.headers["cache-control"] == "no-store"
    page = client.get(sealed["links"]["page"])
    assert page.status_code == 403
    assert SOURCE not in page.text
    # What the public log holds of it anyway.
    assert client.get(f"/v1/records/{sealed['id']}/statement").status_code == 200
    assert client.get(f"/v1/records/{sealed['id']}/proof").status_code == 200
    for form in ("tlog-proof", "cose"):
        answer = client.get(sealed["links"]["receipt"], params={"format": form})
        assert answer.status_code == 200, form
        assert SOURCE.encode() not in answer.content


def test_its_publisher_reads_it_and_nobody_keeps_a_copy_on_the_way(
    client: TestClient, sealed: dict[str, Any], writer: Headers, admin: Headers
) -> None:
    for path in readable(sealed):
        for headers in (writer, admin):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 200, path
            assert answer.headers["cache-control"] == "private, no-store"
    assert client.get(sealed["links"]["self"], headers=writer).json()["title"] == SOURCE
    assert client.get(sealed["links"]["self"], headers={"Authorization": "Bearer cmk_none"}).status_code == 401
    assert client.get(sealed["links"]["self"], headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_it_is_found_by_no_search(client: TestClient, sealed: dict[str, Any], jpeg: Picture) -> None:
    data = jpeg(400)
    prints = fingerprint(Media.from_bytes(data))
    before = client.post("/v1/verifications", content=data).json()
    assert (before["headline"]["code"], before["matches"]) == ("NOTHING_FOUND", [])
    assert client.post("/v1/verifications", content=jpeg(400, quality=60)).json()["matches"] == []
    digests = {"sha256": prints.sha256.hex(), "pdq": {"value": prints.pdq.hex(), "quality": prints.pdq_quality}}
    assert client.post("/v1/verifications", json=digests).json()["matches"] == []
    assert client.get("/v1/assets", params={"sha256": prints.sha256.hex()}).json()["items"] == []
    listed = client.get("/v1/assets", params={"limit": 100}).json()["items"]
    assert sealed["id"] not in {asset["id"] for asset in listed}
    assert SOURCE not in client.get("/").text
    answer = client.get("/v1/disputes", params={"record": sealed["id"]})
    assert answer.status_code == 404


def test_the_signed_copy_does_not_lead_to_it(client: TestClient, sealed: dict[str, Any], writer: Headers) -> None:
    copy = client.get(sealed["links"]["credentialed"], headers=writer).content
    assert client.post("/v1/verifications", content=copy).json()["matches"] == []


def test_nothing_can_be_said_about_it(
    client: TestClient, sealed: dict[str, Any], writer: Headers, running: Any
) -> None:
    key = api_keys.mint(
        running.registry.store,
        name="disputes",
        scopes=[api_keys.DISPUTES_WRITE],
        now=running.registry.now(),
        publisher="rival",
    )
    body = {"record": sealed["id"], "reason": "?"}
    assert client.post("/v1/disputes", json=body, headers={"Authorization": f"Bearer {key}"}).status_code == 403
    assert client.post("/v1/withdrawals", json=body, headers=writer).status_code == 403


def test_its_publisher_alone_has_it_listed(
    client: TestClient, sealed: dict[str, Any], writer: Headers, other: Headers, admin: Headers
) -> None:
    asked = {"visibility": "sealed"}
    items = client.get("/v1/assets", params=asked, headers=writer).json()["items"]
    assert sealed["id"] in {asset["id"] for asset in items}
    assert client.get("/v1/assets", params=asked, headers=other).json()["items"] == []
    assert client.get("/v1/assets", params=asked | {"publisher": "newsroom"}, headers=other).status_code == 403
    assert client.get("/v1/assets", params=asked | {"publisher": "newsroom"}, headers=admin).json()["items"] == items
    assert client.get("/v1/assets", params=asked).status_code == 401
    assert client.get("/v1/assets", params=asked, headers=admin).status_code == 403  # an admin names whose


def test_the_same_registration_is_found_again_and_a_public_one_is_another(
    client: TestClient, sealed: dict[str, Any], writer: Headers, jpeg: Picture
) -> None:
    assert register(client, writer, jpeg(400), title=SOURCE)["id"] == sealed["id"]
    public = register(client, writer, jpeg(401), title="t", visibility="public")
    kept_back = register(client, writer, jpeg(401), title="t")
    assert public["id"] != kept_back["id"]


def test_media_brought_ahead_of_a_sealed_registration_does_not_tell_that_it_was_there(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture
) -> None:
    data = jpeg(402)
    sha256 = hashlib.sha256(data).hexdigest()
    client.put(f"/v1/media/{sha256}", content=data, headers=writer)
    body = {"media": sha256, "metadata": {"visibility": "sealed", "credential": "none"}}
    assert client.post("/v1/assets", json=body, headers=writer).status_code == 201
    assert client.put(f"/v1/media/{sha256}", content=data, headers=other).status_code == 201


def test_a_public_derivative_names_a_sealed_parent_and_tells_nothing_of_it(
    client: TestClient, sealed: dict[str, Any], writer: Headers, jpeg: Picture, registry: Registry
) -> None:
    parents = [{"record": sealed["id"], "relation": "parentOf"}]
    child = register(client, writer, jpeg(403), visibility="public", parents=parents)
    assert SOURCE not in json.dumps(child)
    report = verify_receipt(
        Receipt.parse(client.get(child["links"]["receipt"]).content), trusted_keys=[registry.sequencer.key]
    )
    assert report.holds
    assert report.chain is not None
    assert [link.state for link in report.chain.links] == ["withheld"]
    graph = client.get(child["links"]["graph"])
    assert SOURCE not in graph.text
    node = next(each for each in graph.json()["nodes"] if each["id"] == sealed["id"])
    assert (node["state"], node["title"], node["publisher"]) == ("sealed", None, None)
    for form in ("svg", "jsonld"):
        assert SOURCE not in client.get(child["links"]["graph"], params={"format": form}).text
    # To its publisher, who may know, the graph tells more.
    assert SOURCE in client.get(child["links"]["graph"], headers=writer).text


def test_revealed_it_is_found_and_its_logged_time_stands(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture, registry: Registry
) -> None:
    data = jpeg(404)
    parent = register(client, writer, jpeg(405), visibility="public")
    asset = register(client, writer, data, title="Later", parents=[{"record": parent["id"], "relation": "parentOf"}])
    assert client.post("/v1/verifications", content=jpeg(404, quality=60)).json()["matches"] == []
    assert client.get(parent["links"]["graph"]).json()["edges"] == []
    register(client, writer, jpeg(406), visibility="public")
    path = f"/v1/assets/{asset['id']}/reveal"
    assert client.post(path).status_code == 401
    assert client.post(path, headers=other).status_code == 403
    revealed = client.post(path, headers=writer)
    assert revealed.status_code == 200, revealed.text
    assert revealed.json()["visibility"] == "public"
    for name in ("index", "logged_at", "record_id", "media", "title"):
        assert revealed.json()[name] == asset[name]
    size = registry.sequencer.size
    assert client.post(path, headers=writer).json() == revealed.json()
    assert registry.sequencer.size == size
    assert client.get(asset["links"]["self"]).json()["title"] == "Later"
    match = client.post("/v1/verifications", content=data).json()["matches"][0]
    assert match["asset"]["id"] == asset["id"]
    prints = fingerprint(Media.from_bytes(jpeg(404, quality=60)))
    digests = {"sha256": prints.sha256.hex(), "pdq": {"value": prints.pdq.hex(), "quality": prints.pdq_quality}}
    lead = client.post("/v1/verifications", json=digests).json()["matches"][0]
    assert (lead["asset"]["id"], lead["basis"]) == (asset["id"], "fingerprint")
    history = client.get(asset["links"]["history"]).json()["items"]
    assert [event["type"] for event in history] == ["asset.registered", "asset.revealed"]
    assert history[0]["logged_at"] == asset["logged_at"]
    edge = client.get(parent["links"]["graph"]).json()["edges"][0]
    assert (edge["child"], edge["parent"]) == (asset["id"], parent["id"])
    assert not list(fsck.check(registry.store, registry.blobs, registry.sequencer.key))


def test_what_is_not_there_cannot_be_revealed(client: TestClient, writer: Headers) -> None:
    assert client.post(f"/v1/assets/{'0' * 64}/reveal", headers=writer).status_code == 404
