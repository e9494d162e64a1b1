import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from provenance.answers import Assets
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from registry.registry import Registry
from tests.unit.api.service.agreed import agreed

Picture = Callable[..., bytes]
Headers = dict[str, str]


def _register(client: TestClient, headers: Headers, data: bytes, **metadata: object) -> Any:
    return client.post(
        "/v1/assets", files={"file": ("p.jpg", data)}, data={"metadata": json.dumps(metadata)}, headers=headers
    )


def _png(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has no pixels behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_registration_answers_with_its_receipt(registered: dict[str, Any], jpeg: Picture, registry: Registry) -> None:
    assert registered["media"]["sha256"] == hashlib.sha256(jpeg(1)).hexdigest()
    assert registered["state"] == "published"
    assert registered["publisher"]["id"] == "newsroom"
    assert registered["standing"]["value"] == "current"
    assert registered["title"] == "Flood"
    assert registered["captured_at"] == "2026-05-04T07:30:00Z"
    assert registered["digital_source_type"].endswith("/digitalCapture")
    receipt = Receipt.parse(
        json.dumps(registered["receipt"], separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    )
    report = verify_receipt(
        receipt, trusted_keys=[registry.sequencer.key], media_sha256=hashlib.sha256(jpeg(1)).digest()
    )
    assert report.holds


def test_every_link_of_a_registration_leads_somewhere(client: TestClient, registered: dict[str, Any]) -> None:
    for name, link in registered["links"].items():
        if link is not None and name != "page":
            assert client.get(link).status_code == 200, name


def test_the_signed_copy_is_the_one_the_record_names(client: TestClient, registered: dict[str, Any]) -> None:
    answer = client.get(registered["links"]["credentialed"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert hashlib.sha256(answer.content).hexdigest() == registered["credential"]["signed"]["sha256"]


def test_a_record_is_the_bytes_of_its_digest(client: TestClient, registered: dict[str, Any]) -> None:
    by_hex = client.get(f"/v1/records/{registered['id']}")
    by_urn = client.get(f"/v1/records/{registered['record_id']}")
    assert by_hex.content == by_urn.content
    assert hashlib.sha256(by_hex.content).hexdigest() == registered["id"]
    assert by_hex.headers["content-type"] == "application/vnd.countermark.record+json"


def test_a_proof_and_a_statement_are_served_as_their_standards_say(
    client: TestClient, registered: dict[str, Any]
) -> None:
    proof = client.get(f"/v1/records/{registered['id']}/proof")
    assert proof.text.startswith("c2sp.org/tlog-proof@v1\n")
    assert proof.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get(f"/v1/records/{registered['id']}/statement").headers["content-type"] == "application/cose"


def test_a_receipt_is_a_file_to_keep(client: TestClient, registered: dict[str, Any]) -> None:
    answer = client.get(registered["links"]["receipt"])
    assert answer.headers["content-disposition"] == f'attachment; filename="{registered["id"][:16]}.countermark"'
    assert Receipt.parse(answer.content)


def test_what_the_client_has_already_is_not_sent_again(client: TestClient, registered: dict[str, Any]) -> None:
    for link in (registered["links"]["self"], registered["links"]["record"], registered["links"]["thumbnail"]):
        tag = client.get(link).headers["etag"]
        again = client.get(link, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")


def test_the_very_same_registration_is_found_again(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture
) -> None:
    first = _register(client, writer, jpeg(2), credential="none", title="A")
    again = _register(client, writer, jpeg(2), credential="none", title="A")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert _register(client, writer, jpeg(2), credential="none", title="B").status_code == 201
    assert _register(client, other, jpeg(2), credential="none", title="A").status_code == 201


def test_media_is_uploaded_first_and_registered_by_its_digest(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    data = jpeg(3)
    sha256 = hashlib.sha256(data).hexdigest()
    first = client.put(f"/v1/media/{sha256}", content=data, headers=writer)
    again = client.put(f"/v1/media/{sha256}", content=data, headers=writer | {"Content-Type": "text/plain"})
    assert (first.status_code, again.status_code) == (201, 200)
    told = {name: value for name, value in first.json().items() if name != "says"}
    assert told == {"sha256": sha256, "size": len(data), "media_type": "image/jpeg"}
    body = {"media": sha256, "metadata": {"credential": "sidecar"}}
    asset = client.post("/v1/assets", json=body, headers=writer)
    assert asset.status_code == 201, asset.text
    assert asset.json()["credential"]["embedded"] is False
    assert client.get(asset.json()["links"]["manifest"]).headers["content-type"] == "application/c2pa"
    assert asset.json()["links"]["credentialed"] is None


def test_waiting_media_belongs_to_who_brought_it_and_nobody_else_is_told(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture
) -> None:
    data = jpeg(31)
    sha256 = hashlib.sha256(data).hexdigest()
    body = {"media": sha256, "metadata": {"credential": "none"}}
    nothing = client.post("/v1/assets", json=body, headers=other)
    assert client.put(f"/v1/media/{sha256}", content=data, headers=writer).status_code == 201
    taken = client.post("/v1/assets", json=body, headers=other)
    assert (taken.status_code, taken.json()["detail"]) == (nothing.status_code, nothing.json()["detail"])
    assert taken.status_code == 404
    assert client.put(f"/v1/media/{sha256}", content=data, headers=other).status_code == 201
    for owner in (writer, other):
        assert client.post("/v1/assets", json=body, headers=owner).status_code == 201


def test_media_must_have_the_digest_of_its_address(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    answer = client.put("/v1/media/" + "0" * 64, content=jpeg(3), headers=writer)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:countermark:problem:invalid-request"


def test_media_that_was_not_uploaded_cannot_be_registered(client: TestClient, writer: Headers) -> None:
    assert client.post("/v1/assets", json={"media": "0" * 64}, headers=writer).status_code == 404


def _refusals(jpeg: Picture) -> dict[str, tuple[bytes, int, str]]:
    return {
        "no picture": (b"%PDF-1.7 not a picture", 415, "unsupported-media"),
        "truncated": (jpeg(4)[:3000], 422, "undecodable-media"),
        "50,000 pixels a side": (_png(50_000, 50_000), 413, "media-too-large"),
        "too many bytes": (jpeg(4) + bytes(2_000_000), 413, "payload-too-large"),
        "empty": (b"", 422, "invalid-request"),
    }


@pytest.mark.parametrize(
    ("way", "case"),
    [
        (way, case)
        for way in ("form", "upload", "verification")
        for case in ("no picture", "truncated", "50,000 pixels a side", "too many bytes", "empty")
        if (way, case) != ("upload", "truncated")  # an upload is decoded when it is registered
    ],
)
def test_what_is_no_picture_is_refused_for_its_reason(
    client: TestClient, writer: Headers, jpeg: Picture, case: str, way: str
) -> None:
    data, status, slug = _refusals(jpeg)[case]
    if way == "form":
        answer = _register(client, writer, data)
    elif way == "verification":
        answer = client.post("/v1/verifications", content=data, headers={"Content-Type": "image/jpeg"})
    else:
        answer = client.put(f"/v1/media/{hashlib.sha256(data).hexdigest()}", content=data, headers=writer)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:countermark:problem:{slug}"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("metadata", "pointer"),
    [
        ({"colour": "blue"}, "#/metadata/colour"),
        ({"title": ""}, "#/metadata/title"),
        ({"title": "a\u0000b"}, "#/metadata/title"),
        ({"title": 7}, "#/metadata/title"),
        ({"title": "x" * 501}, "#/metadata/title"),
        ({"title": "a\u0085b"}, "#/metadata/title"),
        ({"captured_at": "yesterday"}, "#/metadata/captured_at"),
        ({"captured_at": 1767225600}, "#/metadata/captured_at"),
        ({"captured_at": "2026-05-04T09:30:00"}, "#/metadata/captured_at"),
        ({"captured_at": "0001-01-01T00:00:00+23:59"}, "#/metadata/captured_at"),
        ({"credential": "maybe"}, "#/metadata/credential"),
        ({"parents": [{"record": "x", "relation": "y"}]}, "#/metadata/parents/0/record"),
        ({"rendition_of": "../../etc/passwd"}, "#/metadata/rendition_of"),
        ({"publisher": "../x"}, "#/metadata/publisher"),
    ],
)
def test_a_claim_that_cannot_be_is_pointed_at(
    client: TestClient, writer: Headers, jpeg: Picture, metadata: dict[str, object], pointer: str
) -> None:
    for answer in (
        _register(client, writer, jpeg(5), **metadata),
        client.post("/v1/assets", json={"media": "0" * 64, "metadata": metadata}, headers=writer),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "metadata",
    [
        {"digital_source_type": "photograph"},
        {"parents": [{"record": "0" * 64, "relation": "crop"}]},
        {"rendition_of": "0" * 64},
    ],
)
def test_a_claim_that_refers_to_nothing_is_refused(
    client: TestClient, writer: Headers, jpeg: Picture, metadata: dict[str, object]
) -> None:
    answer = _register(client, writer, jpeg(5), **metadata)
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "urn:countermark:problem:invalid-request"


def test_metadata_that_is_not_json_is_malformed(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    answer = client.post("/v1/assets", files={"file": jpeg(5)}, data={"metadata": "{"}, headers=writer)
    assert answer.status_code == 400


def test_only_an_admin_registers_for_another_publisher(
    client: TestClient, writer: Headers, admin: Headers, jpeg: Picture
) -> None:
    assert _register(client, writer, jpeg(6), publisher="rival", credential="none").status_code == 403
    assert _register(client, admin, jpeg(6), credential="none").status_code == 403  # names no publisher
    done = _register(client, admin, jpeg(6), publisher="rival", credential="none")
    assert done.status_code == 201
    assert done.json()["publisher"]["id"] == "rival"
    assert _register(client, admin, jpeg(6), publisher="nobody").status_code == 404


def test_registrations_are_listed_page_by_page_and_filtered(
    client: TestClient, writer: Headers, jpeg: Picture, registered: dict[str, Any]
) -> None:
    for seed in (7, 8):
        _register(client, writer, jpeg(seed), credential="none")
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = client.get(
            "/v1/assets", params={"limit": 2, "publisher": "newsroom"} | ({"cursor": cursor} if cursor else {})
        )
        items = page.json()["items"]
        assert len(items) <= 2
        assert all(each.publisher.id == "newsroom" for each in agreed(Assets, page).items)
        seen += [item["index"] for item in items]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) >= 3
    found = client.get("/v1/assets", params={"sha256": registered["media"]["sha256"]}).json()["items"]
    assert [item["id"] for item in found] == [registered["id"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=made-up", "sha256=zz", "publisher=A"])
def test_a_list_refuses_what_it_cannot_mean(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/assets?{query}").status_code == 422


@pytest.mark.parametrize("suffix", ["", "/receipt", "/history", "/thumbnail", "/credentialed", "/manifest"])
def test_an_unknown_asset_is_not_found(client: TestClient, suffix: str) -> None:
    assert client.get("/v1/assets/" + "0" * 64 + suffix).status_code == 404


def test_a_withdrawal_changes_the_standing_and_not_the_record(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture
) -> None:
    asset = _register(client, writer, jpeg(9), credential="none").json()
    body = {"record": asset["id"], "reason": "The wrong river."}
    assert client.post("/v1/withdrawals", json=body, headers=other).status_code == 404
    done = client.post("/v1/withdrawals", json=body, headers=writer)
    assert done.status_code == 201, done.text
    assert done.json()["record"] == asset["id"]
    after = client.get(asset["links"]["self"]).json()
    assert after["standing"]["value"] == "withdrawn"
    assert after["media"] == asset["media"]
    events = client.get(asset["links"]["history"]).json()["items"]
    assert [event["type"] for event in events] == ["asset.registered", "asset.withdrawn"]


def test_an_admin_withdraws_for_the_publisher(
    client: TestClient, other: Headers, admin: Headers, jpeg: Picture
) -> None:
    asset = _register(client, other, jpeg(10), credential="none").json()
    body = {"record": asset["id"], "reason": "x"}
    assert client.post("/v1/withdrawals", json=body, headers=admin).status_code == 201


def test_publishers_and_their_keys_can_be_read(client: TestClient, admin: Headers) -> None:
    ids = [item["id"] for item in client.get("/v1/publishers").json()["items"]]
    assert {"newsroom", "rival"} <= set(ids)
    one = client.get("/v1/publishers/rival").json()
    assert one["identity"]["established"] == "operator-attested"
    keys = client.get("/v1/publishers/rival/keys").json()["items"]
    assert [key["thumbprint"] for key in keys] == [one["key"]]
    assert client.get("/v1/publishers/nobody/keys").status_code == 404
    assert client.post("/v1/publishers", json={"id": "rival", "name": "R"}, headers=admin).status_code == 409
