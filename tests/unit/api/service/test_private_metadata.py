"""What a registered file holds beside its picture reaches its publisher, and nobody else unless it says so."""

import hashlib
import io
import json
import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from starlette.testclient import TestClient

from provenance.credentials.reading import read_credentials
from provenance.errors import MediaTooCostly
from provenance.media.media import Media
from registry.registry import Registry
from registry.storage.blobs import blob_name
from registry.usecases.maintenance import fsck
from tests.planted import AI, FORMS, MARKS, plant

Picture = Callable[..., bytes]
Headers = dict[str, str]
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"} | {
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIC": "image/heic",
}


def register(client: TestClient, headers: Headers, data: bytes, **metadata: object) -> dict[str, Any]:
    answer = client.post(
        "/v1/assets", files={"file": ("p", data)}, data={"metadata": json.dumps(metadata)}, headers=headers
    )
    assert answer.status_code in (200, 201), answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def address(asset: dict[str, Any], route: str = "credentialed") -> str:
    return f"/v1/assets/{asset['id']}/{route}"


def everything_public(client: TestClient, asset: dict[str, Any]) -> dict[str, bytes]:
    """The bytes of all that anybody can read about a registration."""
    routes = ["", "/credentialed", "/manifest", "/thumbnail", "/receipt", "/history", "/graph"]
    paths = [f"/v1/assets/{asset['id']}{route}" for route in routes]
    paths += [f"/v1/records/{asset['id']}{route}" for route in ("", "/statement", "/receipt", "/proof")]
    paths += [f"/a/{asset['id']}", "/v1/assets", f"/v1/assets?sha256={asset['media']['sha256']}"]
    read = {path: client.get(path).content for path in paths}
    digests = {"sha256": asset["media"]["sha256"]}
    read["verification"] = client.post("/v1/verifications", json=digests).content
    return read


def marks_in(data: bytes, form: str) -> list[str]:
    return [name for name, mark in MARKS[form].items() if mark in data]


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def planted(form: str, jpeg: Picture) -> bytes:
    picture = Image.open(io.BytesIO(jpeg(500 + FORMS.index(form), width=160, height=120))).copy()
    return plant(picture, form, orientation=6)


def test_nothing_public_holds_a_mark_and_the_publisher_gets_them_all(
    client: TestClient, writer: Headers, admin: Headers, other: Headers, form: str, planted: bytes
) -> None:
    assert len(marks_in(planted, form)) == len(MARKS[form])
    asset = register(client, writer, planted, title=f"planted {form}")
    assert {each["name"] for each in asset["metadata"]["held"]} >= set(MARKS[form])
    assert asset["metadata"]["public_copy"] == "stripped"
    for path, data in everything_public(client, asset).items():
        assert marks_in(data, form) == [], path
    assert marks_in(client.get(address(asset), headers=other).content, form) == []
    for key in (writer, admin):
        assert marks_in(client.get(address(asset), headers=key).content, form) == list(MARKS[form])
    assert marks_in(client.get(address(asset) + "?copy=public", headers=writer).content, form) == []


def test_both_copies_are_signed_and_show_the_picture_and_the_log_names_the_public_one(
    client: TestClient, registry: Registry, writer: Headers, form: str, planted: bytes
) -> None:
    asset = register(client, writer, planted, title=f"planted {form}")
    public, private = client.get(address(asset)), client.get(address(asset), headers=writer)
    assert public.headers["content-type"] == private.headers["content-type"] == TYPES[form]
    assert hashlib.sha256(public.content).hexdigest() == asset["credential"]["signed"]["sha256"]
    pixels = Media.from_bytes(planted).pixels
    for copy in (public.content, private.content):
        assert np.array_equal(Media.from_bytes(copy).pixels, pixels)
        assert read_credentials(copy, TYPES[form], registry.trust, now=registry.now()).state == "TRUSTED"
        verdict = client.post("/v1/verifications", content=copy, headers={"content-type": TYPES[form]}).json()
        assert verdict["axes"]["registration"]["value"] == "EXACT_MATCH"
        assert verdict["matches"][0]["asset"]["id"] == asset["id"]
    assert client.post("/v1/verifications", json={"sha256": asset["media"]["sha256"]}).json()["axes"] != {}


def test_a_publisher_may_make_the_metadata_public(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(520))), "JPEG")
    kept = register(client, writer, data)
    asset = register(client, writer, data, publish_metadata=True)
    assert asset["id"] != kept["id"]
    assert asset["metadata"]["public_copy"] == "as_registered"
    assert marks_in(client.get(address(asset)).content, "JPEG") == list(MARKS["JPEG"])
    assert register(client, writer, data)["id"] == kept["id"]


def test_the_same_registration_again_is_told_the_same(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(521))), "JPEG")
    assert register(client, writer, data)["metadata"] == register(client, writer, data)["metadata"]
    beside = register(client, writer, data, credential="sidecar")["metadata"]
    assert beside["public_copy"] == "none"
    assert register(client, writer, data, credential="sidecar")["metadata"] == beside


def test_a_sidecar_tells_nothing_of_the_file(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(522))), "JPEG")
    asset = register(client, writer, data, credential="sidecar")
    answer = client.get(address(asset, "manifest"))
    assert answer.status_code == 200
    assert marks_in(answer.content, "JPEG") == []


