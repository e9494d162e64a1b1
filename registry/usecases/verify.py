"""Verification of a file, or of its digests, against all registrations."""

import json
import secrets
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from provenance import answers
from provenance.errors import CountermarkError, Erased, NotFound, StoreCorrupt, StoreUnavailable
from provenance.limits import MAX_RESEMBLING
from provenance.media.comparison import Box, Comparison
from provenance.media.local_features import LocalFeatures
from provenance.media.media import Pixels
from provenance.message import Message
from provenance.transparency.policy import is_cosigned
from provenance.verification import Verdict, procedure
from provenance.verification.evidence import Match, Resembling, Subject
from provenance.verification.lookups import MAX_MATCHES
from provenance.verification.registrations import Candidate, KnownRecord, Proposed, Reference
from registry.database import Asset, Session, assets, heads, resemblances, rows, verifications
from registry.log.proofs import Tree
from registry.registry import Registry
from registry.sandbox.examination import (
    DetailSource,
    DrawnComparison,
    QueryDescription,
    compare_references,
    describe_parts,
    describe_picture,
    examine_file,
)
from registry.sandbox.pool import JOB_SECONDS
from registry.sandbox.turns import PICTURE_SECONDS, Budget
from registry.search.selection import EVERYTHING
from registry.storage.blobs import blob_name
from registry.times import to_milliseconds
from registry.usecases import read as catalogue
from registry.usecases import resemblances as resembling
from registry.usecases import standing
from registry.usecases.report import renamed, report_json, report_of

T = TypeVar("T")

VERIFICATION_ID_BYTES = 16
"""Random bytes of a report's id: its URL cannot be guessed, so that only those who are given it can read a report."""


KEPT_FOR = timedelta(hours=1)
"""How long a report with a match is kept where nobody asks for more: for as long as somebody looks at it."""

FORGOTTEN_AT_ONCE = 32
"""Reports deleted in one transaction: each may have an overlay, and on S3 deleting that takes some 20 ms."""

FULL_DETAIL_SECONDS = 30.0
"""Processor time of one comparison over the whole in full detail: eight candidates, one of them in full detail, take
about 3 seconds."""


def verify_file(
    registry: Registry,
    *,
    path: Path,
    sha256: bytes,
    size: int,
    sidecar: Path | None = None,
    full_detail: bool = False,
    keep: timedelta | None = None,
    budget: Budget | None = None,
) -> bytes:
    """Verify the file at `path`, whose SHA-256 the caller computed while receiving it.

    Returns:
        the JSON of the report, as it is stored.

    Args:
        sidecar: path of a C2PA manifest that came with the file.
        full_detail: compare with the stored picture over the whole in full detail, where one is kept.
        keep: how long to keep the report; by default `KEPT_FOR` if it has a match, and not at all if it has none.
        budget: what examining the file may cost, in which the costs are noted. A comparison in full detail may cost
            `FULL_DETAIL_SECONDS` more.

    Raises:
        MediaError: the file is not a readable picture.
        StoreUnavailable: too much work is waiting, or the store cannot be read.
    """
    with StoredRegistrations(registry) as registrations:
        # Known bytes need no decoding: their pixels are those of the record.
        known_bytes = bool(registrations.by_bytes(sha256))
        matcher = SandboxMatcher(registrations, path, sha256, full_detail=full_detail, budget=budget)
        examination = matcher.run(
            examine_file, path, sha256, registry.trust, registry.clock(), sidecar, not known_bytes
        )
        verdict = procedure.verify_file(examination, registrations, matcher, full_detail=full_detail)
        kept_for = keep or (KEPT_FOR if verdict.matches else None)
        return _answer(registrations, verdict, matcher.overlays(verdict.matches), kept_for)


def verify_digests(
    registry: Registry,
    *,
    sha256: bytes,
    pdq: bytes | None = None,
    pdq_quality: int | None = None,
    keep: timedelta | None = None,
) -> bytes:
    """Verify digests alone: nothing is uploaded, and a fingerprint can only give a lead.

    Returns as `verify_file`; unless `keep` says for how long, the report is not kept.
    """
    subject = Subject(sha256=sha256, size=None)
    with StoredRegistrations(registry, compares=False) as registrations:
        if pdq is None and keep is None:
            served = registrations.served_without(sha256)
            if served is not None:
                return report_json(_on_unregistered(registrations, subject, served))
        verdict = procedure.verify_digests(subject, pdq, pdq_quality, registrations)
        return _answer(registrations, verdict, {}, keep)


