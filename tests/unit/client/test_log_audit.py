"""Auditing a log: what is fetched, what is remembered, what another run goes on with."""

import json
import re
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import get_args

import pytest
from countermark import ServiceUnreachable, audit_log, verify_proof
from countermark.log import auditing

from provenance.limits import MAX_COUNTED_KEYS
from provenance.statement.statement import sign_statement
from provenance.transparency import audit as audit_module
from provenance.transparency.checkpoint import cosign_checkpoint
from provenance.transparency.ml_dsa import MlDsaSigner
from provenance.transparency.note import COSIGNATURE_V1, ML_DSA_44, VerifierKey
from tests import replies
from tests.conformance.test_tessera_log import ENTRIES, LOG
from tests.conformance.test_tessera_log import KEY as TESSERA_KEY
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY, OPERATOR, PUBLISHER, signer
from tests.logs.server import Server

pytestmark = pytest.mark.usefixtures("at_home")


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(600)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "state.json"


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 600])
def test_a_log_of_any_size_is_sound(log: Log, server: Server, size: int) -> None:
    server.publish(log.at(size))
    report = audit_log(server.log_url, log_keys=[str(KEY)])
    assert report.is_sound, report.findings
    assert report.checkpoint is not None
    assert (report.checkpoint.size, report.hashed, report.before) == (size, size, None)
    assert sum(report.by_key.values()) == size
    assert set(server.asked) == {f"/log/{path}" for path in log.at(size).files}


def test_an_empty_log_is_sound(log: Log, server: Server) -> None:
    server.publish(log.at(0))
    assert audit_log(server.log_url, log_keys=[str(KEY)]).is_sound


def test_statements_are_counted_by_key(log: Log, server: Server) -> None:
    server.publish(log)
    report = audit_log(server.log_url, log_keys=[str(KEY)])
    assert report.by_key == {OPERATOR.public_key.thumbprint: 2, PUBLISHER.public_key.thumbprint: 598}


def test_only_what_is_new_is_fetched_the_next_time(log: Log, server: Server, state: Path) -> None:
    counted = []
    for size in (300, 512, 512, 600):
        server.publish(log.at(size))
        report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
        assert report.is_sound, report.findings
        counted.append((report.before and report.before.size, report.hashed, len(server.asked_for("entries"))))
        assert sum(report.by_key.values()) == size
    assert counted == [(None, 300, 2), (300, 256, 1), (512, 0, 0), (512, 88, 1)]


def test_from_the_start_everything_is_hashed_again_and_nothing_forgotten(log: Log, server: Server, state: Path) -> None:
    server.publish(log)
    audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    server.publish(log.with_entry(10, log.entries[400]))
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state, from_the_start=True)
    assert [each.kind for each in report.findings] == ["fork"]
    server.publish(log)
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state, from_the_start=True)
    assert (report.is_sound, report.hashed) == (True, 600)


def test_an_interrupted_audit_goes_on_where_it_stopped(log: Log, server: Server, state: Path) -> None:
    server.publish(log)
    server.answers["/log/tile/entries/002.p/88"] = replies.breaks
    with pytest.raises(ServiceUnreachable):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    kept = json.loads(state.read_text())
    assert (kept["size"], kept["seen"], kept["target"]) == (512, None, log.checkpoint.decode())

    server.publish(log)
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert (report.is_sound, report.hashed) == (True, 88)
    assert server.asked_for("entries") == ["/log/tile/entries/002.p/88"]
    assert sum(report.by_key.values()) == 600
    assert json.loads(state.read_text())["target"] is None


def test_an_interruption_by_hand_keeps_what_was_done(log: Log, server: Server, state: Path) -> None:
    server.publish(log)

    def interrupt(hashed: int, _: int) -> None:
        if hashed == 512:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state, progress=interrupt)
    assert json.loads(state.read_text())["size"] == 512


