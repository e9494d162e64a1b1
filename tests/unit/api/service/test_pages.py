import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.pages.rendering import PAGES, STATIC, static_version
from provenance.sentences import CATALOGUES
from registry.registry import Registry


@pytest.mark.parametrize("path", ["/", "/verify", "/log", "/reference"])
def test_a_page_runs_no_script_and_has_no_style_but_its_own_files(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=", answer.text)
    own = re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)
    assert own
    for address in own:
        assert client.get(address).status_code == 200, address


@pytest.mark.parametrize("template", sorted((PAGES / "templates").glob("*.html")), ids=lambda path: path.name)
def test_what_is_said_of_a_picture_is_escaped_but_for_drawings_that_are_made_here(template: Path) -> None:
    values = re.findall(r"\{\{(.*?)\}\}", template.read_text(), re.DOTALL)
    unescaped = {each.strip() for each in values if re.search(r"\|\s*safe\b", each)}
    assert unescaped <= {"drawing | safe", "made.drawing | safe"}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("verify.js", "text/javascript; charset=utf-8"),
        ("countermark.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_a_script_or_style_is_kept_for_ever_under_an_address_that_changes_with_it(
    client: TestClient, name: str, media_type: str
) -> None:
    answer = client.get(f"/static/{static_version()}/{name}")
    assert answer.content == (STATIC / name).read_bytes()
    assert answer.headers["content-type"] == media_type
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(("accepted", "coding"), [("gzip, br", "gzip"), ("identity", None), ("gzip;q=0", None)])
def test_a_script_is_compressed_for_who_takes_that(client: TestClient, accepted: str, coding: str | None) -> None:
    answer = client.get(f"/static/{static_version()}/verify.js", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == (STATIC / "verify.js").read_bytes()


@pytest.mark.parametrize(
    ("entrances", "most"),
    [(["index.js"], 30_000), (["index.js", "log.js", "fingerprint.js", "fingerprint_worker.js"], 60_000)],
)
def test_the_modules_that_check_receipts_are_small(client: TestClient, entrances: list[str], most: int) -> None:
    loaded: dict[str, int] = {}
    waiting = list(entrances)
    while waiting:
        name = waiting.pop()
        if name not in loaded:
            answer = client.get(f"/static/{static_version()}/countermark/{name}", headers={"Accept-Encoding": "gzip"})
            loaded[name] = int(answer.headers["content-length"])
            waiting += re.findall(r'from "\./([^"]+)"', answer.text)
    assert len(loaded) > 20
    assert sum(loaded.values()) <= most


def test_a_page_that_the_browser_has_already_keeps_its_policy(client: TestClient) -> None:
    first = client.get("/verify")
    again = client.get("/verify", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert "content-security-policy" not in again.headers  # else it replaced the stored one: no script, no style


def test_every_module_that_a_script_imports_is_served(client: TestClient) -> None:
    for script in STATIC.glob("*.js"):
        for imported in re.findall(r'from "\./([^"]+)"', script.read_text()):
            assert client.get(f"/static/{static_version()}/{imported}").status_code == 200, imported


@pytest.mark.parametrize("path", ["0000000000000000/verify.js", "{version}/none.js", "{version}/..%2Ftemplates"])
def test_another_version_or_name_is_not_there(client: TestClient, path: str) -> None:
    assert client.get("/static/" + path.format(version=static_version())).status_code == 404


def test_a_registration_has_a_page(client: TestClient, registered: dict[str, Any]) -> None:
    page = client.get(f"/a/{registered['id']}")
    assert page.status_code == 200
    for shown in ("Flood", "The Test Daily", registered["media"]["sha256"], registered["links"]["receipt"]):
        assert shown in page.text


@pytest.mark.parametrize("address", ["0" * 64, "abc", "%3Cscript%3E", "0" * 63 + "G"])
def test_an_address_of_no_registration_is_answered_with_a_page(client: TestClient, address: str) -> None:
    page = client.get(f"/a/{address}")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such registration here" in page.text
    assert "<script>" not in page.text


def test_the_verify_page_states_the_limit_that_the_service_has(client: TestClient) -> None:
    assert 'data-most-bytes="2000000"' in client.get("/verify").text


def test_a_page_that_a_browser_has_already_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/verify")
    again = client.get("/verify", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_the_log_page_carries_the_checkpoint_that_the_log_serves(
    client: TestClient, registered: dict[str, Any]
) -> None:
    root = client.get("/log/checkpoint").text.splitlines()[2]
    assert root in client.get("/log").text.replace("&#43;", "+")


def test_the_log_page_has_both_of_the_keys_that_sign(client: TestClient, registry: Registry) -> None:
    page = client.get("/log").text.replace("&#43;", "+")
    keys = registry.sequencer.keys.current
    assert len(keys) == 2
    assert all(f"<code>{key}</code>" in page for key in keys)


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        ("", "", "en"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr, en;q=0.5, de;q=0.4", "en"),
        ("", "fr", "en"),
        ("?lang=de", "en", "de"),
        ("?lang=en", "de", "en"),
        ("?lang=xx", "de", "de"),
    ],
)
def test_a_page_is_in_the_language_of_its_switch_or_else_of_the_browser(
    client: TestClient, asked: str, header: str, language: str
) -> None:
    page = client.get(f"/verify{asked}", headers={"Accept-Language": header})
    assert f'<html lang="{language}">' in page.text
    assert page.headers["vary"] == "Accept-Language"
    assert {"en": "Verify a picture", "de": "Ein Bild prüfen"}[language] in page.text
    assert 'href="?lang=de"' in page.text


def test_the_switch_keeps_what_else_the_address_says(client: TestClient) -> None:
    page = client.get("/verify?report=0123&lang=de&x=%22%3E%3Cscript%3E").text
    assert 'href="?report=0123&amp;x=%22%3E%3Cscript%3E&amp;lang=en"' in page
    assert 'href="/log?lang=de"' in page
    assert "<script>" not in page


def test_the_catalogue_of_each_language_is_served_to_the_scripts(client: TestClient) -> None:
    for language, words in CATALOGUES.items():
        script = client.get(f"/static/{static_version()}/sentences.{language}.js").text
        read = json.loads(script.removeprefix("export default "))
        assert read["headlines"] == words.headlines
        assert read["thresholds"] == words.thresholds


def test_a_publisher_has_a_page_that_says_who_says_so_with_its_keys_and_registrations(
    client: TestClient, registered: dict[str, Any], registry: Registry
) -> None:
    publisher = registered["publisher"]
    (newest,) = client.get("/v1/assets", params={"publisher": publisher["id"], "limit": 1}).json()["items"]
    page = client.get(f"/publishers/{publisher['id']}")
    assert page.status_code == 200
    for text in (
        publisher["name"],
        "operator alone vouches for the name",
        publisher["identity"]["detail"],
        publisher["key"][:16],
        "in force",
        f"/a/{newest['id']}",
    ):
        assert text in page.text.replace("&#39;", "'"), text
    assert "gilt" in client.get(f"/publishers/{publisher['id']}?lang=de").text
    assert f"/publishers/{publisher['id']}" in client.get("/log").text
    assert f"/publishers/{publisher['id']}" in client.get(f"/a/{registered['id']}").text


@pytest.mark.parametrize("name", ["nobody", "%3Cscript%3E", "x" * 300])
def test_a_publisher_that_is_not_there_has_a_page_that_says_so(client: TestClient, name: str) -> None:
    page = client.get(f"/publishers/{name}")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such publisher here" in page.text
    assert "<script>" not in page.text


def test_the_log_is_looked_up_by_index_by_record_and_by_digest(client: TestClient, registered: dict[str, Any]) -> None:
    def rows(find: str) -> str:
        page = client.get("/log", params={"find": find}).text
        return page.partition('id="find-title"')[2].partition('id="newest"')[0]

    link = f'href="/a/{registered["id"]}"'
    for find in (
        str(registered["index"]),
        registered["id"],
        registered["record_id"],
        registered["media"]["sha256"].upper(),
    ):
        assert link in rows(find), find
    for find in ("0", "999999999999999", "f" * 64, "nonsense", "-1"):
        assert link not in rows(find), find
        assert "No public registration here has that index" in rows(find), find
    assert "<script>" not in rows("<script>")
    assert client.get("/log", params={"find": "x" * 101}).status_code == 422


class Shown(HTMLParser):
    """The text of a page and the names for screen readers, but for what is marked as English, a command or a name."""

    APART = ("script", "style", "code", "pre")
    EMPTY = ("meta", "link", "img", "input", "br", "hr", "rect", "path", "polyline", "polygon", "image")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.apart = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if self.apart or tag in self.APART or named.get("lang") == "en":
            self.apart += tag not in self.EMPTY
        elif not named.get("hreflang"):
            self.texts += [named[name] or "" for name in ("alt", "aria-label", "content", "title") if name in named]

    def handle_endtag(self, tag: str) -> None:
        self.apart = max(0, self.apart - (tag not in self.EMPTY))

    def handle_data(self, data: str) -> None:
        if not self.apart:
            self.texts.append(data)


ENGLISH_WORDS = re.compile(
    r"\b(the|and|of|which|with|from|were|that|by|registered|entry|are|its?|this|has|have|not|no|or|current|withdrawn)\b",
    re.IGNORECASE,
)
"""What no German sentence has."""


def left_in_english(page: str, *strangers: str) -> list[str]:
    """Texts with English words in them, but for what strangers wrote."""
    texts = [" ".join(text.split()) for text in Shown(page).texts]
    for name in strangers:
        texts = [text.replace(name, "") for text in texts]
    return [text for text in texts if ENGLISH_WORDS.search(text)]


def test_the_search_for_english_would_notice() -> None:
    assert left_in_english("<p>Nothing of <b>it</b> is left</p>") == ["Nothing of", "it"]
    assert left_in_english('<p lang="en">Nothing <b>of it</b></p><img alt="a part of it">') == ["a part of it"]
    assert left_in_english("<p>Nichts davon wurde verändert</p><code>the code</code>") == []


def test_no_english_sentence_is_left_on_a_german_page(
    client: TestClient, registered: dict[str, Any], writer: dict[str, str], jpeg: Callable[..., bytes]
) -> None:
    parents = [{"record": registered["id"], "relation": "parentOf"}]
    claims = {"title": "Deich", "parents": parents, "digital_source_type": "digitalCapture"}
    derived = client.post(
        "/v1/assets",
        headers=writer,
        files={"file": ("x.jpg", jpeg(4711))},
        data={"metadata": json.dumps(claims)},
    )
    assert derived.status_code == 201, derived.text
    taken_back = {"record": derived.json()["id"], "reason": "Falsch"}
    assert client.post("/v1/withdrawals", headers=writer, json=taken_back).status_code == 201
    sealed = client.post(
        "/v1/assets",
        headers=writer,
        files={"file": ("x.jpg", jpeg(4712))},
        data={"metadata": json.dumps({"title": "Geheim", "visibility": "sealed"})},
    )
    assert sealed.status_code == 201, sealed.text
    german = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "de"}
    paths = (
        *("/", "/verify", "/log", "/log?find=0", f"/log?find={registered['index']}", "/nowhere"),
        *(f"/a/{derived.json()['id']}", f"/a/{registered['id']}", f"/a/{sealed.json()['id']}", "/a/none"),
        *(f"/publishers/{registered['publisher']['id']}", "/publishers/none"),
        f"/v1/verifications/{'0' * 32}",
    )
    left = {
        path: left_in_english(client.get(path, headers=german).text, *_written_by_publishers(client)) for path in paths
    }
    for name, data in {
        "withdrawn": jpeg(4711),
        "known": jpeg(1),
        "unknown": jpeg(4713),
        "broken": b"\xff\xd8\xff",
    }.items():
        page = client.post("/v1/verifications", files={"file": ("x.jpg", data)}, headers=german)
        left[name] = left_in_english(page.text, *_written_by_publishers(client))
    assert {path: texts for path, texts in left.items() if texts} == {}


def _written_by_publishers(client: TestClient) -> list[str]:
    items = client.get("/v1/assets", params={"limit": 100}).json()["items"]
    publishers = client.get("/v1/publishers").json()["items"]
    return [each["title"] for each in items if each["title"]] + [each["name"] for each in publishers]
