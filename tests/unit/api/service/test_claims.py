"""What a registration signs into the manifest of its copy: what is known, and nothing else."""

import io
import json
from collections.abc import Callable
from typing import Any

import c2pa
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.planted import plant, xmp_packet

Picture = Callable[..., bytes]
Headers = dict[str, str]
CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def register(client: TestClient, headers: Headers, data: bytes, **metadata: object) -> dict[str, Any]:
    answer = client.post(
        "/v1/assets", files={"file": ("p", data)}, data={"metadata": json.dumps(metadata)}, headers=headers
    )
    assert answer.status_code in (200, 201), answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def manifest_of(client: TestClient, asset: dict[str, Any]) -> dict[str, Any]:
    copy = client.get(f"/v1/assets/{asset['id']}/credentialed")
    assert copy.status_code == 200, copy.text
    with c2pa.Reader(copy.headers["content-type"], io.BytesIO(copy.content)) as reader:
        assert reader.get_validation_state() == "Valid"
        store = json.loads(reader.json())
    manifest: dict[str, Any] = store["manifests"][store["active_manifest"]]
    return manifest


def actions_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    (stated,) = [each["data"] for each in manifest["assertions"] if each["label"].startswith("c2pa.actions")]
    actions: list[dict[str, Any]] = stated["actions"]
    return actions


def test_a_stated_source_type_does_not_say_that_the_newsroom_made_the_picture(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, jpeg(600), digital_source_type="digitalCapture")
    manifest = manifest_of(client, asset)
    assert [action["action"] for action in actions_of(manifest)] == ["c2pa.opened"]
    assert manifest["ingredients"][0]["digital_source_type"] == CAPTURE
    copy = client.get(f"/v1/assets/{asset['id']}/credentialed").content
    report = client.post("/v1/verifications", content=copy, headers={"content-type": "image/jpeg"}).json()
    assert report["axes"]["declared_origin"]["value"] == "SIGNED_CAPTURE"


def test_what_the_newsroom_made_it_says_to_have_created(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    stated = {"digital_source_type": "digitalCapture"}
    before = register(client, writer, jpeg(601), **stated)
    asset = register(client, writer, jpeg(601), created=True, **stated)
    assert asset["id"] != before["id"]
    (first,) = actions_of(manifest_of(client, asset))
    assert (first["action"], first["digitalSourceType"]) == ("c2pa.created", CAPTURE)


@pytest.mark.parametrize("metadata", [{}, {"digital_source_type": "composite", "rendition_of": "PARENT"}])
def test_a_creation_that_cannot_be_is_refused(
    metadata: dict[str, str], client: TestClient, writer: Headers, jpeg: Picture, registered: dict[str, Any]
) -> None:
    stated = {name: registered["id"] if value == "PARENT" else value for name, value in metadata.items()}
    answer = client.post(
        "/v1/assets",
        files={"file": ("p", jpeg(602))},
        data={"metadata": json.dumps({"created": True, **stated})},
        headers=writer,
    )
    assert answer.status_code == 422
    assert "created" in answer.json()["detail"]


def test_parents_are_ingredients_with_their_manifests(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    parent, part, older = (register(client, writer, jpeg(610 + n), title=f"Picture {n}") for n in range(3))
    asset = register(
        client,
        writer,
        jpeg(613),
        parents=[
            {"record": parent["id"], "relation": "parentOf"},
            {"record": part["id"], "relation": "componentOf"},
            {"record": older["id"], "relation": "supersedes"},
        ],
    )
    manifest = manifest_of(client, asset)
    assert [action["action"] for action in actions_of(manifest)] == ["c2pa.opened", "c2pa.unknown", "c2pa.placed"]
    found = {each["title"]: (each["relationship"], each["active_manifest"]) for each in manifest["ingredients"]}
    assert found == {
        "Picture 0": ("parentOf", parent["credential"]["manifest_id"]),
        "Picture 1": ("componentOf", part["credential"]["manifest_id"]),
    }
    codes = manifest["ingredients"][0]["validation_results"]["activeManifest"]
    assert "signingCredential.trusted" in [entry["code"] for entry in codes["success"]]


def test_the_manifest_of_a_parent_that_is_kept_back_goes_nowhere(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    sealed = register(client, writer, jpeg(620), title="SEALED-TITLE", visibility="sealed")
    asset = register(client, writer, jpeg(621), parents=[{"record": sealed["id"], "relation": "parentOf"}])
    manifest = manifest_of(client, asset)
    (parent,) = manifest["ingredients"]
    assert (parent["relationship"], parent["instance_id"]) == ("parentOf", f"urn:countermark:record:{sealed['id']}")
    assert "active_manifest" not in parent
    assert "SEALED-TITLE" not in json.dumps(manifest)


def test_the_identifiers_in_a_files_xmp_do_not_reach_the_manifest_of_its_public_copy(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    names = 'xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmpMM:InstanceID="PLANTED-ID" xmpMM:DocumentID="PLANTED-DOC"'
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg(630))).save(file, "JPEG", xmp=xmp_packet(names))
    asset = register(client, writer, file.getvalue())
    assert b"PLANTED" not in client.get(f"/v1/assets/{asset['id']}/manifest").content


def test_what_was_left_out_of_the_public_copy_is_told_in_its_claim(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(631))), "JPEG")
    actions = actions_of(manifest_of(client, register(client, writer, data)))
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited.metadata"]


RECORD = "0" * 64


@pytest.mark.parametrize("unseen", ["\u200b", "\u202e\u2066", " \n"])
@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/publishers", {"id": "unseen", "name": "?"}, "#/name"),
        ("/v1/withdrawals", {"record": RECORD, "reason": "?"}, "#/reason"),
        ("/v1/disputes", {"record": RECORD, "reason": "?"}, "#/reason"),
        (f"/v1/disputes/{RECORD}/answers", {"outcome": "rejected", "reason": "?"}, "#/reason"),
        (f"/v1/assets/{RECORD}/erasure", {"reason": "?"}, "#/reason"),
        ("/v1/keys", {"name": "?", "scopes": ["assets:write"]}, "#/name"),
        *[
            ("/v1/assets", {"media": RECORD, "metadata": {field: "?"}}, f"#/metadata/{field}")
            for field in ("title", "caption", "credit", "licence", "digital_source_type")
        ],
    ],
)
def test_a_text_of_which_nothing_is_visible_is_pointed_at(
    client: TestClient, admin: Headers, path: str, body: dict[str, Any], pointer: str, unseen: str
) -> None:
    answer = client.post(path, json=json.loads(json.dumps(body).replace('"?"', json.dumps(unseen))), headers=admin)
    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