def test_a_tree_that_was_seen_before_an_interruption_is_not_forgotten(log: Log, server: Server, state: Path) -> None:
    """The log shows a tree of 600 entries, and after the interruption one of 601 that does not begin with it."""
    server.publish(log)
    server.answers["/log/tile/entries/002.p/88"] = replies.breaks
    with pytest.raises(ServiceUnreachable):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    other = log.with_entry(550, log.entries[10])
    server.publish(Log((*other.entries, log.entries[0]), log.records))
    server.serve("tile/0/002.p/88", other.files["tile/0/002.p/88"])
    server.serve("tile/entries/002.p/88", other.files["tile/entries/002.p/88"])
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert [each.kind for each in report.findings] == ["root"]
    assert report.note == log.checkpoint


def test_a_log_that_grew_during_an_interruption_is_audited_to_its_end(log: Log, server: Server, state: Path) -> None:
    """The partial tiles of the older size are gone by then: the full ones take their place."""
    server.publish(log.at(400))
    server.answers["/log/tile/entries/001.p/144"] = replies.breaks
    with pytest.raises(ServiceUnreachable):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    server.publish(log)
    server.serve("tile/1/000.p/1", log.at(400).files["tile/1/000.p/1"])  # stays until the full tile is there
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert report.is_sound, report.findings
    assert report.checkpoint is not None
    assert report.checkpoint.size == 600
    assert "/log/tile/entries/001.p/144" in server.asked
    assert server.asked.count("/log/tile/entries/001") == 2


def test_work_is_saved_on_the_way(log: Log, server: Server, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "SAVE_SECONDS", 0.0)
    server.publish(log)
    saved = []

    def look(hashed: int, _: int) -> None:
        saved.append((hashed, json.loads(state.read_text())["size"] if state.exists() else None))

    audit_log(server.log_url, log_keys=[str(KEY)], state=state, progress=look)
    assert saved == [(0, None), (256, None), (512, 256), (600, 512)]


def test_after_wrong_entries_everything_is_hashed_again(log: Log, server: Server, state: Path) -> None:
    """What was served wrong once must not keep a log that is mended from ever being found sound."""
    server.publish(log.with_entry(100, log.entries[5]))
    server.serve("checkpoint", log.checkpoint)
    assert not audit_log(server.log_url, log_keys=[str(KEY)], state=state).is_sound
    server.publish(log)
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert (report.is_sound, report.hashed) == (True, 600)


@pytest.mark.parametrize("path", ["tile/0/002.p/88", "tile/entries/002.p/88", "tile/entries/001", "tile/1/000.p/2"])
def test_a_file_that_is_missing_for_a_moment_convicts_nobody(log: Log, server: Server, state: Path, path: str) -> None:
    server.publish(log.at(300))
    assert audit_log(server.log_url, log_keys=[str(KEY)], state=state).is_sound
    server.publish(log)
    whole = server.answers[f"/log/{path}"]

    def missing_once(handler: BaseHTTPRequestHandler) -> None:
        server.answers[f"/log/{path}"] = whole
        replies.says(b"no such file", 404, "text/plain")(handler)

    server.answers[f"/log/{path}"] = missing_once
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert report.is_sound, report.findings
    assert report.checkpoint is not None
    assert report.checkpoint.size == 600
    assert len(server.asked_for("checkpoint")) == 2


@pytest.mark.parametrize("size", [200, 0])
def test_an_older_checkpoint_out_of_a_cache_convicts_nobody(log: Log, server: Server, state: Path, size: int) -> None:
    server.publish(log.at(300))
    assert audit_log(server.log_url, log_keys=[str(KEY)], state=state).is_sound
    server.publish(log)
    newest = server.answers["/log/checkpoint"]

    def old_once(handler: BaseHTTPRequestHandler) -> None:
        server.answers["/log/checkpoint"] = newest
        replies.says(log.at(size).checkpoint, media_type="text/plain")(handler)

    server.answers["/log/checkpoint"] = old_once
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert report.is_sound, report.findings


