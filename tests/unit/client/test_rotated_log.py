"""A log that has changed its keys, before who pinned an old one or the new one: audits, and receipts of all formats."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from countermark import audit_log, verify_proof
from countermark.log.auditing import LogAuditor
from countermark.log.files import LogFiles, RecordFiles

from provenance.errors import UntrustedNote
from provenance.receipts.followed_keys import FollowedKeys
from provenance.receipts.other_formats import ProofReport
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.transparency import cose_receipt
from provenance.transparency.checkpoint import Checkpoint, SignedCheckpoint, cosign_checkpoint, sign_checkpoint
from provenance.transparency.cose_receipt import TransparentStatement
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.note import ED25519, ML_DSA_44, VerifierKey
from registry.database import entries
from tests import replies
from tests.logs.server import Server, serving
from tests.unit.client.commands import Run
from tests.unit.registry.log_folder import ORIGIN, Log

pytestmark = pytest.mark.usefixtures("at_home")


@dataclass(frozen=True)
class Rotated:
    """A log of four entries whose key was changed at index 2, and what it gave out before and after."""

    log: Log
    old: VerifierKey
    new: VerifierKey
    index: int
    proof_before: bytes
    proof_after: bytes
    cose_before: bytes
    cose_after: bytes
    receipt: bytes
    note_before: bytes

    def show(self, server: Server) -> None:
        """Serve it as the service does."""
        server.answers.clear()
        tiles = self.log.sequencer.tiles
        for name in tiles.names():
            server.serve(name, tiles.fetch(name) or b"")
        server.serve("checkpoint", self.log.sequencer.checkpoint())
        keys = [
            {
                "key": str(span.key),
                "algorithm": "Ed25519" if span.key.key_type == ED25519 else "ML-DSA-44",
                "first_size": span.first_size,
                "last_size": span.last_size,
                "record": self.record(max(0, span.first_size - 1)),
            }
            for span in self.log.sequencer.keys.spans()
        ]
        server.answers["/log/keys"] = replies.says({"items": keys})
        server.answers[f"/v1/records/{self.record(self.index)}/receipt"] = replies.says(
            self.receipt, media_type="application/vnd.countermark.receipt+json"
        )

    def record(self, index: int) -> str:
        with self.log.store.read() as session:
            return entries.get(session, index).record_id.hex()


@pytest.fixture(scope="module")
def rotated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotated]:
    with Log(tmp_path_factory.mktemp("rotated") / "data") as log:
        log.grow()
        old, note = log.sequencer.key, log.sequencer.checkpoint()
        before = proofs_of(log)
        done = log.rotate("a yearly change")
        log.grow()
        after = proofs_of(log)
        receipt = log.receipt(done.index).serialise()
        new = log.sequencer.key
        assert new != old
        yield Rotated(log, old, new, done.index, before[0], after[0], before[1], after[1], receipt, note)


def proofs_of(log: Log) -> tuple[bytes, bytes]:
    """Entry 1 as a tlog-proof, and as a transparent statement by the key in force."""
    with log.store.read() as session:
        entry = entries.get(session, 1)
    proof = log.proofs.tlog_proof(entry.record_id)
    checkpoint = proof.signed_checkpoint().checkpoint
    sign = log.keystore.log_signer(log.sequencer.key)
    assert sign is not None

    class Signer:
        public_key = log.keystore.log.public_key

        def sign(self, message: bytes) -> bytes:
            return sign(message)

    inclusion = cose_receipt.Inclusion(checkpoint.size, 1, proof.hashes)
    receipt = cose_receipt.issue(inclusion, checkpoint.root, Signer(), issuer="https://newsroom.example", subject="x")
    return replace(proof, extra=entry.statement).serialise(), TransparentStatement(
        entry.statement, (receipt,)
    ).serialise()


@pytest.fixture
def server(rotated: Rotated) -> Iterator[Server]:
    with serving() as server:
        rotated.show(server)
        yield server


# Audits


def test_an_audit_follows_the_keys_of_the_log_from_the_pinned_one(rotated: Rotated, server: Server) -> None:
    report = audit_log(server.log_url, log_keys=[str(rotated.old)])
    assert report.is_sound, report.findings
    assert report.rotations == (rotated.index,)
    assert audit_log(server.log_url, log_keys=[str(rotated.new)]).is_sound


def test_the_command_says_where_the_key_was_rotated(rotated: Rotated, server: Server, run: Run) -> None:
    done = run("log", "audit", server.log_url, "--vkey", rotated.old)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"rotated at index {rotated.index}" in done.stdout
    again = run("log", "audit", server.log_url, "--vkey", rotated.old, "--json")
    assert json.loads(again.stdout)["rotated_at"] == [rotated.index]


def test_watching_follows_them_as_well(rotated: Rotated, server: Server, run: Run) -> None:
    done = run("log", "watch", server.log_url, "--vkey", rotated.old, "--key", "00" * 32, "--once")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_rotation_while_a_log_is_watched_is_followed_too(rotated: Rotated, server: Server) -> None:
    with LogFiles(server.log_url) as files, RecordFiles(server.url) as shown:
        auditor = LogAuditor(files, [rotated.old], None, key_receipt=shown.key_receipt)
        served = dict(server.answers)
        server.serve("checkpoint", rotated.note_before)
        assert auditor.run().is_sound
        server.answers.update(served)
        report = auditor.run()
        assert report.is_sound, report.findings
        assert report.rotations == (rotated.index,)
        stale = FollowedKeys(LogKeys(ORIGIN, ((0, (rotated.old,)),)), ())  # as before a change that came later
        auditor._followed, auditor._last = stale, None
        assert auditor.run().is_sound


def test_a_tree_seen_before_the_rotation_is_still_the_beginning(
    rotated: Rotated, server: Server, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    served = dict(server.answers)
    server.serve("checkpoint", rotated.note_before)
    assert audit_log(server.log_url, log_keys=[str(rotated.old)], state=state).is_sound
    server.answers.update(served)
    report = audit_log(server.log_url, log_keys=[str(rotated.old)], state=state)
    assert report.is_sound, report.findings
    assert report.before is not None


def test_a_key_that_nobody_handed_over_to_convicts_the_log(rotated: Rotated, server: Server) -> None:
    thief = LocalSigner.generate(Algorithm.ED25519)
    stolen = SignedCheckpoint.parse(rotated.log.sequencer.checkpoint()).checkpoint
    server.serve("checkpoint", sign_checkpoint(stolen, thief.sign, thief.public_key.raw))
    for pinned in (rotated.old, rotated.new):
        (finding,) = audit_log(server.log_url, log_keys=[str(pinned)]).findings
        assert finding.kind == "checkpoint"


def test_log_key_records_of_another_history_convict_the_log(rotated: Rotated, server: Server) -> None:
    sign = rotated.log.keystore.log_signer(rotated.new)
    assert sign is not None
    forged = sign_checkpoint(Checkpoint(ORIGIN, 4, bytes(32)), sign, rotated.new.public)
    for key in rotated.log.sequencer.keys.current:
        if key.key_type == ML_DSA_44:
            server.serve("checkpoint", forged)
            (finding,) = audit_log(server.log_url, log_keys=[str(rotated.old)]).findings
            assert "not signed with an ML-DSA-44 key" in finding.detail  # to which the pinned key has led
            sign = rotated.log.keystore.log_signer(key)
            assert sign is not None
            forged = cosign_checkpoint(forged, ORIGIN, sign, key.public, time=1, key_type=ML_DSA_44)
    server.serve("checkpoint", forged)
    (finding,) = audit_log(server.log_url, log_keys=[str(rotated.old)]).findings
    assert finding.kind == "checkpoint"
    assert "is not entry 0" in finding.detail


@pytest.mark.parametrize("answer", [replies.refuses("not-found", 404), replies.says({"items": []}), replies.says(b"x")])
def test_a_log_that_shows_no_records_of_its_keys_is_convicted_as_before(
    rotated: Rotated, server: Server, answer: replies.Answer
) -> None:
    server.answers["/log/keys"] = answer
    (finding,) = audit_log(server.log_url, log_keys=[str(rotated.old)]).findings
    assert finding.kind == "checkpoint"


# tlog-proofs and COSE receipts


def outcomes(report: ProofReport) -> dict[int, str]:
    return {step.number: step.outcome for step in report.steps if step.number in (2, 3, 8)}


HOLDS = {2: "holds", 3: "holds", 8: "holds"}


def test_a_proof_under_the_new_key_holds_before_who_pinned_the_old_one(rotated: Rotated) -> None:
    for proof in (rotated.proof_after, rotated.cose_after):
        report = verify_proof(proof, log_keys=[str(rotated.old)], keys=rotated.receipt)
        assert outcomes(report) == HOLDS
        assert f"rotated at index {rotated.index}" in report.steps[1].detail
        alone = verify_proof(proof, log_keys=[str(rotated.old)])
        assert alone.fails
        assert any("--keys" in step.detail for step in alone.steps)


def test_a_proof_under_the_old_key_holds_before_who_pinned_the_new_one(rotated: Rotated) -> None:
    assert verify_proof(rotated.proof_before, log_keys=[str(rotated.new)], keys=rotated.receipt).holds
    assert verify_proof(rotated.proof_before, log_keys=[f"{rotated.old}@{rotated.index}"]).holds


def test_a_cose_receipt_by_a_retired_key_shows_no_time_and_is_not_trusted(rotated: Rotated) -> None:
    for keys in ([str(rotated.new)], [str(rotated.old), str(rotated.new)], [f"{rotated.old}@{rotated.index}"]):
        followed = rotated.receipt if keys[0] != f"{rotated.old}@{rotated.index}" else None
        report = verify_proof(rotated.cose_before, log_keys=keys, keys=followed)
        assert not report.holds
        assert not report.fails
        assert "retired" in report.steps[1].detail


def test_a_tree_that_the_retired_key_signs_later_is_refused(rotated: Rotated) -> None:
    report = verify_proof(rotated.proof_before, log_keys=[f"{rotated.old}@1"])
    assert report.fails  # the tree has two entries


def test_a_receipt_that_leads_to_no_trusted_key_is_refused(rotated: Rotated) -> None:
    stranger = VerifierKey(ORIGIN, ED25519, LocalSigner.generate(Algorithm.ED25519).public_key.raw)
    with pytest.raises(UntrustedNote, match="no key you trust"):
        verify_proof(rotated.proof_after, log_keys=[str(stranger)], keys=rotated.receipt)


def test_the_command_takes_the_receipt_that_leads_there(rotated: Rotated, run: Run, tmp_path: Path) -> None:
    proof, receipt = tmp_path / "picture.tlog-proof", tmp_path / "newer.countermark"
    proof.write_bytes(rotated.proof_after)
    receipt.write_bytes(rotated.receipt)
    done = run("receipt", "verify", proof, "--vkey", rotated.old, "--keys", receipt)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"rotated at index {rotated.index}" in " ".join(done.stdout.split())
    assert run("receipt", "verify", proof, "--vkey", rotated.old).returncode == 1
