"""Verdicts on record: a publisher logs a verification report, by its digest and with its findings."""

import hashlib
import json
from datetime import datetime

from provenance import answers
from provenance.statement.record import VerdictRecorded, record_urn
from registry.database import Session, assets, entries, events, records, verifications
from registry.registry import Registry
from registry.times import from_milliseconds, to_milliseconds
from registry.usecases import read as catalogue
from registry.usecases.append import append_record, new_salt
from registry.usecases.verify import load_report


def record_verdict(registry: Registry, *, publisher: str, verification_id: str) -> answers.RecordedVerdict:
    """Log a kept report, and keep it for ever. A report with a match is recorded once for each publisher.

    Raises:
        NotFound, Erased: no such report, or one whose time has ended, or that is about an erased registration.
        KeyRefused: the publisher has no key in force that this service holds.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    now_ms = to_milliseconds(registry.clock())
    data = load_report(registry, verification_id)
    report = json.loads(data)
    report_sha256 = hashlib.sha256(data).digest()
    matched = tuple(dict.fromkeys(bytes.fromhex(match["asset"]["id"]) for match in report["matches"]))
    statement = VerdictRecorded(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        report_sha256=report_sha256,
        media_sha256=bytes.fromhex(report["input"]["sha256"]),
        headline=report["headline"]["code"],
        axes={axis: found["value"] for axis, found in report["axes"].items()},
        methods=tuple(
            dict.fromkeys(method for finding in report["findings"] for method in finding["method"].split(", "))
        ),
        records=matched,
    )

    def add(session: Session, index: int, _logged_at: datetime) -> None:
        for each in matched:
            assets.get(session, each)  # erased meanwhile?
            events.add(session, each, index, VerdictRecorded.TYPE)
        verifications.keep_for_ever(session, verification_id, now_ms)

    def find_duplicate(session: Session) -> bytes | None:
        for event in events.of_type(session, matched[0], VerdictRecorded.TYPE) if matched else ():
            identity = entries.get(session, event.index).record_id
            if events.is_erased(session, identity):
                continue
            earlier = records.get(session, identity)
            said = isinstance(earlier, VerdictRecorded) and (earlier.publisher, earlier.report_sha256)
            if said == (publisher, report_sha256):
                return identity
        return None

    return get(registry, append_record(registry, statement, add, find_duplicate).record_id)


def get(registry: Registry, verdict: bytes) -> answers.RecordedVerdict:
    """A verdict on record. Raises NotFound, Erased."""
    with registry.store.read() as session:
        stated = records.of_type(session, verdict, VerdictRecorded, "verdict on record")
        entry = entries.of_record(session, verdict)
        return answers.RecordedVerdict(
            id=verdict.hex(),
            record_id=record_urn(verdict),
            index=entry.index,
            state=catalogue.state_of(registry, entry.index),
            logged_at=from_milliseconds(entry.logged_at_ms),
            publisher=catalogue.publisher_view(session, stated.publisher, entry.statement),
            report_sha256=stated.report_sha256.hex(),
            media_sha256=stated.media_sha256.hex(),
            headline=stated.headline,
            axes=dict(stated.axes),
            methods=stated.methods,
            records=tuple(each.hex() for each in stated.records),
        )
