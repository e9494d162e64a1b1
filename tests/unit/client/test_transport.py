"""What the two clients do when the network or the service misbehaves. Each test runs with both."""

import asyncio
import gzip
import json
import re
import socket
import ssl
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import httpx2
import pytest
from countermark import (
    AsyncClient,
    Client,
    CountermarkError,
    Digests,
    IdempotencyConflict,
    InvalidRequest,
    MediaTooLarge,
    NotFound,
    RateLimited,
    Reply,
    ServiceUnreachable,
    UnexpectedAnswer,
    WrongService,
    retries,
)
from countermark.content import CHUNK_BYTES
from countermark.pacing import Pace

from provenance.limits import MAX_ANSWER_BYTES, MAX_MEDIA_BYTES, MAX_PROBLEM_BYTES
from tests import replies
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS
from tests.replies import refuses, says
from tests.unit.client import story
from tests.unit.client.conftest import Ask
from tests.unit.client.story import PICTURE, RECORD

# Retries ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_invites_it_is_retried(ask: Ask, service: story.Service, status: int) -> None:
    service.will(says("busy", status, "text/plain"), says("busy", status, "text/plain"), says({"status": "ok"}))
    ask("ready")
    assert len(service.asked) == 3


@pytest.mark.usefixtures("impatient")
def test_two_retries_are_made_and_no_more(ask: Ask, service: story.Service) -> None:
    service.will(refuses("store-unavailable", 503))
    with pytest.raises(CountermarkError):
        ask("ready")
    assert len(service.asked) == 3


def test_retries_can_be_switched_off(ask: Ask, service: story.Service) -> None:
    service.will(refuses("store-unavailable", 503))
    with pytest.raises(CountermarkError):
        ask("ready", options={"max_retries": 0})
    assert len(service.asked) == 1


@pytest.mark.parametrize(("slug", "status"), [("not-found", 404), ("conflict", 409), ("invalid-request", 422)])
def test_an_answer_that_another_try_cannot_change_is_not_retried(
    ask: Ask, service: story.Service, slug: str, status: int
) -> None:
    service.will(refuses(slug, status))
    with pytest.raises(CountermarkError):
        ask("ready")
    assert len(service.asked) == 1


@pytest.mark.timing
def test_retry_after_is_honoured(ask: Ask, service: story.Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 100 * HUNG_SECONDS)
    monkeypatch.setattr(retries, "LONGEST_WAIT", 100 * HUNG_SECONDS)
    service.will(refuses("rate-limited", 429, Retry_After="0.3"), says({"status": "ok"}))
    started = time.monotonic()
    ask("ready")
    assert time.monotonic() - started >= 0.3


def test_a_wait_of_more_than_two_minutes_is_the_callers_decision(ask: Ask, service: story.Service) -> None:
    service.will(refuses("rate-limited", 429, Retry_After="121"))
    with pytest.raises(RateLimited) as raised:
        ask("ready")
    assert raised.value.retry_after == 121
    assert len(service.asked) == 1