def test_what_cannot_be_left_out_is_kept_from_the_public(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(jpeg(523)))
    info = PngInfo()
    info.add_text("parameters", "PLANTED-PROMPT\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 41, Size: 512x512")
    picture.save(file, "PNG", pnginfo=info)
    asset = register(client, writer, file.getvalue())
    assert asset["metadata"]["public_copy"] == "withheld"
    assert "how the picture was made" in asset["metadata"]["reason"]
    for route in ("credentialed", "manifest"):
        answer = client.get(address(asset, route))
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:countermark:problem:metadata-withheld"
        assert "key" in answer.json()["detail"]
        assert client.get(address(asset, route), headers=writer).status_code == 200
    assert b"PLANTED-PROMPT" in client.get(address(asset), headers=writer).content
    links = client.get(f"/v1/assets/{asset['id']}").json()["links"]
    assert (links["credentialed"], links["manifest"]) == (None, None)
    assert not [path for path, data in everything_public(client, asset).items() if b"PLANTED" in data]


def test_a_declaration_of_how_a_picture_was_made_stays_in_its_public_copy(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(524))), "JPEG", source_type=AI)
    asset = register(client, writer, data)
    assert asset["metadata"]["public_copy"] == "stripped"
    public = client.get(address(asset)).content
    assert AI.encode() in public
    assert marks_in(public, "JPEG") == []


def test_a_plain_picture_has_one_copy_for_everybody(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    asset = register(client, writer, jpeg(525))
    assert asset["metadata"] == {"held": [], "public_copy": "as_registered", "reason": None}
    assert client.get(address(asset)).content == client.get(address(asset), headers=writer).content


@pytest.fixture
def earlier(registry: Registry) -> Callable[[dict[str, Any]], None]:
    """Makes a registration one of before: its signed copy is of the whole file, and nobody has looked at it."""

    def forget(asset: dict[str, Any]) -> None:
        with sqlite3.connect(registry.config.folder / "countermark.db") as database:
            changed = database.execute(
                "UPDATE asset SET copy_public = NULL WHERE record_id = ?", (bytes.fromhex(asset["id"]),)
            )
            assert changed.rowcount == 1

    return forget


def test_what_was_registered_before_is_kept_back_alike(
    client: TestClient, writer: Headers, jpeg: Picture, earlier: Callable[[dict[str, Any]], None], form: str
) -> None:
    picture = Image.open(io.BytesIO(jpeg(530 + FORMS.index(form), width=160, height=120))).copy()
    asset = register(client, writer, plant(picture, form), publish_metadata=True)
    earlier(asset)
    for _ in range(2):
        assert not [path for path, data in everything_public(client, asset).items() if marks_in(data, form)]
        assert client.get(address(asset)).status_code == 403
    assert marks_in(client.get(address(asset), headers=writer).content, form) == list(MARKS[form])


def test_a_copy_that_was_too_costly_to_look_at_once_is_looked_at_again(
    client: TestClient,
    writer: Headers,
    jpeg: Picture,
    registry: Registry,
    earlier: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asset = register(client, writer, jpeg(526))
    earlier(asset)

    def costs_too_much(*_: object, **__: object) -> object:
        raise MediaTooCostly("it used up its processor time")

    with monkeypatch.context() as patched:
        patched.setattr(registry.sandbox, "run", costs_too_much)
        assert client.get(address(asset)).status_code == 403
    assert client.get(address(asset)).status_code == 200


def test_a_plain_picture_of_before_is_served_as_it_was(
    client: TestClient, writer: Headers, jpeg: Picture, earlier: Callable[[dict[str, Any]], None], form: str
) -> None:
    file = Image.open(io.BytesIO(jpeg(540 + FORMS.index(form), width=160, height=120)))
    data = io.BytesIO()
    if form == "HEIC":
        pillow_heif.from_pillow(file).save(data)
    else:
        file.save(data, form)
    asset = register(client, writer, data.getvalue())
    before = client.get(address(asset)).content
    earlier(asset)
    assert client.get(address(asset)).content == before
    assert client.get(address(asset, "manifest")).status_code == 200


def test_a_sealed_picture_is_revealed_without_its_metadata(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(550))), "JPEG")
    asset = register(client, writer, data, visibility="sealed")
    assert marks_in(client.get(address(asset), headers=writer).content, "JPEG") == list(MARKS["JPEG"])
    assert client.post(f"/v1/assets/{asset['id']}/reveal", headers=writer).status_code == 200
    public = client.get(address(asset))
    assert public.status_code == 200
    assert marks_in(public.content, "JPEG") == []
    assert marks_in(client.get(address(asset), headers=writer).content, "JPEG") == list(MARKS["JPEG"])


def test_an_erasure_takes_the_publishers_copy_too(
    client: TestClient, registry: Registry, writer: Headers, admin: Headers, jpeg: Picture
) -> None:
    data = plant(Image.open(io.BytesIO(jpeg(551))), "JPEG")
    asset = register(client, writer, data)
    private = hashlib.sha256(client.get(address(asset), headers=writer).content).digest()
    assert private in registry.blobs
    erased = client.post(f"/v1/assets/{asset['id']}/erasure", json={"reason": "a source"}, headers=admin)
    assert erased.status_code in (200, 201), erased.text
    assert private not in registry.blobs
    assert client.get(address(asset), headers=writer).status_code == 410


def test_the_check_of_the_store_misses_a_publishers_copy(
    client: TestClient, registry: Registry, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, plant(Image.open(io.BytesIO(jpeg(552))), "JPEG"))
    private = client.get(address(asset), headers=writer).content
    name = blob_name(hashlib.sha256(private).digest())
    registry.blobs.objects.delete(name)
    found = list(fsck.check(registry.store, registry.blobs, registry.sequencer.key))
    registry.blobs.put(private)
    assert [str(each) for each in found if "private_blob_sha256" in str(each)]
    assert not list(fsck.check(registry.store, registry.blobs, registry.sequencer.key))
