"""Verifying: a stranger's file, or its digests, against everything that is registered here."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from provenance.errors import NotFound, StoreCorrupt, StoreUnavailable
from provenance.media.comparison import Comparison
from provenance.media.media import Pixels
from provenance.statement.identity import Established, Identity
from provenance.statement.record import AssetRegistered, PublisherKey, parse_record
from provenance.statement.record import record_id as digest_record
from provenance.transparency.policy import is_cosigned
from provenance.transparency.receipt_verification import verify_receipt
from provenance.verdict import Verdict
from provenance.verdict import verify as procedure
from provenance.verdict.evidence import Publisher, Subject
from provenance.verdict.registrations import Candidate, KnownRecord
from provenance.verdict.search import MAX_MATCHES
from registry import catalogue
from registry.examination import compare_sketch, examine_file
from registry.registry import Registry
from registry.report import report_json
from registry.store import Session, assets, entries, publishers, rows, verifications
from registry.times import to_milliseconds

VERIFICATION_ID_BYTES = 16
"""Random bytes of a report's id: its address cannot be guessed, so a report is seen by whom it is given to."""


def verify_file(
    registry: Registry, *, path: Path, sha256: bytes, size: int, sidecar: bytes | None = None
) -> dict[str, object]:
    """Verify the file at `path`, whose SHA-256 the caller computed while receiving it; returns the stored report.

    Raises:
        MediaError: no picture that can be read.
        StoreUnavailable: too much work is waiting, or the store cannot be read.
    """
    known_bytes = bool(_Registrations(registry).by_bytes(sha256))
    # Known bytes need no decoding: their pixels are those of the record.
    examination = registry.sandbox.run(examine_file, path, sha256, registry.trust, sidecar, not known_bytes)
    overlays = _Overlays(registry)
    verdict = procedure.verify_file(examination, _Registrations(registry), overlays.compare)
    return _keep(registry, verdict, overlays)


def verify_digests(
    registry: Registry, *, sha256: bytes, pdq: bytes | None = None, pdq_quality: int | None = None
) -> dict[str, object]:
    """Verify digests alone: nothing is uploaded, and a fingerprint can only give a lead."""
    subject = Subject(sha256=sha256, size=None)
    verdict = procedure.verify_digests(subject, pdq, pdq_quality, _Registrations(registry))
    return _keep(registry, verdict, _Overlays(registry))


def load_report(registry: Registry, verification_id: str) -> bytes:
    """The JSON of a report that was made before. Raises NotFound."""
    with registry.store.read() as session:
        return verifications.get(session, verification_id).report


def load_difference(registry: Registry, verification_id: str) -> bytes:
    """The overlay (PNG with transparency, in the shape of the picture that was handed in). Raises NotFound."""
    with registry.store.read() as session:
        blob = verifications.get(session, verification_id).heat_blob
    if blob is None:
        raise NotFound("this verification found no difference to draw")
    return registry.blobs.get(blob)


_NOT_KEPT = {
    "what": "keeping this report",
    "why": "nothing can be written here at the moment, so its address will not answer",
}


class _Overlays:
    """Compares in the sandbox, and keeps the overlay of each comparison for the report."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._drawn: list[tuple[Comparison, bytes | None]] = []

    def compare(self, query: Pixels, sketch: bytes) -> Comparison:
        compared = self._registry.sandbox.run(compare_sketch, query, sketch)
        self._drawn.append((compared.comparison, compared.overlay))
        return compared.comparison

    def of(self, comparison: Comparison | None) -> bytes | None:
        return next((overlay for drawn, overlay in self._drawn if drawn is comparison), None)


class _Registrations:
    """The store as the verification procedure sees it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def by_bytes(self, sha256: bytes) -> Sequence[bytes]:
        with self._registry.store.read() as session:
            return [row.record_id for row in assets.by_bytes(session, sha256, MAX_MATCHES + 1)]

    def by_pixels(self, pixels_sha256: bytes) -> Sequence[bytes]:
        with self._registry.store.read() as session:
            return [row.record_id for row in assets.by_pixels(session, pixels_sha256, MAX_MATCHES + 1)]

    def by_fingerprint(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        with self._registry.store.read() as session:
            found = self._registry.index.candidates(session, pdq_orientations, quality)
            found += self._registry.scan.candidates(session, pdq_orientations, quality)
        nearest = {candidate.record_id: candidate.distance for candidate in found}
        return sorted((Candidate(*each) for each in nearest.items()), key=lambda candidate: candidate.distance)

    def sketch(self, record_id: bytes) -> bytes:
        with self._registry.store.read() as session:
            digest = assets.get(session, record_id).sketch_sha256
        return self._registry.blobs.get(digest)

    def known(self, record_id: bytes) -> KnownRecord:
        view = catalogue.asset(self._registry, record_id)
        report = None
        if view.state == "published":
            receipt = self._registry.proofs.receipt(record_id)
            report = verify_receipt(receipt, trusted_keys=self._registry.proofs.trusted_keys)
        kid = bytes.fromhex(view.publisher.key)
        with self._registry.store.read() as session:
            canonical = entries.record(session, record_id).canonical
            taken_back = assets.withdrawals_of(session, record_id)
            revoked_at = _revoked_at(session, publishers.get_key(session, kid).ended_index)
        record = parse_record(canonical)
        if digest_record(canonical) != record_id or not isinstance(record, AssetRegistered):
            raise StoreCorrupt("what is stored under this id is another record")
        return KnownRecord(
            record_id=record_id,
            index=view.index,
            logged_at=view.logged_at,
            record=record,
            publisher=Publisher(
                id=view.publisher.id,
                name=view.publisher.name,
                identity=Identity(
                    cast(Established, view.publisher.identity.established), view.publisher.identity.detail
                ),
                key=kid,
            ),
            receipt=report,
            cosigned=report is not None and is_cosigned(self._registry.policy, report.cosigners),
            withdrawn_reason=taken_back[0].reason if taken_back else None,
            key_revoked_at_index=revoked_at,
        )

    def count(self) -> int:
        with self._registry.store.read() as session:
            return assets.count(session)


def _revoked_at(session: Session, ended_index: int | None) -> int | None:
    """Where a key was revoked. One that another key has replaced in good order is not."""
    if ended_index is None:
        return None
    ending = parse_record(entries.record(session, entries.get(session, ended_index).record_id).canonical)
    return ended_index if isinstance(ending, PublisherKey) and ending.action == "revoke" else None


def _keep(registry: Registry, verdict: Verdict, overlays: _Overlays) -> dict[str, object]:
    verification_id = secrets.token_hex(VERIFICATION_ID_BYTES)
    created_at = registry.clock()
    overlay = next((drawn for match in verdict.matches if (drawn := overlays.of(match.comparison))), None)
    report = report_json(registry, verdict, verification_id, created_at, overlay is not None)
    try:
        row = rows.verification(
            verification_id=verification_id,
            created_at_ms=to_milliseconds(created_at),
            report=json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode(),
            heat_blob=registry.blobs.put(overlay) if overlay is not None else None,
        )
        registry.store.write(lambda session: verifications.insert(session, row)).result()
    except StoreUnavailable:  # a full disk is no reason to withhold the answer
        report = report_json(registry, verdict, verification_id, created_at, drawn=False)
        report["not_checked"].append(_NOT_KEPT)
    return report