@pytest.mark.usefixtures("impatient")
def test_every_try_of_a_registration_carries_the_same_idempotency_key(ask: Ask, service: story.Service) -> None:
    service.will(story.uploaded(), replies.breaks, refuses("overloaded", 503), story.registered())
    ask("register", PICTURE, title="Path")
    keys = [asked.headers["Idempotency-Key"] for asked in service.asked if asked.method == "POST"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_registrations_have_different_idempotency_keys(ask: Ask, service: story.Service) -> None:
    for _ in range(2):
        service.will(story.uploaded(), story.registered())
        ask("register", PICTURE)
    assert len({asked.headers["Idempotency-Key"] for asked in service.asked if asked.method == "POST"}) == 2


def test_a_retry_that_meets_its_own_first_try_waits_for_it(ask: Ask, service: story.Service) -> None:
    still_running = refuses("idempotency-conflict", 409, Retry_After="0.01")
    service.will(story.uploaded(), still_running, story.registered())
    assert ask("register", PICTURE).id == RECORD


def test_an_idempotency_key_of_another_request_is_a_conflict(ask: Ask, service: story.Service) -> None:
    service.will(refuses("idempotency-conflict", 409))
    with pytest.raises(IdempotencyConflict) as raised:
        ask("withdraw", RECORD, "wrong picture")
    assert raised.value.retry_after is None
    assert len(service.asked) == 1


@pytest.mark.usefixtures("impatient")
def test_a_retried_upload_sends_the_file_again_from_its_start(ask: Ask, service: story.Service, tmp_path: Path) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(PICTURE * 20_000)
    service.will(refuses("overloaded", 503), says(story.report()))
    ask("verify", file)
    assert [asked.body for asked in service.asked] == [PICTURE * 20_000] * 2


# Connections ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [replies.breaks, replies.stops_half_way, replies.babbles], ids=lambda a: a.__name__)
def test_a_broken_connection_is_retried_and_then_unreachable(
    ask: Ask, service: story.Service, answer: replies.Answer
) -> None:
    service.will(answer)
    with pytest.raises(ServiceUnreachable, match=service.url):
        ask("ready")
    assert len(service.asked) == 3


@pytest.mark.usefixtures("impatient")
def test_nothing_listening_is_unreachable(ask: Ask) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ServiceUnreachable, match=url):
            ask("ready", options={"url": url})


@pytest.mark.timing
def test_an_answer_that_takes_too_long_is_unreachable(ask: Ask, service: story.Service) -> None:
    released = threading.Event()
    service.will(replies.waits_for(released))
    with pytest.raises(ServiceUnreachable):
        ask("ready", options={"timeout": EXPIRING_SECONDS, "max_retries": 0})
    released.set()


def test_https_to_a_service_without_it_is_unreachable(ask: Ask, service: story.Service) -> None:
    service.will(replies.breaks)
    url = service.url.replace("http:", "https:")
    with pytest.raises(ServiceUnreachable) as raised:
        ask("ready", options={"url": url, "max_retries": 0})
    assert not isinstance(raised.value, ssl.SSLError)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "xn--a.example"])
def test_a_host_name_that_cannot_be_is_one_of_our_errors(ask: Ask, host: str) -> None:
    with pytest.raises((InvalidRequest, ServiceUnreachable)):
        ask("ready", options={"url": f"http://{host}:9", "max_retries": 0, "timeout": HUNG_SECONDS})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "registry.example",
        "ftp://registry.example",
        "http://",
        "http://user:word@registry.example",
        "https://registry.example?a=b",
        "https://registry.example/#top",
        "http://registry.example:port",
        "http://registry.example:99999999",
        "http://registry.example/\r\nHost: other",
        "http://[::1",
        "http://\udcff.example",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(ask: Ask, url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"the service.s URL"):
        ask("ready", options={"url": url})


