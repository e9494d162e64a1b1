"""`metadata_from_file`: what a file says of itself is claimed where nothing is stated, and the record says which."""

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

from tests.planted import xmp_packet

Picture = Callable[..., bytes]
Headers = dict[str, str]

_XMP = xmp_packet(
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'photoshop:Credit="Wire" photoshop:DateCreated="2026-05-04T09:30:00+02:00"',
    "<dc:title>Flood</dc:title><dc:creator><rdf:Seq><rdf:li>A. One</rdf:li></rdf:Seq></dc:creator>"
    "<dc:rights>© 2026 Wire</dc:rights><dc:description>The square.</dc:description>",
)
ALL = ["title", "caption", "byline", "credit", "rights", "captured_at"]


def told(jpeg: Picture, seed: int) -> bytes:
    """A picture that says something of itself in XMP."""
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg(seed))).save(file, "JPEG", quality=90, xmp=_XMP)
    return file.getvalue()


def register(
    client: TestClient, headers: Headers, data: bytes, status: int = 201, **metadata: object
) -> dict[str, Any]:
    answer = client.post(
        "/v1/assets", files={"file": ("p", data)}, data={"metadata": json.dumps(metadata)}, headers=headers
    )
    assert answer.status_code == status, answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def record_of(client: TestClient, asset: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = client.get(asset["links"]["record"]).json()
    return record


def test_what_the_file_says_is_claimed_and_the_record_says_so(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    asset = register(client, writer, told(jpeg, 640), metadata_from_file=True)
    record = record_of(client, asset)
    assert asset["from_file"] == record["from_file"] == ALL
    for stated in (asset, record):
        assert (stated["title"], stated["caption"], stated["byline"]) == ("Flood", "The square.", "A. One")
        assert (stated["credit"], stated["rights"]) == ("Wire", "© 2026 Wire")
    assert record["captured_at"] == "2026-05-04T07:30:00Z"
    page = client.get(asset["links"]["page"], headers={"accept": "text/html"}).text
    assert page.count("read from the file’s own metadata") == len(ALL)


def test_what_is_stated_wins_and_is_the_publishers_word(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    asset = register(client, writer, told(jpeg, 641), metadata_from_file=True, title="Stated", credit="The Daily")
    assert (asset["title"], asset["credit"], asset["byline"]) == ("Stated", "The Daily", "A. One")
    assert record_of(client, asset)["from_file"] == ["caption", "byline", "rights", "captured_at"]


def test_without_being_asked_nothing_of_the_file_is_claimed(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    asset = register(client, writer, told(jpeg, 642))
    assert (asset["title"], asset["byline"], asset["from_file"]) == (None, None, [])
    assert "from_file" not in record_of(client, asset)


def test_a_registration_that_is_repeated_is_found_again_and_the_publishers_word_is_another(
    client: TestClient, writer: Headers, jpeg: Picture
) -> None:
    data = told(jpeg, 643)
    first = register(client, writer, data, metadata_from_file=True)
    assert register(client, writer, data, 200, metadata_from_file=True)["id"] == first["id"]
    claims = {name: first[name] for name in ALL}
    own = register(client, writer, data, captured_at=claims.pop("captured_at"), **claims)
    assert own["id"] != first["id"]
    assert own["from_file"] == []
    plain = jpeg(644)
    once = register(client, writer, plain)
    assert register(client, writer, plain, 200, metadata_from_file=True)["id"] == once["id"]


def test_an_upload_is_told_what_its_file_says(client: TestClient, writer: Headers, jpeg: Picture) -> None:
    data = told(jpeg, 645)
    path = f"/v1/media/{hashlib.sha256(data).hexdigest()}"
    answer = client.put(path, content=data, headers=writer)
    assert answer.status_code == 201, answer.text
    assert answer.json()["says"] == {
        "title": "Flood",
        "caption": "The square.",
        "byline": "A. One",
        "credit": "Wire",
        "rights": "© 2026 Wire",
        "captured_at": "2026-05-04T07:30:00Z",
        "notes": [],
    }
