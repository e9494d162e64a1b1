"""What a reader sees in the panel and in the settings, in both browsers: a real registry answers, or fails to."""

import asyncio
import hashlib
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from countermark import Client
from starlette.responses import Response, StreamingResponse

from demo.alterations import PHOTOS
from tests.e2e.extension.between import Asked, Between, Reply, running_between, truthful
from tests.e2e.extension.browsers import Chromium, ExtendedBrowser, once
from tests.e2e.extension.reader import CLICKED, FIRST_SCREEN, Reader, as_source
from tests.e2e.extension.sites import encoded, photo, stated_as
from tests.e2e.pages.pictures import HOSTILE, altered_picture, encode, hostile_copy
from tests.patience import HUNG_SECONDS, MOMENT_SECONDS

TITLE = "A stream in the beech wood"
STREAM = (PHOTOS / "stream.jpg").read_bytes()
UNKNOWN = (PHOTOS / "dandelions.jpg").read_bytes()
ALTERED = encode(altered_picture(), "JPEG", quality=85)
QUESTIONS = (
    r"registered on \d+ \w+ \d{4}|has no file with these bytes|No match was found",
    r"differs: box \d+, [a-z]+|byte for byte|cropped, captioned or edited copy is found by comparing|No match",
    r"This registry's operator alone vouches|has no file with these bytes|No match",
    r"AI: the file",
)
"""Was it edited? Where? Who says so? Is it AI?"""


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    with running_between(tmp_path_factory.mktemp("between")) as between:
        assert between.service is not None
        with Client(between.service.url, api_key=between.service.api_key) as client:
            client.register(PHOTOS / "stream.jpg", title=TITLE, credit="Aitzol Berasategi")
        yield between


@pytest.fixture(scope="module")
def reader(extended: ExtendedBrowser) -> Reader:
    return Reader(extended)


@pytest.fixture
def entered(reader: Reader, between: Between) -> Iterator[Reader]:
    """A reader who has just entered the registry. In the end the browser has no complaint."""
    between.change = truthful
    reader.empty()
    assert reader.enter(between.url) is None
    between.asked.clear()
    yield reader
    between.change = truthful
    assert reader.watched == []


def paths(between: Between) -> list[str]:
    return [f"{asked.method} {asked.path}" for asked in between.asked]


# A picture that was clicked ------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["exact", "edited", "unknown"])
def test_the_first_900_pixels_answer_four_questions(entered: Reader, what: str) -> None:
    entered.check({"exact": STREAM, "edited": ALTERED, "unknown": UNKNOWN}[what])
    if what == "edited":
        entered.send()
    read = entered.read_above(FIRST_SCREEN)
    for question in QUESTIONS:
        assert re.search(question, read), (question, read)


def test_a_click_sends_digests_and_the_button_that_names_the_host_sends_the_picture(
    entered: Reader, between: Between
) -> None:
    entered.check(ALTERED)
    asked = [each for each in between.asked if each.method == "POST"]
    assert {each.path for each in asked} == {"/v1/lookups"}
    sent = [set(item) for each in asked for item in json.loads(each.body)["items"]]
    assert sent == [{"sha256"}, {"sha256", "pdq"}]  # the fingerprint, where the digest leads to nothing
    assert entered.text(".answer .button.large") == f"Send the picture to compare: {between.host}"
    told = entered.send()
    (upload,) = (asked for asked in between.asked if asked.path == "/v1/verifications")
    assert upload.body == ALTERED
    assert "One area differs: box 1, lower right" in told
    assert "9 of 11 steps hold, none fails" in told
    assert f"Content credential (C2PA), as {between.host} read it" in told