@pytest.mark.parametrize("key", ["cmk_a\r\nX-Admin: yes", "cmk_ä", "cmk_a b", "cmk_\x00"])
def test_an_api_key_that_no_header_can_carry_is_refused(ask: Ask, service: story.Service, key: str) -> None:
    with pytest.raises(InvalidRequest, match="API key"):
        ask("ready", options={"api_key": key})
    assert service.asked == []


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"timeout": float("nan")}, {"timeout": float("inf")}, {"max_retries": -1}]
)
def test_options_that_cannot_be_meant_are_refused(ask: Ask, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        ask("ready", options=options)


@pytest.mark.parametrize(
    ("name", "value"), [("HTTP_PROXY", "nonsense://proxy"), ("SSL_CERT_FILE", "/no/such/file"), ("ALL_PROXY", "a b")]
)
def test_an_environment_that_cannot_be_used_is_one_of_our_errors(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises((InvalidRequest, ServiceUnreachable)):
        ask("ready", options={"url": "http://registry.invalid", "max_retries": 0})


def test_a_redirect_is_not_followed(ask: Ask, service: story.Service) -> None:
    service.will(says("elsewhere", 307, Location=f"{service.url}/elsewhere"))
    with pytest.raises(UnexpectedAnswer, match="307"):
        ask("asset", RECORD, options={"api_key": "cmk_a_b"})
    assert len(service.asked) == 1


def test_the_api_key_is_sent_as_a_bearer_token(ask: Ask, service: story.Service) -> None:
    service.will(says({"status": "ok"}))
    ask("ready", options={"api_key": "cmk_a_b"})
    ask("ready")
    assert [asked.headers.get("Authorization") for asked in service.asked] == ["Bearer cmk_a_b", None]


def test_a_service_under_a_path_is_asked_there(ask: Ask, service: story.Service) -> None:
    service.will(says({"status": "ok"}))
    ask("ready", options={"url": f"{service.url}/countermark/"})
    assert service.asked[0].path == "/countermark/readyz"


@pytest.mark.parametrize("identity", ["", "../../log/checkpoint", "5E" * 32, RECORD + "/x", RECORD + "\n", "%2e%2e"])
def test_a_malformed_name_never_becomes_part_of_an_address(ask: Ask, service: story.Service, identity: str) -> None:
    for method in ("asset", "receipt", "record", "report", "publisher_keys", "verify_digests"):
        with pytest.raises(InvalidRequest):
            ask(method, identity)
    with pytest.raises(InvalidRequest):
        ask("lookup", [identity])
    assert service.asked == []


def test_a_record_can_be_named_by_its_urn(ask: Ask, service: story.Service) -> None:
    service.will(says(story.asset()))
    ask("asset", f"urn:countermark:record:{RECORD}")
    assert service.asked[0].path == f"/v1/assets/{RECORD}"


# The caller's own connections, and what it may see ---------------------------------------------


def test_a_client_of_ones_own_is_used_and_stays_open(service: story.Service) -> None:
    service.will(says({"status": "ok"}))
    with httpx2.Client(headers={"X-Mine": "yes"}) as http:
        with Client(service.url, api_key="cmk_a_b", http_client=http) as client:
            client.ready()
        assert not http.is_closed
        client.ready()
    with pytest.raises(InvalidRequest, match="closed"):
        client.ready()
    assert {asked.headers["X-Mine"] for asked in service.asked} == {"yes"}
    assert {asked.headers["Authorization"] for asked in service.asked} == {"Bearer cmk_a_b"}

    async def through_ones_own() -> bool:
        async with httpx2.AsyncClient() as http:
            async with AsyncClient(service.url, http_client=http) as client:
                await client.ready()
            return not http.is_closed

    assert asyncio.run(through_ones_own())


@pytest.mark.usefixtures("impatient")
def test_each_response_can_be_seen_as_it_was_received(service: story.Service) -> None:
    service.will(refuses("overloaded", 503), says({"status": "ok"}, X_Kind="new"))
    seen: list[Reply] = []
    with Client(service.url) as client:
        client.with_options(on_reply=seen.append).ready()
        client.ready()
    assert [each.status for each in seen] == [503, 200]
    assert seen[1].headers["x-kind"] == "new"
    assert json.loads(seen[1].body) == {"status": "ok"}


@pytest.mark.usefixtures("impatient")
def test_requests_and_waits_are_logged_without_the_key(
    ask: Ask, service: story.Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="countermark")
    service.will(refuses("overloaded", 503), says({"status": "ok"}))
    ask("ready", options={"api_key": "cmk_secret"})
    first, wait, second = (record.getMessage() for record in caplog.records if record.name == "countermark")
    assert re.fullmatch(r"GET /readyz: status 503 in \d\.\d{3} s", first)
    assert re.fullmatch(r"GET /readyz: status 503, again in \d\.\d s", wait)
    assert re.fullmatch(r"GET /readyz: status 200 in \d\.\d{3} s", second)
    assert "secret" not in caplog.text


# Pace -------------------------------------------------------------------------------------------

NONE = {"items": [{"sha256": "ab" * 32, "matches": [], "more": False}], "checkpoint": "note"}


@pytest.mark.timing
@pytest.mark.parametrize(("left", "waits"), [("1", False), ("0", True)])
def test_a_client_waits_until_the_service_allows_more(
    service: story.Service, caplog: pytest.LogCaptureFixture, left: str, waits: bool
) -> None:
    caplog.set_level("INFO", logger="countermark")
    service.will(says(NONE, RateLimit=f'"lookups";r={left};t=1'), says(NONE))
    started = time.monotonic()
    with Client(service.url) as client:
        client.lookup(["ab" * 32])
        client.with_options(timeout=HUNG_SECONDS).lookup(["ab" * 32])
    assert (time.monotonic() - started >= 0.9) == waits or not waits
    assert ("no more lookups until then" in caplog.text) == waits


def test_a_longer_wait_than_the_caller_allows_is_refused_before_anything_is_sent(
    ask: Ask, service: story.Service
) -> None:
    service.will(says(NONE, RateLimit='"lookups";r=20;t=3600, "reads";r=0;t=3600'))
    with Client(service.url, max_wait=5) as client:
        client.lookup(["ab" * 32])
        with pytest.raises(RateLimited, match=r"no more lookups for 3[56]") as refused:
            client.lookup([Digests("ab" * 32, pdq=("cd" * 32, 90), phash="ef" * 8)])  # counts for 21
        assert 3500 < refused.value.retry_after <= 3600
        client.lookup(["ab" * 32] * 1)
        with pytest.raises(RateLimited, match="no more reads"):
            client.publishers()
    assert len(service.asked) == 2


def test_what_a_client_has_asked_for_since_counts_against_the_rate(service: story.Service) -> None:
    service.will(says(NONE, RateLimit='"lookups";r=2;t=3600'), says(NONE))
    with Client(service.url, max_wait=5) as client:
        for _ in range(3):
            client.lookup(["ab" * 32])
        with pytest.raises(RateLimited, match="no more lookups"):
            client.lookup(["ab" * 32])
    assert len(service.asked) == 3


@pytest.mark.parametrize(
    "header", ["", "lookups", '"lookups";r=-1;t=5', '"lookups";r=1', "\x00", '"lookups";r=0;t=1e9']
)
def test_a_malformed_rate_is_ignored(service: story.Service, header: str) -> None:
    pace = Pace()
    pace.note({"ratelimit": header})
    assert pace.take("lookups", 1_000) == 0


# Another service --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        says(b"<html>", 404, "text/html"),
        says(b"<html>", 200, "text/html"),
        says(b"welcome", 200, "text/plain"),
        says(b"welcome", 200, ""),
        says(b"no", 405, "text/plain"),
        says({"error": "no such page"}, 400),
        refuses("not-found", 404),
        refuses("method-not-allowed", 405),
    ],
)
def test_an_address_that_is_no_service_of_this_kind_is_a_usage_error(
    ask: Ask, service: story.Service, answer: Any
) -> None:
    service.will(answer)
    for method, asked in (("lookup", ["ab" * 32]), ("verify", PICTURE), ("publishers", None)):
        with pytest.raises(WrongService, match=r"is not a Countermark service") as refused:
            ask(method, *([] if asked is None else [asked]))
        assert refused.value.exit_status == 2
        assert service.url in str(refused.value)


