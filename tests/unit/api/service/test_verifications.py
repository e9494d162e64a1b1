import hashlib
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from starlette.testclient import TestClient

from api.http.limits import Allowance, Policy
from provenance.answers import Comparison, Report
from tests.unit.api.service.agreed import agreed
from tests.unit.api.service.conftest import Running

Picture = Callable[..., bytes]
DEMO = Path(__file__).parents[4] / "demo" / "photos"


def _altered(data: bytes, box: tuple[int, int, int, int] = (150, 100, 190, 140)) -> bytes:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    ImageDraw.Draw(picture).rectangle(box, fill=(128, 128, 128))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


@pytest.mark.parametrize("label", ["image/jpeg", "image/png", "text/html", "application/octet-stream", ""])
def test_a_registered_file_is_matched_whatever_it_is_labelled(
    client: TestClient, registered: dict[str, Any], jpeg: Picture, label: str
) -> None:
    answer = client.post("/v1/verifications", content=jpeg(1), headers={"Content-Type": label} if label else {})
    assert answer.status_code == 200, answer.text
    report = agreed(Report, answer)
    assert report.axes.registration.value == "EXACT_MATCH"
    assert report.matches[0].asset.id == registered["id"]
    assert report.matches[0].proof.steps
    assert report.input.media_type == "image/jpeg"


def test_the_signed_copy_is_matched_too(client: TestClient, registered: dict[str, Any]) -> None:
    copy = client.get(registered["links"]["credentialed"]).content
    report = client.post("/v1/verifications", files={"file": ("x.jpg", copy)}).json()
    assert report["axes"]["registration"]["value"] == "EXACT_MATCH"
    assert report["matches"][0]["signed_copy"] is True
    assert report["credential"]["state"] in ("TRUSTED", "VALID_UNTRUSTED")


def test_an_empty_sidecar_is_a_clear_problem(client: TestClient, jpeg: Picture) -> None:
    answer = client.post("/v1/verifications", files={"file": ("x.jpg", jpeg(1)), "sidecar": ("x.c2pa", b"")})
    assert answer.status_code == 422
    assert "The sidecar is empty" in answer.json()["detail"]


def test_a_changed_copy_leads_back_and_shows_where(
    client: TestClient, registered: dict[str, Any], jpeg: Picture
) -> None:
    answer = client.post("/v1/verifications", content=_altered(jpeg(1)))
    report = agreed(Report, answer)
    assert report.axes.registration.value == "MATCH_WITH_DIFFERENCES"
    assert report.matches[0].asset.id == registered["id"]
    assert report.matches[0].comparison is not None
    assert report.matches[0].comparison.regions
    url = report.matches[0].difference_url
    assert url is not None
    overlay = client.get(url)
    assert overlay.headers["content-type"] == "image/png"
    alpha = Image.open(io.BytesIO(overlay.content)).convert("RGBA").getchannel("A").getextrema()
    assert alpha[0] == 0 < alpha[1]


def test_each_match_has_the_drawing_of_its_own_record(running: Running, jpeg: Picture) -> None:
    def registered(data: bytes) -> str:
        files = {"file": ("picture.jpg", data)}
        return str(running.client.post("/v1/assets", files=files, headers=running.writer).json()["id"])

    changed = _altered(jpeg(71), (80, 60, 200, 170))
    older, newer = registered(jpeg(71)), registered(changed)
    copy = io.BytesIO()
    Image.open(io.BytesIO(changed)).save(copy, "JPEG", quality=70)
    report = agreed(Report, running.client.post("/v1/verifications", content=copy.getvalue()))
    drawn = {match.asset.id: match.difference_url for match in report.matches}
    assert list(drawn) == [newer, older]
    assert drawn[newer] is None
    url = drawn[older]
    assert url is not None
    assert url.endswith(f"?record={older}")
    assert running.client.get(url).status_code == 200
    path = url.partition("?")[0]
    for nothing in (path, f"{path}?record={newer}", f"{path}?record={'00' * 32}"):
        assert running.client.get(nothing).status_code == 404, nothing


def _large(running: Running, name: str, credential: str) -> tuple[str, bytes]:
    """A photograph, registered, and a copy of it."""
    picture = Image.open(DEMO / name).convert("RGB")
    file, copy = io.BytesIO(), io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    picture.save(copy, "JPEG", quality=85)
    answer = running.client.post(
        "/v1/assets",
        files={"file": ("picture.jpg", file.getvalue())},
        data={"metadata": json.dumps({"credential": credential})},
        headers=running.writer,
    )
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"]), copy.getvalue()