def test_a_root_that_was_signed_once_is_not_forgotten_over_a_fresh_checkpoint(
    log: Log, server: Server, state: Path
) -> None:
    server.publish(log.at(300))
    assert audit_log(server.log_url, log_keys=[str(KEY)], state=state).is_sound
    newest = server.answers["/log/checkpoint"]
    fork = log.at(300).signed(bytes(32))

    def forked_once(handler: BaseHTTPRequestHandler) -> None:
        server.answers["/log/checkpoint"] = newest
        replies.says(fork, media_type="text/plain")(handler)

    server.answers["/log/checkpoint"] = forked_once
    (finding,) = audit_log(server.log_url, log_keys=[str(KEY)], state=state).findings
    assert (finding.kind, fork in finding.evidence) == ("fork", True)


def test_the_tree_in_doubt_is_looked_at_again_before_a_newer_one(log: Log, server: Server, state: Path) -> None:
    server.publish(log)
    server.serve("tile/1/000.p/1", log.at(300).files["tile/1/000.p/1"])  # it goes when the tile is full
    wrong = log.at(300).signed(bytes(32))
    newest, whole = server.answers["/log/checkpoint"], server.answers["/log/tile/entries/001"]

    def wrong_once(handler: BaseHTTPRequestHandler) -> None:
        server.answers["/log/checkpoint"] = newest
        replies.says(wrong, media_type="text/plain")(handler)

    def missing_once(handler: BaseHTTPRequestHandler) -> None:
        server.answers["/log/tile/entries/001"] = whole
        replies.says(b"no such file", 404, "text/plain")(handler)

    server.answers["/log/checkpoint"], server.answers["/log/tile/entries/001"] = wrong_once, missing_once
    findings = audit_log(server.log_url, log_keys=[str(KEY)], state=state).findings
    assert ("root", (wrong,)) in [(finding.kind, finding.evidence) for finding in findings]


def test_wrong_entries_of_an_interrupted_audit_do_not_stay(log: Log, server: Server, state: Path) -> None:
    wrong = log.with_entry(100, log.entries[5])
    server.publish(wrong)
    server.serve("checkpoint", log.checkpoint)
    server.answers["/log/tile/entries/002.p/88"] = replies.breaks
    with pytest.raises(ServiceUnreachable):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    server.publish(log)
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert report.is_sound
    assert report.hashed == 600  # everything was looked at again


def test_cosigners_that_one_knows_are_named(log: Log, server: Server) -> None:
    witness = signer("witness")
    key = VerifierKey("witness.example", COSIGNATURE_V1, witness.public_key.raw)
    server.publish(log)
    server.serve(
        "checkpoint", cosign_checkpoint(log.checkpoint, key.name, witness.sign, key.public, time=1_780_000_000)
    )
    report = audit_log(server.log_url, log_keys=[str(KEY), str(key)])
    assert [cosigner.key for cosigner in report.cosigners] == [key]


def test_the_ml_dsa_signature_that_one_can_check_cannot_be_left_out(log: Log, server: Server, state: Path) -> None:
    second = MlDsaSigner.from_seed(bytes(32))
    key = VerifierKey(KEY.name, ML_DSA_44, second.public)
    twice = cosign_checkpoint(log.checkpoint, key.name, second.sign, key.public, time=1, key_type=ML_DSA_44)
    server.publish(log)
    server.serve("checkpoint", twice)
    assert audit_log(server.log_url, log_keys=[str(KEY), str(key)]).is_sound
    assert audit_log(server.log_url, log_keys=[str(KEY)]).is_sound
    server.publish(log)
    assert audit_log(server.log_url, log_keys=[str(KEY)]).is_sound
    for _ in range(2):
        (finding,) = audit_log(server.log_url, log_keys=[str(KEY), str(key)], state=state).findings
        assert finding.kind == "checkpoint"
        assert "not signed with an ML-DSA-44 key" in finding.detail
    proof = replace(log.proof(2), extra=log.entries[2])
    assert verify_proof(proof.serialise(), log_keys=[str(KEY)]).holds
    assert verify_proof(replace(proof, checkpoint=twice).serialise(), log_keys=[str(KEY), str(key)]).holds
    report = verify_proof(proof.serialise(), log_keys=[str(KEY), str(key)])
    assert [step.number for step in report.steps if step.outcome == "fails"] == [3]