def test_what_a_service_does_not_have_is_no_other_service(ask: Ask, service: story.Service) -> None:
    service.will(refuses("not-found", 404))
    for method, asked in (("asset", RECORD), ("report", "7f" * 16), ("publisher_keys", "daily")):
        with pytest.raises(NotFound):
            ask(method, asked)


# Answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"id": 1}',
        json.dumps(story.asset(title="\ud800")).encode(),
        json.dumps(story.asset(logged_at="yesterday")).encode(),
    ],
)
def test_an_answer_of_another_form_is_unexpected(ask: Ask, service: story.Service, body: bytes) -> None:
    service.will(says(body))
    with pytest.raises(UnexpectedAnswer) as raised:
        ask("asset", RECORD)
    assert raised.value.request_id == "req_1"
    assert len(str(raised.value)) < 500


def test_fields_that_a_newer_service_adds_are_ignored(ask: Ask, service: story.Service) -> None:
    service.will(says(story.asset(mood="sunny")))
    assert ask("asset", RECORD).title == "Path below the Picos de Europa"


def test_an_answer_that_never_ends_is_given_up(ask: Ask, service: story.Service) -> None:
    service.will(replies.never_ends())
    tracemalloc.start()
    try:
        with pytest.raises(UnexpectedAnswer, match="more than") as raised:
            ask("asset", RECORD)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_ANSWER_BYTES
    finally:
        tracemalloc.stop()
    assert raised.value.request_id == "req_1"