def _on_unregistered(registrations: "StoredRegistrations", subject: Subject, served: heads.Served) -> answers.Report:
    """The report on a digest that is not registered: in one state of the log, the same of each but for the digest."""
    registry = registrations.registry

    def report() -> answers.Report:
        verdict = procedure.verify_digests(subject, None, None, registrations)
        return report_of(verdict, registrations.view, "", registry.clock(), None, frozenset())

    kept = registry.answers.get(served, None, "unregistered", report)
    return renamed(kept, subject, secrets.token_hex(VERIFICATION_ID_BYTES), registry.clock())


def load_report(registry: Registry, verification_id: str) -> bytes:
    """The JSON of a kept report. Raises NotFound, Erased."""
    with registry.store.read() as session:
        return verifications.get(session, verification_id, to_milliseconds(registry.clock())).report


def load_difference(registry: Registry, verification_id: str, record_id: bytes | None = None) -> bytes:
    """The overlay (PNG with transparency, in the shape of the submitted picture) of what differs from a
    record, from that of the leading match where none is named. Raises NotFound."""
    with registry.store.read() as session:
        row = verifications.get(session, verification_id, to_milliseconds(registry.clock()))
        if record_id is None:
            matches = json.loads(row.report)["matches"]
            record_id = bytes.fromhex(matches[0]["asset"]["id"]) if matches else b""
            blob = row.heat_blob or verifications.overlay(session, verification_id, record_id)
        else:
            blob = verifications.overlay(session, verification_id, record_id)
    if blob is None:
        raise NotFound("this verification has no difference to draw there")
    return registry.blobs.get(blob)


def forget_reports(registry: Registry) -> None:
    """Delete the reports whose time has ended, with their overlays. Raises StoreUnavailable."""
    now_ms = to_milliseconds(registry.clock())
    while registry.store.write(partial(_forget, registry=registry, now_ms=now_ms)).result() == FORGOTTEN_AT_ONCE:
        pass


def _forget(session: Session, registry: Registry, now_ms: int) -> int:
    """The number of reports deleted. Runs in the writer's thread, so that no new row can refer to an overlay."""
    ended = verifications.ended(session, now_ms, FORGOTTEN_AT_ONCE)
    for overlay in set(verifications.forget(session, ended)):
        if not (assets.refers_to_blob(session, overlay) or verifications.refers_to_blob(session, overlay)):
            registry.blobs.objects.delete(blob_name(overlay))
    return len(ended)


_NOT_KEPT = answers.Unchecked(
    what=Message("keeping this report"),
    why=Message("nothing can be written here at the moment, so its address will not answer"),
)


class SandboxMatcher:
    """Describes and compares in the sandbox, and collects the overlays for the report."""

    def __init__(
        self,
        registrations: "StoredRegistrations",
        path: Path,
        sha256: bytes,
        *,
        full_detail: bool = False,
        budget: Budget | None = None,
    ) -> None:
        self._registrations = registrations
        self._path = path
        self._sha256 = sha256
        self._detail = DetailSource(path, sha256, full_detail)
        self._budget = Budget() if budget is None else budget
        self._drawn: list[tuple[Comparison, bytes | None]] = []
        self._whole: QueryDescription | None = None
        self._parts: Sequence[QueryDescription] = ()

    def run(self, function: Callable[..., T], *args: object, cpu_seconds: float = JOB_SECONDS) -> T:
        """Run a function in a worker, without holding a snapshot of the store (ADR 35)."""
        self._registrations.release()
        sandbox, budget = self._registrations.registry.sandbox, self._budget
        return sandbox.run(function, *args, cpu_seconds=cpu_seconds, digest=self._sha256, budget=budget)

    def describe(self, query: Pixels) -> LocalFeatures:
        self._whole = self.run(describe_picture, query)
        return self._whole.codes

    def describe_parts(self, query: Pixels, unexplained: Sequence[Sequence[Box]]) -> Sequence[LocalFeatures]:
        self._parts = self.run(describe_parts, self._path, self._sha256, query, unexplained)
        return [part.codes for part in self._parts]

    def compare(
        self, query: Pixels, references: Sequence[Reference], part: int | None = None
    ) -> Sequence[Comparison | CountermarkError]:
        described = self._whole if part is None else self._parts[part]
        seconds = JOB_SECONDS
        if self._detail.whole:
            self._budget.seconds, seconds = PICTURE_SECONDS + FULL_DETAIL_SECONDS, FULL_DETAIL_SECONDS
        with ExitStack() as files:
            originals = [self._lend(files, each) for each in references]
            there = [
                (each, original)
                for each, original in zip(references, originals, strict=True)
                if not isinstance(original, CountermarkError)
            ]
            stored, paths = tuple(each for each, _ in there), tuple(path for _, path in there)
            job = (compare_references, query, described, stored, paths, self._detail)
            outcomes = self.run(*job, cpu_seconds=seconds) if there else ()
        self._drawn += [(each.comparison, each.overlay) for each in outcomes if isinstance(each, DrawnComparison)]
        compared = iter(each.comparison if isinstance(each, DrawnComparison) else each for each in outcomes)
        return [each if isinstance(each, CountermarkError) else next(compared) for each in originals]

    def _lend(self, files: ExitStack, reference: Reference) -> Path | CountermarkError | None:
        """Where the stored picture lies for a worker, or why it does not; None where it is not looked at."""
        registry = self._registrations.registry
        try:
            if reference.original is not None:
                return files.enter_context(registry.blobs.lend(reference.original, registry.spool))
        except (NotFound, StoreCorrupt) as failure:
            return failure
        return None

    def overlays(self, matches: Sequence[Match]) -> dict[bytes, bytes]:
        """The overlay of each match that has one, by its record."""
        return {
            match.record_id: overlay
            for match in matches
            for comparison, overlay in self._drawn
            if overlay is not None and comparison is match.comparison
        }