def test_the_whole_is_compared_at_full_detail_where_that_is_asked_for(running: Running) -> None:
    record, copy = _large(running, "mountains.jpg", "embedded")

    def compared(query: str) -> Comparison:
        report = agreed(Report, running.client.post(f"/v1/verifications{query}", content=copy))
        found = {match.asset.id: match.comparison for match in report.matches}[record]
        assert found is not None
        return found

    ordinary, full = compared(""), compared("?detail=full")
    assert (ordinary.reference, full.reference) == ("stored picture", "full detail")
    assert full.smallest_area < ordinary.smallest_area < 0.0015


def test_full_detail_that_cannot_be_had_is_said(running: Running) -> None:
    _, copy = _large(running, "two-dogs.jpg", "none")
    report = agreed(Report, running.client.post("/v1/verifications?detail=full", content=copy))
    assert "full detail" in [item.what for item in report.not_checked]
    report = agreed(Report, running.client.post("/v1/verifications", content=copy))
    assert "full detail" not in [item.what for item in report.not_checked]


def test_detail_of_another_kind_is_refused(client: TestClient, jpeg: Picture) -> None:
    assert client.post("/v1/verifications?detail=some", content=jpeg(1)).status_code == 422


def test_a_stranger_is_not_found_and_what_was_not_checked_is_said(client: TestClient, jpeg: Picture) -> None:
    report = agreed(Report, client.post("/v1/verifications", content=jpeg(999)))
    assert report.axes.registration.value == "NO_MATCH_FOUND"
    assert report.not_checked
    assert report.searched is not None


def test_digests_are_enough_to_find_a_registration(
    client: TestClient, registered: dict[str, Any], jpeg: Picture
) -> None:
    sha256 = hashlib.sha256(jpeg(1)).hexdigest()
    report = agreed(Report, client.post("/v1/verifications", json={"sha256": sha256}))
    assert report.axes.registration.value == "EXACT_MATCH"
    assert report.credential is None
    assert report.matches[0].asset.id == registered["id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sha256": "x"},
        {"sha256": "0" * 64, "pdq": {"value": "0" * 64}},
        {"sha256": "0" * 64, "pdq": {"value": "0" * 64, "quality": 101}},
        {"sha256": "0" * 64, "pdq": {"value": "0" * 64, "quality": "50"}},
        {"sha256": "0" * 64, "url": "http://169.254.169.254/"},
    ],
)
def test_digests_that_cannot_be_are_refused(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/v1/verifications", json=body).status_code == 422


def test_a_report_can_be_had_again_as_it_was(client: TestClient, registered: dict[str, Any], jpeg: Picture) -> None:
    report = client.post("/v1/verifications", content=jpeg(1)).json()
    again = client.get(report["links"]["self"])
    assert again.json() == report
    assert client.get(f"/v1/verifications/{report['id']}/difference.png").status_code == 404


def test_a_report_is_kept_for_as_long_as_it_says(client: TestClient, registered: dict[str, Any], jpeg: Picture) -> None:
    def kept_for(answer: Any) -> timedelta | None:
        report = agreed(Report, answer)
        there = client.get(f"/v1/verifications/{report.id}")
        assert there.status_code == (404 if report.kept_until is None else 200)
        if report.kept_until is None:
            assert "?keep=true" in there.json()["detail"]
            return None
        assert there.content == answer.content
        return report.kept_until - report.created_at

    digests = {"sha256": registered["media"]["sha256"]}
    assert kept_for(client.post("/v1/verifications", content=jpeg(1))) == timedelta(hours=1)
    assert kept_for(client.post("/v1/verifications?keep=true", content=jpeg(1))) == timedelta(days=30)
    assert kept_for(client.post("/v1/verifications", content=jpeg(997))) is None
    assert kept_for(client.post("/v1/verifications?keep=true", content=jpeg(997))) == timedelta(days=30)
    assert kept_for(client.post("/v1/verifications", json=digests)) is None
    assert kept_for(client.post("/v1/verifications?keep=true", json=digests)) == timedelta(days=30)
    assert client.post("/v1/verifications?keep=long", json=digests).status_code == 422


def test_an_unknown_report_is_not_found(client: TestClient) -> None:
    assert client.get("/v1/verifications/" + "0" * 32).status_code == 404
    assert client.get("/v1/verifications/x").status_code == 422


def test_the_headline_is_in_the_language_that_the_client_prefers_and_english_is_what_is_kept(
    client: TestClient, registered: dict[str, Any], jpeg: Picture
) -> None:
    picture = _altered(jpeg(1))
    english = client.post("/v1/verifications", content=picture)
    german = client.post("/v1/verifications", content=picture, headers={"Accept-Language": "de-CH, en;q=0.5"})
    assert english.headers["vary"] == german.headers["vary"] == "Accept-Language"
    assert "This leads back to a picture that" in english.json()["headline"]["text"]
    assert "Dies führt zu einem Bild, das" in agreed(Report, german).headline.text
    for answer in (english, german):
        assert [each["language"] for each in answer.json()["headline"]["wordings"]] == ["en", "de"]
    kept = f"/v1/verifications/{german.json()['id']}"
    again = client.get(kept, headers={"Accept-Language": "de"})
    assert again.json() == german.json()
    assert again.headers["vary"] == "Accept-Language"
    assert "This leads back" in client.get(kept, headers={"Accept-Language": "fr"}).json()["headline"]["text"]


FORM = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
"""What a browser sends with a form."""


def test_a_form_without_scripts_is_answered_with_a_page_that_can_be_printed(
    client: TestClient, registered: dict[str, Any], jpeg: Picture
) -> None:
    files = {"file": ("x.jpg", _altered(jpeg(1)))}
    page = client.post("/v1/verifications", files=files, headers=FORM | {"Accept-Language": "de"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    for text in (
        '<html lang="de">',
        "Es passt zu einem registrierten Bild und weicht davon ab",
        "Dies führt zu einem Bild, das",
        "Allein der Betreiber dieses Registers bürgt",
        "/verify?report=",
        registered["links"]["thumbnail"],
        client.get("/log/checkpoint").text.splitlines()[0],
    ):
        assert text in page.text.replace("&#43;", "+"), text
    assert page.text.count('class="edge differs"') >= 2, "boxes over both pictures"
    assert not re.search(r"<style|<script|\sstyle=|\son[a-z]+=", page.text)
    assert re.search("\\d\u00a0%", page.text)
    assert not re.search(r"\d %", page.text), "a number and its sign stay on one line"


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"%PDF-1.7 a document", 415, "This is not a picture that can be examined"),
        (b"", 422, "There was no file, or an empty one"),
        (b"\xff\xd8\xff\xe0 cut short", 422, "The file is damaged or truncated"),
    ],
)
def test_a_form_with_what_is_no_picture_is_answered_with_a_page_that_says_nothing_about_the_picture(
    client: TestClient, data: bytes, status: int, said: str
) -> None:
    page = client.post("/v1/verifications", files={"file": ("x.jpg", data)}, headers=FORM)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{said}</h1>" in page.text
    assert "this says nothing about the picture" in page.text
    plain = client.post("/v1/verifications", files={"file": ("x.jpg", data)})
    assert plain.headers["content-type"] == "application/problem+json"


