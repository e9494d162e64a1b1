"""Audits against a service that answers as told: what is asked, what is repeated, and what a bad service can do."""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from countermark import InvalidRequest, WrongService, retries
from countermark.audit import AuditPolicy, Options, Sources, Stopped, audit_async, engine, patience, verify_folder
from countermark.audit.state import State
from countermark.audit.summary import read_summary
from countermark.defaults import DEFAULT_MAX_WAIT

from provenance.errors import StoreLocked, StoreUnavailable
from provenance.transparency.note import COSIGNATURE_V1, VerifierKey
from tests.logs.records import signer
from tests.patience import HUNG_SECONDS, MOMENT_SECONDS, eventually
from tests.receipt_vectors import RECORD
from tests.replies import Answer, breaks, refuses, says
from tests.unit.client.audited import (
    CHECKPOINT,
    LOG_KEY,
    REGISTERED,
    Registry,
    digest_list,
    match,
    registry,
    reported,
    run_audit,
    sha256,
)
from tests.unit.client.story import hearing_ctrl_c
from tests.unit.verification.pictures import MOUNTAINS, ROCKET, photo

OTHER_LOG_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


@pytest.fixture
def service() -> Iterator[Registry]:
    with registry() as service:
        yield service


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.jpg").write_bytes(name.encode())
    return folder


def registered() -> Sources:
    """A list with the digest of the file that the service's receipt is about."""
    return digest_list({"registered.jpg": REGISTERED})


def buckets(items: list[object]) -> dict[str, str]:
    return {item.path.rpartition("/")[2]: item.outcome.bucket.value for item in items}  # type: ignore[attr-defined]


