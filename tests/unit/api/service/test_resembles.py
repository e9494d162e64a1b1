"""What a registration resembles, over HTTP: in its answer, at its record, on its page, and behind an exact match."""

import html
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from countermark.models import Report, read
from PIL import Image
from starlette.testclient import TestClient

from api.http import registered

Picture = Callable[..., bytes]
Headers = dict[str, str]
HOSTILE = 'Harbour at noon"><script>alert(1)</script>'


def register(client: TestClient, headers: Headers, data: bytes, **metadata: object) -> dict[str, Any]:
    stated = json.dumps({"credential": "none", **metadata})
    answer = client.post("/v1/assets", files={"file": ("p.jpg", data)}, data={"metadata": stated}, headers=headers)
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def with_a_patch(data: bytes, patch: bytes) -> bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.paste(Image.open(io.BytesIO(patch)).resize((90, 70)), (120, 80))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def test_a_changed_picture_of_somebody_else_is_told_at_once_and_everywhere(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registered, "RESEMBLES_SECONDS", 60.0)  # however slow the machine
    first = register(client, writer, jpeg(7_001, width=640, height=480), title="Harbour")
    assert (first["resembles"]["state"], first["resembles"]["items"]) == ("made", [])
    data = with_a_patch(jpeg(7_001, width=640, height=480), jpeg(7_002))
    second = register(client, other, data, title="Harbour, too")
    (item,) = second["resembles"]["items"]
    assert (item["id"], item["side"], item["differs_inside"]) == (first["id"], "older", True)
    (back,) = client.get(f"/v1/assets/{first['id']}").json()["resembles"]["items"]
    assert (back["id"], back["side"]) == (second["id"], "newer")
    page = client.get(second["links"]["page"]).text
    assert "Similar registrations" in page
    assert f'<a href="/a/{first["id"]}">' in page
    report = client.post("/v1/verifications", files={"file": ("p.jpg", data)}).json()
    assert report["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"
    assert [each["id"] for each in report["resembles"]["items"]] == [first["id"]]
    assert report["older_registration"] == first["id"]


def test_of_several_older_registrations_the_report_names_the_one_that_its_headline_is_about(
    client: TestClient, writer: Headers, other: Headers, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registered, "RESEMBLES_SECONDS", 60.0)
    picture = jpeg(7_004, width=640, height=480)
    taken_back = register(client, writer, picture, title="Harbour")
    stands = register(client, writer, jpeg(7_004, width=640, height=480, quality=70), title=HOSTILE)
    data = with_a_patch(picture, jpeg(7_005))
    register(client, other, data, title="Harbour, too")
    client.post("/v1/withdrawals", json={"record": taken_back["id"], "reason": "A test."}, headers=writer)
    report = read(Report, client.post("/v1/verifications", files={"file": ("p.jpg", data)}).text)
    assert report.headline.code == "OLDER_REGISTRATION_DIFFERS"
    assert report.resembles is not None
    assert [each.id for each in report.resembles.items] == [taken_back["id"], stands["id"]]
    assert report.older_registration == stands["id"]
    assert report.older is report.resembles.items[1]
    page = client.post("/v1/verifications", files={"file": ("p.jpg", data)}, headers={"Accept": "text/html"}).text
    shown = re.search(rf'<img src="/v1/assets/{stands["id"]}/thumbnail" alt="The older registration: (.*?)">', page)
    assert shown is not None
    assert shown[1] == html.escape(HOSTILE).replace("&quot;", "&#34;")
    assert "<script>alert" not in page


def test_what_is_not_ready_in_time_is_pending_and_follows(
    client: TestClient, writer: Headers, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registered, "RESEMBLES_SECONDS", 0.0)
    asset = register(client, writer, jpeg(7_003))
    assert asset["resembles"]["state"] in ("pending", "made")
    client.post("/v1/verifications", files={"file": ("p.jpg", jpeg(7_003))})  # which searches where that was not done
    assert client.get(f"/v1/assets/{asset['id']}").json()["resembles"]["state"] == "made"