def test_both_pictures_are_shown_with_their_numbered_boxes(entered: Reader, between: Between) -> None:
    reports: list[Any] = []

    def note(asked: Asked, reply: Reply) -> Reply:
        reports.extend([reply.json] if asked.path == "/v1/verifications" else [])
        return reply

    altered = altered_picture()
    cropped = altered.crop((altered.width // 5, altered.height // 5, altered.width, altered.height))
    entered.check(encode(cropped, "JPEG", quality=85))
    between.change = note
    entered.send()
    shown = entered.tab.evaluate(
        """async () => {
            const pictures = [...document.querySelectorAll(".stage .frame > img:first-child")];
            await Promise.all(pictures.map((each) => each.decode()));
            const boxes = [...document.querySelectorAll(".stage .box")];
            const within = (box) => {
                const outer = box.closest(".frame").querySelector("img").getBoundingClientRect();
                const { left, top, right, bottom } = box.getBoundingClientRect();
                return {
                    left: (left - outer.left) / outer.width,
                    top: (top - outer.top) / outer.height,
                    right: (right - outer.left) / outer.width,
                    bottom: (bottom - outer.top) / outer.height,
                };
            };
            return {
                sizes: pictures.map((each) => each.naturalWidth),
                sources: pictures.map(({ src }) => src),
                boxes: boxes.map(within),
            };
        }"""
    )
    assert len(shown["sizes"]) == 2
    assert all(size >= 300 for size in shown["sizes"])
    assert all(source.startswith("blob:") for source in shown["sources"])
    (report,) = reports
    regions = report["matches"][0]["comparison"]["regions"]
    expected = [region[side] for side in ("query", "reference") for region in regions if region[side]]
    assert regions[0]["reference"]["left"] - regions[0]["query"]["left"] > 0.05  # so that none is taken for the other
    for box, place in zip(shown["boxes"], expected, strict=True):
        assert box == pytest.approx(place, abs=0.02)


def test_findings_are_in_the_language_that_the_report_has_them_in(entered: Reader, between: Between) -> None:
    def translate(asked: Asked, reply: Reply) -> Reply:
        if asked.path != "/v1/verifications":
            return reply
        said = reply.json
        for wording in said["headline"]["wordings"]:
            wording["sentences"] = {said["axes"]["credential"]["summary"]: "Die Datei hat keinen."}
        return reply.says(said)

    entered.check(ALTERED)
    between.change = translate
    assert "Die Datei hat keinen." in entered.send()


def test_an_exact_match_is_told_from_digests_alone_and_its_receipt_is_checked_here(
    entered: Reader, between: Between
) -> None:
    told = entered.check(STREAM)
    assert "Byte for byte a registered file" in told
    assert "The digest settles it" in told
    assert "Receipt checked by this browser: 10 of 11 steps hold, none fails" in told
    assert "The Test Daily" in told
    assert not any(STREAM in asked.body or b"pdq" in asked.body for asked in between.asked)
    rows = entered.tab.evaluate(
        """() => {
            const rows = [...document.querySelectorAll(".checks tbody tr")];
            return rows.map((row) => [...row.cells].map((cell) => cell.textContent));
        }"""
    )
    assert [row[0] for row in rows] == [str(number) for number in range(1, 12)]
    assert {row[3] for row in rows[:9]} == {"this browser"}
    assert rows[9][2:4] == ["not checked", "nobody"]  # the time stamp


def test_requests_carry_neither_cookie_nor_referrer_nor_the_page(entered: Reader, between: Between) -> None:
    between.change = lambda _, reply: Response(
        reply.body, reply.status, reply.headers | {"Set-Cookie": "reader=1; Path=/; SameSite=None"}
    )
    entered.check(ALTERED)
    entered.send()
    entered.check(STREAM)
    assert between.asked
    for asked in between.asked:
        assert not {"cookie", "referer", "authorization"} & set(asked.headers), asked.path


def test_requests_do_not_name_the_extension(entered: Reader, between: Between) -> None:
    entered.check(ALTERED)
    entered.send()
    entered.check(STREAM)
    assert {asked.headers.get("origin") for asked in between.asked} == {"null"}  # Firefox's name is the installation's
    assert "extension:" not in str([asked.headers for asked in between.asked])


def test_by_setting_only_a_prefix_is_sent_and_the_record_is_asked_for_on_demand(
    entered: Reader, between: Between
) -> None:
    entered.keep("asking", "prefix")
    told = entered.check(STREAM)
    assert set(paths(between)) == {"GET /.well-known/countermark.json", "GET /log/checkpoint", "GET /v1/lookups"}
    assert "does not know which one you have" in told
    entered.press(".answer .button.large")
    once(lambda: entered.has(".answer .stage"))
    assert "The digest settles it" in entered.text("#answers")
    told = entered.check(UNKNOWN)
    assert "that is all it was asked" in told


def test_two_registries_are_asked_at_once_and_what_leads_somewhere_comes_first(
    entered: Reader, between: Between, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_between(tmp_path_factory.mktemp("other")) as other:
        assert entered.enter(other.url) is None
        first = [each["address"] for each in entered.kept("registries")]
        assert first == [between.url, other.url]
        assert other.service is not None
        with Client(other.service.url, api_key=other.service.api_key) as client:
            client.register(PHOTOS / "dandelions.jpg", title="Dandelions")
        entered.check(UNKNOWN)
        hosts = "() => [...document.querySelectorAll('.answer')].map((each) => each.getAttribute('aria-label'))"
        assert entered.tab.evaluate(hosts) == [other.host, between.host]
        assert "Byte for byte" in entered.text(".answer:first-child")
        assert f"Send the picture to compare: {between.host}" in entered.text(".answer:last-child")


def later(reply: Reply, held: threading.Event) -> Response:
    """The same, once it is no longer held."""

    async def body() -> AsyncIterator[bytes]:
        await asyncio.to_thread(held.wait, HUNG_SECONDS)
        yield reply.body

    return StreamingResponse(body(), reply.status, reply.headers)


def about(between: Between, data: bytes, path: str = "") -> list[Asked]:
    """What was asked about a file."""
    digest = hashlib.sha256(data).hexdigest().encode()
    return [asked for asked in between.asked if asked.path.startswith(path) and digest in asked.body]


LOOKED_AT = """async (source) => {
    const { fingerprint } = await import("/countermark/fingerprint.js");
    await fingerprint(await (await fetch(source)).blob());
}"""


SHOWN = "() => document.querySelector('#picture img').src"


def test_only_the_newest_click_is_answered(entered: Reader, between: Between) -> None:
    """The first one is slow: its picture, and then its answer, which leads somewhere."""
    held = threading.Event()
    slow = f"{between.url}/stream.jpg"
    between.change = lambda asked, reply: (
        later(replace(reply, status=200).says(STREAM), held)
        if asked.path == "/stream.jpg"
        else later(reply, held)
        if asked.path == "/v1/verifications"
        else reply
    )
    entered.tab.evaluate(CLICKED, slow)
    once(lambda: "GET /stream.jpg" in paths(between))
    told = entered.check(UNKNOWN)
    shown = entered.tab.evaluate(SHOWN)
    held.set()
    time.sleep(MOMENT_SECONDS)
    assert entered.text("#answers") == told
    assert entered.tab.evaluate(SHOWN) == shown, "the picture above the answer is the one that was asked about"
    assert about(between, STREAM) == []

    held.clear()
    entered.tab.evaluate(CLICKED, as_source(STREAM))
    once(lambda: about(between, STREAM, "/v1/verifications"))
    entered.check(UNKNOWN)
    held.set()
    once(lambda: any("/receipt" in path for path in paths(between)))
    once(lambda: any("/thumbnail" in path for path in paths(between)))
    entered.tab.evaluate(LOOKED_AT, as_source(STREAM))  # as that answer's picture is, meanwhile
    time.sleep(MOMENT_SECONDS)
    assert entered.text("#answers") == told
    assert entered.tab.evaluate("() => !document.querySelector('#picture').hidden")


def test_a_click_in_another_window_is_left_to_its_own_panel(entered: Reader, between: Between) -> None:
    elsewhere = CLICKED.replace("windowId: id", "windowId: id + 1")
    entered.tab.evaluate(elsewhere, as_source(STREAM))
    time.sleep(MOMENT_SECONDS)
    entered.check(UNKNOWN)
    assert about(between, STREAM) == []


# Nothing is sent before a click ---------------------------------------------------------------------


def test_without_a_registry_the_panel_explains_and_asks_nobody(reader: Reader, between: Between) -> None:
    reader.empty()
    between.asked.clear()
    told = reader.check(STREAM)
    assert "Which registry do you want to ask?" in told
    assert "No registry is preset" in told
    assert between.asked == []


def test_a_panel_that_is_opened_again_asks_nothing_anew(
    entered: Reader, between: Between, extended: ExtendedBrowser
) -> None:
    entered.check(STREAM)
    between.asked.clear()
    again = Reader(extended)
    once(lambda: again.has("#answers > *"))
    assert "Nothing is read from a page, and nothing is sent, before that." in again.text("#answers")
    assert between.asked == []
    again.tab.close()


# What a registry may lack --------------------------------------------------------------------------


def failing(status: int, **headers: str) -> Response:
    body = json.dumps({"type": "about:blank", "title": "no", "status": status})
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(body, status, {"Access-Control-Expose-Headers": "Retry-After"} | fields)


FAILURES = {
    "throttled": (failing(429, Retry_After="7"), "takes no more requests from this address for now: try again in 7"),
    "busy": (failing(503, Retry_After="3"), "is busy: try again in 3 seconds"),
    "failing": (failing(500), "failed with status 500"),
    "older": (failing(404), "is of another version: it does not know this question"),
}


def stalls() -> Response:
    """An answer that begins and does not go on."""

    async def nothing() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    return StreamingResponse(nothing(), media_type="application/json")


def test_a_registry_that_does_not_come_to_an_end_is_told(entered: Reader, between: Between) -> None:
    between.change = lambda _, __: stalls()
    assert f"{between.host} did not answer within 60 seconds" in entered.check(STREAM)


UNFIT = {
    "200 megapixels": (
        stated_as(ALTERED, 20_000, 10_000),
        "image/jpeg",
        "The picture is too large to be read in this browser.",
    ),
    "1 × 1": (encoded(photo("stream.jpg", 2).resize((1, 1)), "PNG"), "image/png", "too small to lead anywhere."),
    "a page": (b"<!doctype html><p>No picture", "image/jpeg", "What lies at its address is no picture."),
    "a drawing": (
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "image/svg+xml",
        "which only the screen has as a picture.",
    ),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_cannot_be_checked_is_told_in_one_sentence_and_nothing_is_sent(
    entered: Reader, between: Between, what: str
) -> None:
    data, media_type, sentence = UNFIT[what]
    assert f"{sentence} Nothing was sent." in entered.check(data, media_type)
    assert between.asked == []


ENDED = """async () => {
    const frame = document.querySelector("iframe[sandbox]");
    await new Promise((onload) => Object.assign(frame, { onload, src: "about:blank" }));
    window.usual = window.setTimeout;
    window.setTimeout = (act, delay, ...args) => window.usual(act, delay / 1000, ...args);
}"""
"""The page that asks in a sandbox has ended; and seconds pass in milliseconds."""
AS_USUAL = "() => { window.setTimeout = window.usual; }"


def test_a_sandboxed_page_that_has_ended_is_not_waited_for_and_the_next_question_has_another(
    entered: Reader, between: Between
) -> None:
    entered.tab.evaluate(ENDED)
    entered.tab.evaluate(CLICKED, "http://127.0.0.1:9/photo.jpg")
    assert "could not be fetched from its address again. Nothing was sent." in entered.answer()
    entered.tab.evaluate(AS_USUAL)
    assert "Byte for byte" in entered.check(STREAM)
    entered.tab.evaluate(ENDED)
    assert f"{between.host} did not answer within 60 seconds" in entered.check(STREAM)
    entered.tab.evaluate(AS_USUAL)
    assert "Byte for byte" in entered.check(STREAM)


def test_of_a_picture_that_this_browser_cannot_decode_the_digest_is_asked_alone(
    entered: Reader, between: Between
) -> None:
    told = entered.check(encode(altered_picture(), "TIFF"), media_type="image/tiff")
    assert "This browser could not decode the picture" in told
    (item,) = json.loads(between.asked[0].body)["items"]
    assert set(item) == {"sha256"}


@pytest.mark.parametrize("what", FAILURES)
def test_a_registry_that_does_not_answer_is_told_in_one_sentence_and_asked_again(
    entered: Reader, between: Between, what: str
) -> None:
    answer, sentence = FAILURES[what]
    between.change = lambda _, __: answer
    told = entered.check(STREAM)
    assert f"{between.host} checked nothing" in told  # and no "no answer": some of these are answers
    assert f"{between.host} {sentence}" in told
    assert "this says nothing about the picture" in told
    between.change = truthful
    entered.press(".answer .notice button")
    once(lambda: entered.has(".answer .stage"))


def test_a_registry_that_is_down_is_told(entered: Reader) -> None:
    gone = "http://127.0.0.1:9"
    entered.keep("registries", [{"address": gone, "origin": "127.0.0.1:9/log", "operator": "Nobody"}])
    assert "127.0.0.1:9 could not be reached" in entered.check(STREAM)


def test_a_registry_that_refuses_the_picture_is_told(entered: Reader, between: Between) -> None:
    entered.check(UNKNOWN)
    for status, sentence in ((413, "examines no picture this large"), (422, "cannot examine this file")):
        between.change = lambda asked, reply, status=status: failing(status) if asked.method == "POST" else reply
        assert f"{between.host} {sentence}" in entered.send() or pytest.fail(entered.text("#answers"))
        between.change = truthful
        entered.check(UNKNOWN)


def test_a_receipt_that_cannot_be_had_leaves_the_report_as_the_registrys_word(
    entered: Reader, between: Between
) -> None:
    between.change = lambda asked, reply: failing(503) if "/receipt" in asked.path else reply
    told = entered.check(STREAM)
    assert f"nothing of this was checked here: it is the word of {between.host} alone" in told


FILL = """async () => {
    let size = 8_000_000;
    for (let at = 0; size >= 1; at += 1) {
        try {
            await chrome.storage.local.set({ [`fill${at}`]: "x".repeat(size) });
        } catch {
            size = Math.floor(size / 2);
        }
        if (at > 20 && size === 8_000_000) return false; // there is no bound
    }
    return true;
}"""


def test_full_storage_is_told_in_one_sentence(entered: Reader, between: Between) -> None:
    seen = entered.kept(f"log:{between.origin}")
    entered.keep(f"log:{between.origin}", {"keys": seen["keys"], "given": True, "note": None})
    is_bounded = entered.tab.evaluate(FILL)
    assert is_bounded == isinstance(entered.browser, Chromium)
    if is_bounded:
        assert entered.enter(between.url) == "storage_full"
        assert f"storage is full, so it could not remember the log of {between.host}" in entered.check(STREAM)
    entered.empty()


# Alarms ------------------------------------------------------------------------------------------------


def test_an_alarm_names_both_and_is_kept_with_its_evidence(entered: Reader, between: Between) -> None:
    shown = between.checkpoint()
    forked = between.signed(shown.size, b"\x01" * 32)
    between.change = lambda asked, reply: (
        reply.says(reply.json | {"checkpoint": forked}) if asked.path == "/v1/lookups" else reply
    )
    told = entered.check(STREAM)
    assert "This log contradicts itself" in told
    assert shown.root.hex()[:16] in told
    assert "0101010101010101" in told
    assert told.count(f"shown by {between.host}") == 2
    (alarm,) = entered.kept("alarms")
    assert alarm["served"] == forked
    assert alarm["remembered"]["note"] != forked
    evidence = entered.tab.evaluate("async () => (await fetch(document.querySelector('a[download]').href)).json()")
    assert evidence == alarm
    between.change = truthful
    assert "Byte for byte" in entered.check(STREAM)


def test_another_registry_that_shows_the_same_log_with_another_key_is_an_alarm_that_names_both(
    entered: Reader, between: Between, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_between(tmp_path_factory.mktemp("impostor"), origin=between.origin) as other:
        assert entered.enter(other.url) == "alarm_other_key"
        assert [each["address"] for each in entered.kept("registries")] == [between.url]
        (alarm,) = entered.kept("alarms")
        assert (alarm["remembered"]["shownBy"], alarm["servedBy"]) == (between.url, other.url)


def test_a_key_from_elsewhere_is_the_one_that_is_pinned(reader: Reader, between: Between) -> None:
    described = httpx2.get(f"{between.url}/.well-known/countermark.json", timeout=HUNG_SECONDS).json()
    reader.empty()
    assert reader.enter(between.url, described["log_keys"][0]) is None
    assert reader.kept(f"log:{between.origin}")["given"]
    reader.empty()
    stranger = f"{between.origin}+25b33dc8+AQQsav5k2d1cDVHQAl9uK/oemEYAl5RoDk91cWoX75bU"
    assert reader.enter(between.url, stranger) == "refused_no_key"
    assert reader.kept("registries") is None


# What strangers write ------------------------------------------------------------------------------


def test_scripts_in_every_field_are_text(entered: Reader, between: Between) -> None:
    assert between.service is not None
    enrolled = httpx2.post(
        f"{between.service.url}/v1/publishers",
        json={"id": "hostile", "name": HOSTILE},
        headers={"Authorization": f"Bearer {between.service.api_key}"},
        timeout=HUNG_SECONDS,
    )
    if enrolled.status_code == 201:
        with Client(between.service.url, api_key=between.service.api_key) as client:
            texts = {"title": HOSTILE, "caption": HOSTILE, "credit": HOSTILE, "licence": HOSTILE}
            asset = client.register(PHOTOS / "astronaut.jpg", **texts, publisher="hostile")
            client.withdraw(asset.id, HOSTILE)
    said = "<img src=x onerror=alert(1)>"
    told = entered.check((PHOTOS / "astronaut.jpg").read_bytes())
    assert told.count(said) >= 5
    entered.check(hostile_copy())
    assert said in entered.send()
    strange = "() => document.querySelectorAll('script:not([src]), img[src=x], [onerror]').length"
    assert entered.tab.evaluate(strange) == 0
    assert entered.watched == []  # neither a dialog nor a violation of the policy


# Everybody ---------------------------------------------------------------------------------------------


def test_a_log_that_hands_over_to_another_key_is_followed_and_the_settings_tell(
    entered: Reader, tmp_path_factory: pytest.TempPathFactory, extended: ExtendedBrowser
) -> None:
    with running_between(tmp_path_factory.mktemp("handing")) as other:
        assert other.service is not None
        with Client(other.service.url, api_key=other.service.api_key) as client:
            client.register(PHOTOS / "stream.jpg", title=TITLE)
        entered.empty()
        assert entered.enter(other.url) is None
        (before,) = entered.kept(f"log:{other.origin}")["keys"]
        other.rotate_key()
        told = entered.check(STREAM)
        assert "Byte for byte a registered file" in told
        assert "10 of 11 steps hold" in told
        assert entered.kept("alarms") is None
        assert before not in entered.kept(f"log:{other.origin}")["keys"]
        settings = Reader(extended, "options/options.html")
        once(lambda: settings.has(".registry"))
        assert f"handed over by key {before.split('+')[1]}, which was pinned before" in settings.text(".registry")
        settings.tab.close()
        assert entered.enter(other.url, before) is None  # whoever has the old key from elsewhere


def states(reader: Reader, between: Between) -> Iterator[str]:
    """The panel's states, one after the other."""
    yield "a report by digests" if reader.check(STREAM) else ""
    yield "nothing found" if reader.check(ALTERED) else ""
    yield "a report on the picture" if reader.send() else ""
    reader.tab.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    yield "all of it opened"
    between.change = lambda _, __: failing(503)
    yield "no answer" if reader.check(STREAM) else ""
    forked = between.signed(between.checkpoint().size, b"\x01" * 32)
    between.change = lambda asked, reply: (
        reply.says(reply.json | {"checkpoint": forked}) if asked.path == "/v1/lookups" else reply
    )
    yield "an alarm" if reader.check(STREAM) else ""
    between.change = lambda _, reply: reply.says([])
    yield "a refusal" if reader.check(STREAM) else ""
    between.change = truthful
    reader.keep("asking", "prefix")
    yield "what a prefix leads to" if reader.check(STREAM) else ""
    reader.empty()
    yield "no registry" if reader.check(STREAM) else ""


def test_no_state_of_the_panel_violates_a_rule_of_accessibility(entered: Reader, between: Between) -> None:
    seen = {state: entered.violations() for state in states(entered, between)}
    assert len(seen) == 9
    assert {state: found for state, found in seen.items() if found} == {}


@pytest.mark.parametrize("width", [320, 480])
def test_nothing_is_cut_off_in_a_narrow_panel(entered: Reader, between: Between, width: int) -> None:
    entered.resize(width, FIRST_SCREEN)
    for state in states(entered, between):
        for scheme in ("light", "dark"):
            entered.prefer(scheme)
            wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert entered.tab.evaluate(wide) <= 0, state
            assert entered.violations() == [], (state, scheme)