def test_a_log_that_asks_to_be_read_more_slowly_is_read_more_slowly(log: Log, server: Server) -> None:
    server.publish(log)
    patience = {path: [replies.says(b"later", 429, "text/plain", Retry_After="0.01")] for path in list(server.answers)}
    truth = dict(server.answers)
    for path in truth:
        server.answers[path] = lambda handler: (patience[handler.path] or [truth[handler.path]]).pop()(handler)
    assert audit_log(server.log_url, log_keys=[str(KEY)]).is_sound
    assert len(server.asked) == 2 * len(truth)


# Logs of others -----------------------------------------------------------------------------------


def serve_tessera(server: Server) -> None:
    for file in LOG.rglob("*"):
        if file.is_file():
            server.serve(file.relative_to(LOG).as_posix(), file.read_bytes())


def test_a_log_of_another_program_is_hashed_and_not_read(server: Server, state: Path) -> None:
    serve_tessera(server)
    report = audit_log(server.log_url, log_keys=[str(TESSERA_KEY)], state=state)
    assert report.is_sound, report.findings
    assert (report.form, report.hashed, dict(report.by_key)) == ("bytes", len(ENTRIES), {})
    assert json.loads(state.read_text())["entries"] == "bytes"


def test_a_log_that_has_to_be_of_statements_and_is_not_is_a_finding(server: Server) -> None:
    serve_tessera(server)
    report = audit_log(server.log_url, log_keys=[str(TESSERA_KEY)], entries="statements")
    assert {each.kind for each in report.findings} == {"statement"}
    assert len(report.findings) == len(ENTRIES)


def test_entries_that_need_not_be_statements_are_only_hashed(log: Log, server: Server) -> None:
    server.publish(log.with_entry(400, b"hello"))
    report = audit_log(server.log_url, log_keys=[str(KEY)], entries="bytes")
    assert report.is_sound
    assert report.form == "bytes"


def test_a_log_with_no_end_of_keys_takes_no_end_of_memory(
    log: Log, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_COUNTED_KEYS >= 1000
    monkeypatch.setattr(audit_module, "MAX_COUNTED_KEYS", 5)
    forgers = [signer(f"forger {number}") for number in range(20)]
    entries = (*log.entries[:3], *(sign_statement(b"{}", forger) for forger in forgers), log.entries[4])
    server.publish(Log(entries, log.records))
    report = audit_log(server.log_url, log_keys=[str(KEY)])
    assert report.is_sound
    assert (len(report.by_key), report.uncounted) == (5, 17)
    assert report.by_key[PUBLISHER.public_key.thumbprint] == 2


# The page -----------------------------------------------------------------------------------------


def test_the_page_has_the_steps_and_the_findings_of_the_code() -> None:
    root = Path(__file__).parents[3]
    page = (root / "docs" / "how-to" / "audit.md").read_text()
    steps = re.findall(r"^    #   ([0-9])\. ", Path(audit_module.__file__).read_text(), re.MULTILINE)
    assert re.findall(r"^([0-9])\. \*\*", page, re.MULTILINE) == steps == list("123456")
    listed = page.partition("| finding | means |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z ]+)`", re.sub(r"\|[^|]*\|$", "", listed, flags=re.MULTILINE))) == set(
        get_args(audit_module.AuditFindingKind)
    )