def test_a_small_answer_that_unpacks_to_a_giant_one_is_given_up(ask: Ask, service: story.Service) -> None:
    packed = gzip.compress(bytes(8 * MAX_ANSWER_BYTES))
    service.will(says(packed, Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(UnexpectedAnswer, match="more than"):
            ask("asset", RECORD)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_ANSWER_BYTES
    finally:
        tracemalloc.stop()


def test_an_answer_that_says_it_is_packed_and_is_not_is_one_of_our_errors(ask: Ask, service: story.Service) -> None:
    service.will(says(b"plain", Content_Encoding="gzip"))
    with pytest.raises(ServiceUnreachable):
        ask("asset", RECORD)


def test_an_error_answer_that_never_ends_is_given_up(ask: Ask, service: story.Service) -> None:
    service.will(replies.never_ends(500))
    with pytest.raises(UnexpectedAnswer, match=f"{MAX_PROBLEM_BYTES:,}"):
        ask("asset", RECORD)


def test_a_web_page_instead_of_a_file_is_unexpected(ask: Ask, service: story.Service) -> None:
    service.will(says(b"<html>Welcome to the hotel</html>", media_type="text/html"))
    for method in ("receipt", "credentialed", "manifest", "thumbnail"):
        with pytest.raises(UnexpectedAnswer):
            ask(method, RECORD)


def test_a_record_with_another_digest_is_unexpected(ask: Ask, service: story.Service) -> None:
    service.will(says(b'{"type":"asset.registered"}', media_type="application/vnd.countermark.record+json"))
    with pytest.raises(UnexpectedAnswer, match="SHA-256"):
        ask("record", RECORD)


def test_a_registration_of_another_picture_is_unexpected(ask: Ask, service: story.Service) -> None:
    service.will(story.uploaded(), story.registered())
    with pytest.raises(UnexpectedAnswer, match="another picture"):
        ask("register", b"another picture")


# Files ------------------------------------------------------------------------------------------


def test_progress_is_told_in_steps_up_to_the_whole(ask: Ask, service: story.Service, tmp_path: Path) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(bytes(3 * CHUNK_BYTES + 1))
    told: list[tuple[int, int]] = []
    service.will(says(story.report()))
    ask("verify", file, progress=lambda sent, size: told.append((sent, size)))
    size = 3 * CHUNK_BYTES + 1
    assert told == [(sent, size) for sent in (CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES, size)]
    assert service.asked[0].headers["Content-Length"] == str(size)


def test_a_refusal_that_comes_before_the_upload_is_through_is_understood(ask: Ask, service: story.Service) -> None:
    service.will(replies.WithoutReading(refuses("not-found", 404)))
    with pytest.raises((WrongService, ServiceUnreachable)):
        ask("verify", bytes(8_000_000), options={"max_retries": 0})


def test_a_file_over_the_limit_is_never_sent(ask: Ask, service: story.Service, tmp_path: Path) -> None:
    file = tmp_path / "giant.tif"
    with file.open("wb") as sparse:
        sparse.truncate(MAX_MEDIA_BYTES + 1)
    with pytest.raises(MediaTooLarge):
        ask("verify", file)
    assert service.asked == []


def test_a_file_that_shrinks_while_it_is_sent_is_named(ask: Ask, service: story.Service, tmp_path: Path) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(bytes(4 * CHUNK_BYTES))
    service.will(says(story.report()))
    with pytest.raises(InvalidRequest, match=r"picture\.jpg changed"):
        ask("verify", file, progress=lambda *_: file.write_bytes(b""))
