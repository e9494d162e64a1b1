"""Audits that check who signed: with the keys that the log's own records name, where they were in force."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from countermark import AuditReport, ServiceUnreachable, audit_log

from provenance.limits import MAX_RECORD_BYTES
from provenance.statement.record import LogGenesis, PublisherKey, parse_record, to_canonical
from provenance.statement.statement import sign_statement
from tests import replies
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY, OPERATOR, PUBLISHER, publisher_key, signer
from tests.logs.server import Server
from tests.unit.client.commands import Run

pytestmark = pytest.mark.usefixtures("at_home")


THIEF = signer("thief")


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(300)


def audit(server: Server, log: Log, state: Path | None = None) -> AuditReport:
    server.publish(log)
    server.show(log.records)
    return audit_log(server.log_url, log_keys=[str(KEY)], records=server.url, state=state)


def told(report: AuditReport) -> list[str]:
    return [f"{finding.kind}: {finding.detail}" for finding in report.findings]


def with_operators(log: Log, index: int, record: PublisherKey | bytes) -> Log:
    """A log in which the operator stated this at `index`."""
    said = record if isinstance(record, bytes) else to_canonical(record)
    changed = log.with_entry(index, sign_statement(said, OPERATOR))
    return replace(changed, records=[*changed.records, said])


def test_every_signature_is_checked_and_only_records_that_name_keys_are_read(log: Log, server: Server) -> None:
    report = audit(server, log)
    assert report.is_sound, report.findings
    assert report.signatures is not None
    assert (report.signatures.verified, report.signatures.unchecked) == (300, 0)
    read = [path.rpartition("/")[2] for path in server.asked_for("/v1/records/")]
    assert read == [hashlib.sha256(record).hexdigest() for record in log.records[:2]]


def test_a_statement_by_a_key_that_nobody_enrolled_is_a_finding(log: Log, server: Server) -> None:
    report = audit(server, log.with_entry(100, sign_statement(b"{}", THIEF)))
    assert told(report) == [f"signature: entry 100: no record before it enrols key {THIEF.public_key.thumbprint.hex()}"]


def test_a_malformed_signature_is_a_finding(log: Log, server: Server) -> None:
    for index in (1, 100):
        report = audit(server, log.with_entry(index, log.entries[index][:-64] + bytes(64)))
        assert f"signature: entry {index}: " in told(report)[0]


def test_a_key_signs_up_to_its_revocation(log: Log, server: Server) -> None:
    report = audit(server, with_operators(log, 290, publisher_key("revoke", PUBLISHER)))
    assert [line.partition(": the")[0] for line in told(report)] == [f"signature: entry {n}" for n in range(291, 300)]
    assert "the key was revoked at index 290" in told(report)[0]


def test_a_key_signs_from_its_enrolment_on(log: Log, server: Server) -> None:
    entry = sign_statement(b"{}", THIEF)
    early = log.with_entry(100, entry).with_entry(299, entry)
    report = audit(server, with_operators(early, 200, publisher_key("enrol", THIEF)))
    assert [line.partition(": no")[0] for line in told(report)] == ["signature: entry 100"]


def test_a_key_record_by_who_is_no_operator_counts_for_nothing(log: Log, server: Server) -> None:
    record = to_canonical(publisher_key("enrol", THIEF))
    forged = log.with_entry(100, sign_statement(record, PUBLISHER)).with_entry(101, sign_statement(b"{}", THIEF))
    report = audit(server, replace(forged, records=[*forged.records, record]))
    assert [line.partition(": no")[0] for line in told(report)] == ["signature: entry 101"]


def test_a_key_record_without_proof_of_possession_is_a_finding(log: Log, server: Server) -> None:
    report = audit(server, with_operators(log, 100, publisher_key("enrol", THIEF, possession=None)))
    assert told(report) == ["signature: entry 100: nothing shows that the publisher holds the key"]


def test_without_the_record_of_entry_0_nobody_may_sign(log: Log, server: Server) -> None:
    report = audit(server, replace(log, records=log.records[1:]))
    assert "signature: entry 0: the record of entry 0 is withheld" in told(report)[0]


def test_the_genesis_record_of_another_log_is_not_accepted(log: Log, server: Server) -> None:
    genesis = parse_record(log.records[0])
    assert isinstance(genesis, LogGenesis)
    other = to_canonical(replace(genesis, origin="log.other.example"))
    changed = log.with_entry(0, sign_statement(other, OPERATOR))
    report = audit(server, replace(changed, records=[other, *log.records[1:]]))
    assert "not the genesis record of this log" in told(report)[0]


@pytest.mark.parametrize("served", [b"", b"{}", bytes(MAX_RECORD_BYTES)])
def test_another_record_in_the_place_of_one_is_a_finding(log: Log, server: Server, served: bytes) -> None:
    server.publish(log)
    server.show(log.records)
    key = hashlib.sha256(log.records[1]).hexdigest()
    server.answers[f"/v1/records/{key}"] = replies.says(served)
    report = audit_log(server.log_url, log_keys=[str(KEY)], records=server.url)
    assert told(report)[0] == f"signature: entry 1: another record is served in the place of {key}"


def test_a_record_that_only_a_later_version_can_read_leaves_signatures_unchecked(log: Log, server: Server) -> None:
    newer = with_operators(log, 100, b'{"type":"publisher.keyring","version":9}')
    report = audit(server, newer.with_entry(200, sign_statement(b"{}", THIEF)))
    assert report.is_sound
    assert report.signatures is not None
    assert (report.signatures.verified, report.signatures.unchecked) == (299, 1)


def test_what_a_withheld_record_may_name_is_unchecked(log: Log, server: Server, run: Run) -> None:
    report = audit(server, replace(log, records=log.records[:1]))
    assert report.is_sound
    assert report.signatures is not None
    assert (report.signatures.verified, report.signatures.unchecked) == (2, 298)
    done = run("log", "audit", server.log_url, "--vkey", KEY, "--records", server.url)
    assert done.returncode == 3
    assert "298: records of their keys may be withheld" in done.stdout


def test_a_withheld_record_excuses_no_wrong_signature_of_a_known_key(log: Log, server: Server) -> None:
    withheld = with_operators(log, 100, publisher_key("enrol", THIEF))
    forged = withheld.with_entry(200, log.entries[200][:-64] + bytes(64))
    report = audit(server, replace(forged, records=log.records))
    assert [line.partition(": ")[2].partition(":")[0] for line in told(report)] == ["entry 200"]


def test_a_checked_log_satisfies(log: Log, server: Server, run: Run) -> None:
    server.publish(log)
    server.show(log.records)
    done = run("log", "audit", server.log_url, "--vkey", KEY, "--records", server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "signatures  300 checked now" in " ".join(done.stdout.split("\n"))
    again = run("log", "audit", server.log_url, "--vkey", KEY, "--records", server.url, "--json")
    assert json.loads(again.stdout)["signatures"] == {"verified": 44, "unchecked": 0}


def test_another_audit_goes_on_with_the_keys_of_the_one_before(log: Log, server: Server, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert audit(server, log.at(290), state).is_sound
    report = audit(server, log.with_entry(295, sign_statement(b"{}", THIEF)), state)
    assert [line.partition(": no")[0] for line in told(report)] == ["signature: entry 295"]
    assert audit(server, log, state).is_sound
    assert len(server.asked_for("/v1/records/")) == 2
    assert server.asked_for("entries") == ["/log/tile/entries/001.p/44"]


def test_a_log_whose_signatures_were_not_checked_is_audited_from_its_start(
    log: Log, server: Server, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    server.publish(log.with_entry(100, sign_statement(b"{}", THIEF)))
    server.show(log.records)
    assert audit_log(server.log_url, log_keys=[str(KEY)], state=state).is_sound
    report = audit_log(server.log_url, log_keys=[str(KEY)], records=server.url, state=state)
    assert [line.partition(": no")[0] for line in told(report)] == ["signature: entry 100"]


def test_a_key_record_that_is_withheld_later_leaves_signatures_unchecked(
    log: Log, server: Server, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    assert audit(server, log, state).is_sound
    report = audit(server, replace(log, records=log.records[:1]), state)
    assert report.is_sound
    assert report.signatures is not None
    assert (report.signatures.verified, report.signatures.unchecked) == (0, 44)
    report = audit(server, log, state)
    assert report.signatures is not None
    assert (report.signatures.verified, report.signatures.unchecked) == (44, 0)


def test_a_genesis_record_that_is_withheld_later_is_a_finding(log: Log, server: Server, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert audit(server, log, state).is_sound
    report = audit(server, replace(log, records=log.records[1:]), state)
    assert "without the genesis record, nothing says who may sign" in told(report)[0]


def test_a_service_that_is_away_is_no_finding(log: Log, server: Server) -> None:
    server.publish(log)
    server.answers[f"/v1/records/{hashlib.sha256(log.records[0]).hexdigest()}"] = replies.breaks
    with pytest.raises(ServiceUnreachable):
        audit_log(server.log_url, log_keys=[str(KEY)], records=server.url)