def test_what_was_not_sent_is_not_compared_and_what_was_is_not_found(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    assert set(buckets(run_audit(service, [files], tmp_path / "never")).values()) == {"not_compared"}
    assert service.sent == []
    assert set(buckets(run_audit(service, [files], tmp_path / "sent", send="unsettled")).values()) == {"not_found"}
    assert sorted(service.sent) == sorted(map(sha256, (b"a", b"b", b"c")))


def test_what_a_look_up_settles_is_not_sent_unless_everything_is(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    service.known[sha256(b"a")] = [match(record="77" * 32, basis="pixels")]
    run_audit(service, [files], tmp_path / "unsettled", send="unsettled", receipts=False)
    assert sorted(service.sent) == sorted(map(sha256, (b"b", b"c")))
    service.sent.clear()
    run_audit(service, [files], tmp_path / "all", send="all", receipts=False)
    assert len(service.sent) == 3


@pytest.mark.parametrize("send", ["never", "unsettled"])
def test_only_what_its_bytes_do_not_settle_is_decoded_and_fingerprints_are_for_what_is_not_sent(
    send: str, service: Registry, files: Path, tmp_path: Path
) -> None:
    (files / "picture.jpg").write_bytes(photo(MOUNTAINS))
    (files / "registered.jpg").write_bytes(photo(ROCKET))
    service.known[sha256(photo(ROCKET))] = [match(record="77" * 32)]
    found = buckets(run_audit(service, [files], tmp_path / "out", send=send, pictures=True, receipts=False))
    assert found["registered.jpg"] == "identical"
    assert found["a.jpg"] == "could_not_check", "what is no picture is known here, and not sent"
    asked = {name: set[str]() for name in ("picture.jpg", "registered.jpg")}
    for question in service.questions:
        for name, kinds in asked.items():
            if question["sha256"] == sha256((files / name).read_bytes()):
                kinds |= {kind for kind, value in question.items() if value is not None}
    assert asked["registered.jpg"] == {"sha256"}
    prints = {"pdq", "phash"} if send == "never" else set[str]()
    assert asked["picture.jpg"] == {"sha256", "pixels_sha256"} | prints
    assert service.sent == ([] if send == "never" else [sha256(photo(MOUNTAINS))])


def test_a_file_that_changes_between_hashing_and_decoding_is_looked_up_as_what_it_has_become(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    (files / "a.jpg").write_bytes(photo(MOUNTAINS))
    service.known[sha256(photo(ROCKET))] = [match(record="77" * 32)]
    looked_up = service._answer

    def replacing(path: str, body: bytes) -> Answer:
        (files / "a.jpg").write_bytes(photo(ROCKET))
        return looked_up(path, body)

    service._answer = replacing  # type: ignore[method-assign]
    found = run_audit(service, [files / "a.jpg"], tmp_path / "out", send="unsettled", pictures=True, receipts=False)
    assert buckets(found) == {"a.jpg": "identical"}
    assert found[0].sha256 == sha256(photo(ROCKET))
    assert service.sent == []


def test_a_file_that_changes_after_it_was_looked_up_is_not_sent(service: Registry, files: Path, tmp_path: Path) -> None:
    looked_up = service._answer

    def replacing(path: str, body: bytes) -> Answer:
        (files / "a.jpg").write_bytes(b"changed")
        return looked_up(path, body)

    service._answer = replacing  # type: ignore[method-assign]
    (item,) = run_audit(service, [files / "a.jpg"], tmp_path / "out", send="unsettled")
    assert (item.outcome.bucket.value, item.outcome.reason) == ("could_not_check", "unreadable")
    assert item.outcome.detail == "it changed after it was hashed"
    assert service.sent == []


def test_of_files_with_the_same_bytes_one_is_sent(service: Registry, files: Path, tmp_path: Path) -> None:
    (files / "d.jpg").write_bytes(b"a")
    items = run_audit(service, [files], tmp_path / "out", send="unsettled")
    assert buckets(items)["d.jpg"] == "not_found"
    assert sorted(service.sent) == sorted(map(sha256, (b"a", b"b", b"c")))


def test_the_receipt_of_a_record_is_fetched_once_checked_and_kept(service: Registry, tmp_path: Path) -> None:
    service.known[REGISTERED] = [match()]
    lines = digest_list({"a.jpg": REGISTERED, "b.jpg": REGISTERED})
    items = run_audit(service, lines, tmp_path / "out", log_keys=[LOG_KEY])
    assert buckets(items) == {"a.jpg": "identical", "b.jpg": "identical"}
    assert [item.title for item in items] == ["Straße – «été» 🌒"] * 2
    asked = [path for path in service.asked if RECORD in path]
    assert asked == [f"GET /v1/records/{RECORD}/receipt?format=countermark"]
    assert (tmp_path / "out" / "receipts" / RECORD[:2] / f"{RECORD}.countermark").is_file()
    assert read_summary(tmp_path / "out")["receipts"] == {
        "holds": 1,
        "fails": 0,
        "missing": 0,
        "unchecked": 0,
        "log_key_pinned": True,
    }


def checked_offline(folder: Path, *log_keys: str) -> dict[str, str]:
    return {each.what: each.outcome for each in verify_folder(folder, AuditPolicy(log_keys=log_keys))}


def test_receipts_are_checked_again_without_the_service(service: Registry, tmp_path: Path) -> None:
    service.known[REGISTERED] = [match()]
    out = tmp_path / "out"
    run_audit(service, registered(), out, log_keys=[LOG_KEY])
    assert checked_offline(out, LOG_KEY)["receipts"] == "holds"
    assert checked_offline(out)["receipts"] == "not checked", "nobody says that the log's key is the right one"
    assert checked_offline(out, OTHER_LOG_KEY)[f"receipt {RECORD}"] == "fails"
    (out / "items.jsonl").write_text((out / "items.jsonl").read_text().replace(REGISTERED, "ab" * 32))
    assert checked_offline(out, LOG_KEY)[f"receipt {RECORD}"] == "fails", "it is of another file"
    receipt = out / "receipts" / RECORD[:2] / f"{RECORD}.countermark"
    receipt.write_bytes(receipt.read_bytes().replace(b"index ", b"index 1"))
    (out / "items.jsonl").write_text((out / "items.jsonl").read_text().replace("identical", "same_picture"))
    assert checked_offline(out, LOG_KEY)[f"receipt {RECORD}"] == "fails", "it does not hold"


def test_the_place_of_the_checkpoints_in_the_log_is_checked_again_without_the_service(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    run_audit(service, [files], tmp_path / "out")
    assert read_summary(tmp_path / "out")["checkpoints"]["consistency"]["outcome"] == "holds"
    assert checked_offline(tmp_path / "out", LOG_KEY)["checkpoints"] == "holds"
    assert checked_offline(tmp_path / "out", OTHER_LOG_KEY)["checkpoints"] == "fails"
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    origin, size, root, *rest = CHECKPOINT.split("\n")
    for last in (f"{origin}\n{int(size) + 1}\n{root}\n" + "\n".join(rest), "no checkpoint"):
        summary["checkpoints"]["last"] = last
        (tmp_path / "out" / "summary.json").write_text(json.dumps(summary))
        assert checked_offline(tmp_path / "out")["checkpoints"] == "fails", last


# A service that lies ------------------------------------------------------------------------------


def test_a_record_of_another_file_makes_nothing_identical(service: Registry, files: Path, tmp_path: Path) -> None:
    service.known[sha256(b"a")] = [match()]
    item = run_audit(service, [files / "a.jpg"], tmp_path / "out")[0]
    assert (item.outcome.bucket.value, item.outcome.reason) == ("could_not_check", "proof")
    assert "another file" in item.outcome.detail


def test_a_receipt_that_does_not_hold_takes_back_what_the_service_said(service: Registry, tmp_path: Path) -> None:
    service.known[REGISTERED] = [match()]
    broken = json.loads(service.receipts[RECORD])
    broken["subject"]["proof"] = broken["subject"]["proof"].replace("index ", "index 1")
    service.receipts[RECORD] = json.dumps(broken, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    item = run_audit(service, registered(), tmp_path / "out")[0]
    assert (item.outcome.bucket.value, item.outcome.reason) == ("could_not_check", "proof")


def test_a_receipt_of_a_log_that_the_policy_does_not_name_proves_nothing(service: Registry, tmp_path: Path) -> None:
    service.known[REGISTERED] = [match()]
    item = run_audit(service, registered(), tmp_path / "out", log_keys=[OTHER_LOG_KEY])[0]
    assert (item.outcome.bucket.value, item.outcome.reason) == ("could_not_check", "proof")
    items = run_audit(service, registered(), tmp_path / "out", log_keys=[LOG_KEY])
    assert items[0].outcome.bucket == "identical", "under other keys the kept receipt is checked anew"
    assert sum("receipt" in path for path in service.asked) == 1


@pytest.mark.parametrize(("quorum", "bucket"), [("alpha", "could_not_check"), ("none", "identical")])
def test_a_receipt_without_the_cosignatures_of_the_policy_proves_nothing(
    service: Registry, tmp_path: Path, quorum: str, bucket: str
) -> None:
    service.known[REGISTERED] = [match()]
    witness = VerifierKey("alpha.example", COSIGNATURE_V1, signer("witness alpha").public_key.raw)
    text = f"log {LOG_KEY} https://log.example/log\nwitness alpha {witness}\nquorum {quorum}\n"
    policy = AuditPolicy(tlog_policy=text.encode())
    item = run_audit(service, registered(), tmp_path / "out", policy=policy)[0]
    assert item.outcome.bucket.value == bucket
    assert ("lacks cosignatures" in item.outcome.detail) == (bucket == "could_not_check")


def test_a_missing_receipt_leaves_the_audit_incomplete_only_in_the_summary(service: Registry, tmp_path: Path) -> None:
    service.known[REGISTERED] = [match()]
    service.receipts.clear()
    items = run_audit(service, registered(), tmp_path / "out")
    assert buckets(items) == {"registered.jpg": "identical"}
    assert read_summary(tmp_path / "out")["receipts"]["missing"] == 1


def test_an_answer_about_other_files_is_no_answer(service: Registry, files: Path, tmp_path: Path) -> None:
    service.answers += [says({"items": [], "checkpoint": CHECKPOINT})] * 9
    with pytest.raises(Stopped, match="cannot be asked: the answer to a lookup is about other files"):
        run_audit(service, [files / "a.jpg"], tmp_path / "lied")


def test_a_report_about_another_file_is_no_answer(service: Registry, files: Path, tmp_path: Path) -> None:
    service.reports[sha256(b"a")] = says(reported(b"other", "EXACT_MATCH"))
    item = run_audit(service, [files / "a.jpg"], tmp_path / "out", send="unsettled")[0]
    assert (item.outcome.bucket.value, item.outcome.reason) == ("could_not_check", "server")


def test_a_log_that_was_rolled_back_between_two_answers_is_told(service: Registry, files: Path, tmp_path: Path) -> None:
    run_audit(service, [files / "a.jpg"], tmp_path / "out")
    smaller = CHECKPOINT.splitlines(keepends=True)
    smaller[1] = "1\n"
    service.checkpoint = "".join(smaller)
    (files / "a.jpg").write_bytes(b"changed")
    run_audit(service, [files / "a.jpg"], tmp_path / "out")
    assert read_summary(tmp_path / "out")["checkpoints"]["consistency"]["outcome"] == "fails"


def test_no_more_requests_are_at_work_than_were_allowed(service: Registry, files: Path, tmp_path: Path) -> None:
    at_work, most = 0, 0
    counting, three = threading.Lock(), threading.Barrier(3, timeout=HUNG_SECONDS)

    def answer(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        nonlocal at_work, most
        with counting:
            at_work += 1
            most = max(most, at_work)
        three.wait()
        time.sleep(MOMENT_SECONDS)  # while a fourth could arrive
        with counting:
            at_work -= 1
        says(reported(data, "NO_MATCH_FOUND", matches=[]))(handler)

    for number in range(12):
        data = b"%d" % number
        (files / f"{number}.jpg").write_bytes(data)
        service.reports[sha256(data)] = partial(answer, data=data)
    run_audit(service, [files], tmp_path / "out", send="unsettled", in_flight=3)
    assert most == 3


# A service that fails -----------------------------------------------------------------------------


def test_five_refused_connections_in_a_row_end_the_audit_and_the_rest_is_not_asked(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    service.answers += [breaks] * 100
    with pytest.raises(Stopped, match="did not answer 5 times in a row"):
        run_audit(service, [files], tmp_path / "out")
    assert len(service.asked) <= 6
    summary = read_summary(tmp_path / "out")
    assert (summary["items"], summary["pending"], summary["exit_status"]) == (0, 3, 3)
    service.answers.clear()
    assert set(buckets(run_audit(service, [files], tmp_path / "out")).values()) == {"not_compared"}


def test_a_service_that_fails_once_is_asked_again(service: Registry, files: Path, tmp_path: Path) -> None:
    service.answers += [breaks, refuses("internal-error", 500)]
    assert set(buckets(run_audit(service, [files], tmp_path / "out")).values()) == {"not_compared"}


def test_a_picture_that_the_service_always_fails_at_could_not_be_checked_and_is_tried_again_later(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    service.reports[sha256(b"b")] = refuses("internal-error", 500)
    found = buckets(run_audit(service, [files], tmp_path / "out", send="unsettled"))
    assert found == {"a.jpg": "not_found", "b.jpg": "could_not_check", "c.jpg": "not_found"}
    assert service.sent.count(sha256(b"b")) == patience.MAX_TRIES
    service.reports.clear()
    service.sent.clear()
    found = buckets(run_audit(service, [files], tmp_path / "out", send="unsettled"))
    assert found["b.jpg"] == "not_found"
    assert service.sent == [sha256(b"b")]


def test_a_service_that_limits_requests_is_waited_for_and_the_auditor_is_told(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    service.answers.append(refuses("rate-limited", 429, Retry_After="1"))
    told: list[str] = []
    begun = time.monotonic()
    run_audit(service, [files], tmp_path / "out", tell=told.append)
    assert time.monotonic() - begun >= 1
    assert told == ["waiting 1 s: the service takes no more requests for now"]


class ToldError(Exception):
    """Ends an audit with what it was about to tell."""


def test_a_wait_for_the_rate_that_a_service_announces_is_told_before_a_request_is_refused(
    service: Registry, tmp_path: Path
) -> None:
    def tell(line: str) -> None:
        raise ToldError(line)

    silently = int(DEFAULT_MAX_WAIT) - 1  # is what a client waits for by itself
    service.headers["RateLimit"] = f'"lookups";r=0;t={silently}'
    lines = digest_list({f"{number}.jpg": sha256(b"%d" % number) for number in range(engine.BATCH + 1)})
    with pytest.raises(ToldError, match=r"^waiting \d+ s: the service takes no more requests for now$"):
        run_audit(service, lines, tmp_path / "out", tell=tell)
    assert len(service.looked_up) <= engine.BATCH


def test_an_older_service_and_one_that_is_none_are_told_in_a_line(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    service.answers += [refuses("not-found", 404)] * 9
    with pytest.raises(WrongService, match="is not a Countermark service, or one without what was asked for"):
        run_audit(service, [files], tmp_path / "older")
    service.answers[:] = [says(b"<html>", media_type="text/html")] * 9
    with pytest.raises(WrongService, match="is not a Countermark service"):
        run_audit(service, [files], tmp_path / "none")


def test_what_a_newer_service_says_beyond_the_words_known_here_ends_nothing(
    service: Registry, files: Path, tmp_path: Path
) -> None:
    service.known[sha256(b"a")] = [match(standing="spirited away", mood="sunny")]
    service.reports[sha256(b"b")] = says(reported(b"b", "MATCH_IN_ANOTHER_WORLD", code="A_NEW_CODE"))
    service.reports[sha256(b"c")] = says(reported(b"c", "NO_MATCH_FOUND", matches=[]) | {"mood": "sunny"})
    found = buckets(run_audit(service, [files], tmp_path / "out", send="unsettled"))
    assert found == {"a.jpg": "withdrawn_or_disputed", "b.jpg": "could_not_check", "c.jpg": "not_found"}


# Going on -----------------------------------------------------------------------------------------


def test_a_second_run_asks_about_what_is_new_or_has_changed(service: Registry, files: Path, tmp_path: Path) -> None:
    run_audit(service, [files], tmp_path / "out")
    service.looked_up.clear()
    (files / "a.jpg").write_bytes(b"changed")
    (files / "d.jpg").write_bytes(b"d")
    (files / "c.jpg").unlink()
    assert list(buckets(run_audit(service, [files], tmp_path / "out"))) == ["a.jpg", "b.jpg", "d.jpg"]
    assert sorted(service.looked_up) == sorted([sha256(b"changed"), sha256(b"d")])
    service.looked_up.clear()
    run_audit(service, [files], tmp_path / "out", restart=True)
    assert len(service.looked_up) == 3


def test_a_folder_with_another_audit_is_refused(service: Registry, files: Path, tmp_path: Path) -> None:
    run_audit(service, [files], tmp_path / "out")
    others = ([files / "a.jpg"], {}), ([files], {"send": "all"}), ([files], {"url": f"{service.url}/x"})
    for sources, options in others:
        with pytest.raises(InvalidRequest, match="has the state of another command"):
            run_audit(service, sources, tmp_path / "out", **options)  # type: ignore[arg-type]
    run_audit(service, [files / "a.jpg"], tmp_path / "out", restart=True)


def test_a_folder_whose_state_is_no_audits_is_refused(service: Registry, files: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "state.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(InvalidRequest, match="is not the state of this command"):
        run_audit(service, [files], tmp_path / "out")
    (tmp_path / "out" / "state.sqlite").unlink()
    with sqlite3.connect(tmp_path / "out" / "state.sqlite") as other:
        other.execute("CREATE TABLE something (x)")
    other.close()
    with pytest.raises(InvalidRequest, match="is not the state of this command"):
        run_audit(service, [files], tmp_path / "out")


def test_two_audits_of_one_folder_do_not_meet(service: Registry, files: Path, tmp_path: Path) -> None:
    options = Options(service.url, jobs=1, pictures=False)
    with State(tmp_path / "out", options.purpose(Sources([files]))), pytest.raises(StoreLocked, match="is at work"):
        run_audit(service, [files], tmp_path / "out")


def test_a_full_disk_ends_the_audit_and_loses_nothing_that_was_committed(
    service: Registry, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2_000):
        (files / f"{number:04}.jpg").write_bytes(b"%d" % number)
    plain = State.settle
    commits = 0

    def settle(state: State, settled: object) -> None:
        nonlocal commits
        commits += 1
        if commits == 2:
            pages = state.db.execute("PRAGMA page_count").fetchone()[0]
            state.db.execute(f"PRAGMA max_page_count = {pages}")
        plain(state, settled)  # type: ignore[arg-type]

    monkeypatch.setattr(State, "settle", settle)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        run_audit(service, [files], tmp_path / "out")
    monkeypatch.undo()
    before = len(service.looked_up)
    assert len(run_audit(service, [files], tmp_path / "out")) == 2_003
    assert before >= 500
    assert len(service.looked_up) - before <= 2_003 - 500


def test_the_same_files_log_and_policy_give_the_same_bytes(service: Registry, files: Path, tmp_path: Path) -> None:
    service.known[REGISTERED] = [match()]
    (files / "c.jpg").rename(os.fsdecode(os.fsencode(files) + b"/\xff.jpg"))
    written = []
    for name, jobs in (("one", 1), ("two", 2)):
        asked = Sources(paths=[files], digests=registered().digests)
        run_audit(service, asked, tmp_path / name, send="unsettled", jobs=jobs)
        written.append([(tmp_path / name / file).read_bytes() for file in ("items.csv", "items.jsonl")])
    assert written[0] == written[1]


KILLED = """
import sys
from countermark.audit import Options, audit
for _ in audit([sys.argv[2]], sys.argv[3], Options(sys.argv[1], jobs=1, pictures=False, receipts=False)): pass
"""


@pytest.mark.timing
def test_a_killed_audit_repeats_at_most_one_batch(
    service: Registry, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 4 * engine.BATCH
    for at in range(number - 3):
        (files / f"{at:05}.jpg").write_bytes(b"%d" % at)
    for kills in (1, 2):
        process = subprocess.Popen([sys.executable, "-c", KILLED, service.url, files, tmp_path / "out"])
        eventually(lambda kills=kills: len(service.looked_up) > kills * engine.BATCH)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(run_audit(service, [files], tmp_path / "out", receipts=False)) == number
    assert len(service.looked_up) <= number + 2 * engine.BATCH
    asked = [path for path in service.asked if "lookups" in path]
    assert len(asked) >= number // engine.BATCH


@pytest.mark.timing
def test_ctrl_c_writes_the_report_so_far(service: Registry, files: Path, tmp_path: Path) -> None:
    held = threading.Event()

    def hold(handler: object) -> None:
        held.set()
        time.sleep(HUNG_SECONDS)

    service.reports[sha256(b"b")] = hold  # type: ignore[assignment]
    program = KILLED.replace("receipts=False", "receipts=False, send='unsettled', in_flight=1")
    with hearing_ctrl_c():
        process = subprocess.Popen(
            [sys.executable, "-c", program, service.url, files, tmp_path / "out"], stderr=subprocess.PIPE
        )
    assert held.wait(HUNG_SECONDS)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert b"KeyboardInterrupt" in told
    summary = read_summary(tmp_path / "out")
    assert summary["pending"] >= 1
    assert summary["ended"] == "it was interrupted"
    assert summary["exit_status"] == 3


def test_the_async_twin_yields_the_same(service: Registry, files: Path, tmp_path: Path) -> None:
    async def collect() -> list[object]:
        options = Options(service.url, jobs=1, pictures=False)
        return [item async for item in audit_async([files], tmp_path / "async", options)]

    assert asyncio.run(collect()) == run_audit(service, [files], tmp_path / "sync")


def test_digests_of_a_list_are_looked_up_without_a_process_that_reads(
    service: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.known[REGISTERED] = [match()]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    items = run_audit(service, digest_list({"a.jpg": REGISTERED, "b.jpg": sha256(b"b")}), tmp_path / "out")
    assert buckets(items) == {"a.jpg": "identical", "b.jpg": "not_compared"}


def test_a_file_that_ends_its_process_costs_no_other_file(
    service: Registry, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import hashlib, os\nplain = hashlib.sha256\n"
        "class Deadly:\n"
        "    def __init__(self): self.digest_ = plain()\n"
        "    def update(self, data):\n"
        "        if data == b'b': os._exit(1)\n"
        "        self.digest_.update(data)\n"
        "    def digest(self): return self.digest_.digest()\n"
        "    def hexdigest(self): return self.digest_.hexdigest()\n"
        "hashlib.sha256 = lambda data=b'': plain(data) if data else Deadly()\n"
    )
    monkeypatch.syspath_prepend(str(hook))
    items = run_audit(service, [files], tmp_path / "out")
    assert buckets(items) == {"a.jpg": "not_compared", "b.jpg": "could_not_check", "c.jpg": "not_compared"}
    assert items[1].outcome.detail == "examining it ended the process"
    assert hashlib.sha256(b"x").hexdigest()


def test_without_a_policy_keys_the_summary_says_that_the_logs_key_is_its_own_word(
    service: Registry, tmp_path: Path
) -> None:
    service.known[REGISTERED] = [match()]
    run_audit(service, registered(), tmp_path / "out", policy=AuditPolicy())
    assert read_summary(tmp_path / "out")["receipts"]["log_key_pinned"] is False