class Spent:
    """A limit that nothing is left of, for half a minute."""

    policy = Policy("verifications", 1, 60)

    async def take(self, client: str, units: int = 1, *, spent: bool = False) -> Allowance:
        return Allowance(self.policy, allowed=False, remaining=0, reset=30.0)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("<h1>Too many requests in a short time</h1>", "Try again in 30 s.", "says nothing about the picture")),
        ("de", ("<h1>Zu viele Anfragen in kurzer Zeit</h1>", "in 30 s noch einmal", "nichts über das Bild")),
    ],
)
def test_a_form_that_came_too_soon_is_answered_with_a_page_that_says_when_to_try_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, jpeg: Picture, language: str, said: tuple[str, ...]
) -> None:
    monkeypatch.setitem(client.app.state.limiters, "verifications", Spent())  # type: ignore[attr-defined]  # an ASGI app of ours
    files = {"file": ("x.jpg", jpeg(1))}
    page = client.post("/v1/verifications", files=files, headers=FORM | {"Accept-Language": language})
    assert (page.status_code, page.headers["retry-after"]) == (429, "30")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for text in said:
        assert text in page.text
    program = client.post("/v1/verifications", files=files)
    assert program.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/nowhere", f"/v1/verifications/{'0' * 32}", f"/v1/assets/{'0' * 64}", "/log/tile/9"])
def test_who_follows_a_link_to_nothing_gets_a_page_and_a_program_gets_a_problem(client: TestClient, path: str) -> None:
    page = client.get(path, headers=FORM | {"Accept-Language": "de"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert '<html lang="de">' in page.text
    assert client.get(path).headers["content-type"] == "application/problem+json"