class StoredRegistrations:
    """The store as the verification procedure sees it: one snapshot between any two runs of a worker (ADR 35)."""

    def __init__(self, registry: Registry, within: range = EVERYTHING, *, compares: bool = True) -> None:
        """
        Args:
            within: log indices of the registrations that are searched by likeness.
            compares: whether comparisons that are not made yet are made, in the workers.
        """
        self.registry = registry
        self._compares = compares
        self._within = within
        self._snapshot = registry.store.snapshot()
        self._tree: Tree | None = None
        self._by_bytes: dict[bytes, Sequence[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def read(self) -> AbstractContextManager[Session]:
        """The snapshot. Raises StoreUnavailable, StoreCorrupt."""
        return self._snapshot.read()

    def release(self) -> None:
        """End the snapshot; the next read takes a new one."""
        self._snapshot.release()

    def by_bytes(self, sha256: bytes) -> Sequence[bytes]:
        if sha256 not in self._by_bytes:
            with self.read() as session:
                self._by_bytes[sha256] = assets.by_bytes(session, sha256, MAX_MATCHES + 1)
        return self._by_bytes[sha256]

    def served_without(self, sha256: bytes) -> heads.Served | None:
        """As `assets.served_without`."""
        with self.read() as session:
            served = assets.served_without(session, sha256)
        if served is not None:
            self._by_bytes[sha256] = ()
        return served

    def by_pixels(self, pixels_sha256: bytes) -> Sequence[bytes]:
        with self.read() as session:
            return [row.record_id for row in assets.by_pixels(session, pixels_sha256, MAX_MATCHES + 1)]

    def claims(
        self, files: Collection[bytes], pixels: Collection[bytes], of: Collection[bytes], also: Collection[bytes]
    ) -> Mapping[bytes, str]:
        with self.read() as session:
            return assets.claims(session, files, pixels, of, also)

    def count_same(self, files: Collection[bytes], pixels: Collection[bytes]) -> int:
        with self.read() as session:
            return assets.count_same(session, files, pixels)

    def publishers(self, record_ids: Collection[bytes]) -> Mapping[bytes, str]:
        with self.read() as session:
            return {row.record_id: row.publisher_id for row in assets.find_many(session, record_ids)}

    def resembling(self, record_id: bytes) -> Resembling:
        """As the view has it; where it is not made yet, it may be made now, so that the next one reads it."""
        known, index = self._resembling(record_id)
        if known.pending is None or not self._compares:
            return known
        self.release()
        try:
            self.registry.comparisons.run(index)
        except CountermarkError as failure:  # for example of the disk: the match is known all the same
            return replace(known, pending=f"{known.pending}: {failure}")
        return self._resembling(record_id)[0]

    def _resembling(self, record_id: bytes) -> tuple[Resembling, int]:
        """The older registrations of others that one resembles, and its index."""
        with self.read() as session:
            row = assets.get(session, record_id)
            compared = resemblances.older_of_others(session, row.index, row.publisher_id, MAX_RESEMBLING)
            asked = ("resembling", record_id, compared)
            return self._kept(session, asked, lambda: resembling.known(session, row, compared)), row.index

    def by_fingerprint(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        asked, within = (pdq_orientations, quality), self._within
        with self.registry.stages.timed("search"), self.read() as session:
            found = self.registry.multi_index.candidates(session, *asked, within)
            found += self.registry.scan.candidates(session, *asked, within)
            nearest = {candidate.record_id: candidate.distance for candidate in found}
            known = {row.record_id: row for row in assets.find_many(session, nearest)}
        ordered = sorted((record for record in nearest if record in known), key=lambda record: nearest[record])
        return [_candidate(known[record], nearest[record]) for record in ordered]

    def by_local_features(self, features: LocalFeatures) -> Proposed:
        with self.registry.stages.timed("search"), self.read() as session:
            found, left_out = self.registry.inverted_file.candidates(session, features, self._within)
            known = assets.by_index(session, [proposal.index for proposal in found])
        chosen = [_candidate(known[each.index], None, each.votes) for each in found if each.index in known]
        return Proposed(chosen, left_out)

    def reference(self, record_id: bytes) -> Reference:
        with self.read() as session:
            asset = assets.get(session, record_id)
        try:
            thumbnail = self.registry.blobs.get(asset.thumbnail_sha256)
        except (NotFound, StoreCorrupt):
            thumbnail = None  # optional
        return Reference(self.registry.blobs.get(asset.sketch_sha256), thumbnail)

    def original(self, record_id: bytes) -> bytes | None:
        """Of the credentialed copy, where the publisher lets it be kept."""
        with self.read() as session:
            return assets.get(session, record_id).signed_blob_sha256

    def known(self, record_id: bytes) -> KnownRecord:
        if self._tree is None and self.registry.sequencer.size:
            with self.read() as session:
                stored = heads.served(session).note
            self._tree = self.registry.proofs.tree(stored)
            if self._tree.note != stored:
                self.release()  # a snapshot that is taken after the tree was asked for has all that the tree has
        with self.read() as session:
            return self._kept(session, ("known", record_id), lambda: self._proven(session, record_id))

    def _proven(self, session: Session, record_id: bytes) -> KnownRecord:
        row, report = assets.get(session, record_id), None
        if self._tree is not None and row.index < self._tree.checkpoint.size:
            report = self.registry.proofs.verified_receipt(session, self._tree, record_id)[1]
        cosigned = report is not None and is_cosigned(self.registry.policy, report.cosigners)
        return standing.known(session, record_id, report, cosigned=cosigned)

    def view(self, record_id: bytes, standing: answers.Standing) -> answers.Asset:
        """A record as an answer, with its standing in a report. Raises NotFound, Sealed, Erased."""
        with self.read() as session:
            row = assets.get(session, record_id)
            asked = ("view", record_id, row.copy_public)
            shown = self._kept(
                session, asked, lambda: catalogue.asset_view(self.registry, session, row, standing=standing)
            )
            return replace(shown, standing=standing)

    def _kept(self, session: Session, asked: Hashable, answer: Callable[[], T]) -> T:
        """What `answer` returned in this state of the log, if it was asked for before."""
        note = None if self._tree is None else self._tree.note
        return self.registry.answers.get(heads.served(session), note, asked, answer)

    def count(self) -> int:
        with self.read() as session:
            return heads.served(session).registrations


def _candidate(row: Asset, distance: int | None, agreeing: int = 0) -> Candidate:
    return Candidate(row.record_id, distance, row.publisher_id, row.pixels_sha256, agreeing)


def _answer(
    registrations: StoredRegistrations, verdict: Verdict, overlays: Mapping[bytes, bytes], keep: timedelta | None
) -> bytes:
    """The JSON of the report, which is kept for a time, or not at all."""
    registry = registrations.registry
    verification_id = secrets.token_hex(VERIFICATION_ID_BYTES)
    created_at = registry.clock()
    kept_until = None if keep is None else created_at + keep
    drawn = frozenset[bytes]() if kept_until is None else overlays.keys()
    report = report_of(verdict, registrations.view, verification_id, created_at, kept_until, drawn)
    registrations.release()
    data = report_json(report)
    if kept_until is None:
        return data
    row = rows.verification(
        verification_id=verification_id,
        created_at_ms=to_milliseconds(created_at),
        report=data,
        kept_until_ms=to_milliseconds(kept_until),
    )
    try:
        blobs = {record_id: registry.blobs.put(overlay) for record_id, overlay in overlays.items()}
        shown = _shown(verdict)
        registry.store.write(lambda session: verifications.insert(session, row, blobs, shown)).result()
    except (Erased, NotFound) as error:
        raise StoreUnavailable("a matching registration was erased while this was verified: try again") from error
    except StoreUnavailable:  # a full disk must not prevent the answer
        undrawn = tuple(replace(match, difference_url=None) for match in report.matches)
        unchecked = (*report.not_checked, _NOT_KEPT)
        return report_json(replace(report, kept_until=None, matches=undrawn, not_checked=unchecked))
    for record_id, blob in blobs.items():
        if blob not in registry.blobs:
            registry.blobs.put(overlays[record_id])  # an erasure has deleted the same one, before it was referred to
    return data


def _shown(verdict: Verdict) -> set[bytes]:
    """The records that a report shows: an erasure of one of them is one of the report."""
    known = verdict.evidence.resembling
    shown = {each.record_id for each in known.items} if known is not None else set()
    for match in verdict.matches:
        shown |= {match.record_id, *(source.record_id for source in match.sources)}
    return shown
