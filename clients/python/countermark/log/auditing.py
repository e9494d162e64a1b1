"""Auditing a log: `countermark log audit` for programs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from countermark.content import Source
from countermark.defaults import DEFAULT_FILE_SECONDS
from countermark.log.files import LogFiles, RecordFiles
from countermark.log.state import StateFile
from countermark.trust import Trust
from provenance.errors import InvalidRequest, MalformedNote, MalformedReceipt, SignatureInvalid, UntrustedNote
from provenance.receipts.followed_keys import FollowedKeys, follow_log_keys
from provenance.receipts.receipt import Receipt
from provenance.statement.statement import Statement
from provenance.transparency.audit import Audit, AuditFinding, AuditFindingKind, AuditState, Form, Visit, log_origin
from provenance.transparency.checkpoint import Checkpoint, Cosigner, SignedCheckpoint, stated_size
from provenance.transparency.note import ED25519, ML_DSA_44, VerifierKey
from provenance.transparency.policy import Witnessing, WitnessRequirement
from provenance.transparency.signer_audit import FetchRecord, SignerAudit
from provenance.transparency.tiles import TileReader

SAVE_SECONDS = 5.0
"""Seconds between two writes of the state during an audit: at most this much work is lost in a power cut."""

RECHECK_SECONDS = 1.0
"""Seconds before transient findings are checked again: a log replaces its files within some milliseconds."""

_LOG_TYPES = (ED25519, ML_DSA_44)
_NOTHING = WitnessRequirement()
_CHECKPOINT_FINDINGS: frozenset[AuditFindingKind] = frozenset({"checkpoint", "rolled back"})
_TRANSIENT: frozenset[AuditFindingKind] = _CHECKPOINT_FINDINGS | {"tile", "entries"}
"""Findings that an honest log can cause for a moment. What is signed, or in an entry, is not transient."""

Hashed = Callable[[int, int], None]
"""Called with (entries hashed, entries in all) after each bundle."""


@dataclass(frozen=True)
class Signatures:
    """The number of statements with a valid signature, and of those whose keys are in withheld records."""

    verified: int
    unchecked: int


@dataclass(frozen=True)
class AuditReport:
    """The result of an audit.

    Attributes:
        origin: the log's name.
        checkpoint: the audited tree; None if the log served no valid checkpoint.
        note: the checkpoint as served.
        before: the tree of the previous audit, which this one extends if there are no findings; None at the first.
        cosigners: the caller's witnesses that cosigned the checkpoint.
        findings: failed checks.
        form: the kind of the entries; None for an empty log.
        by_key: number of statements by key id; `uncounted` is the number by further keys.
        hashed: number of entries fetched and hashed in this audit.
        signatures: number of statements verified in this audit with a key in force, and of those unchecked because
            records are withheld; None without `records`.
        rotations: indices of the entries that rotated the log's keys, if they were followed from the caller's keys.
        witnessing: whether the required cosignatures are present; None if the caller requires none.
    """

    origin: str
    checkpoint: Checkpoint | None
    note: bytes
    before: Checkpoint | None
    cosigners: tuple[Cosigner, ...]
    findings: tuple[AuditFinding, ...]
    form: Form | None
    by_key: Mapping[bytes, int]
    uncounted: int
    hashed: int
    signatures: "Signatures | None" = None
    rotations: tuple[int, ...] = ()
    witnessing: Witnessing | None = None

    @property
    def is_sound(self) -> bool:
        """Whether all steps hold."""
        return not self.findings


def audit_log(
    url: str,
    *,
    log_keys: Sequence[str] = (),
    state: Path | str | None = None,
    entries: Form | None = None,
    from_the_start: bool = False,
    records: str | None = None,
    timeout: float = DEFAULT_FILE_SECONDS,
    progress: Hashed | None = None,
    policy: Source | None = None,
    max_age: float | None = None,
) -> AuditReport:
    """Audit a log: see `provenance.transparency.audit` for the steps.

    Args:
        url: the log's URL, the prefix of `checkpoint` and `tile/`.
        log_keys: verifier keys (`name+hash+key`) of the log, and of witnesses, whose cosignatures are then required.
        state: the file with the state of the last audit, created if it is missing. None: no state is kept.
        entries: the required kind of the entries; by default that of the first entry.
        from_the_start: hash every entry again, and still check against what the log has signed before.
        records: URL of the service with the records. With it, every statement's signature is verified with the keys in
            the log's records; the audit starts at the first entry if earlier ones did not verify signatures.
        timeout: seconds for one file.
        progress: called after each bundle.
        policy: a C2SP tlog-policy file: the log, the witnesses, and the required quorum. Of several logs it is the one
            with this URL, or with a key among `log_keys`.
        max_age: maximum age of the newest cosignature, in seconds.

    Raises:
        MalformedNote: a malformed verifier key.
        InvalidRequest: keys of no log or of several, an invalid URL or state file.
        CountermarkError: the log's files could not be fetched. The state keeps what was audited so far.
    """
    trust = Trust.of(log_keys, policy, max_age)
    keys, origin = keys_of(trust, url)
    file = None if state is None else StateFile(Path(state), origin)
    with LogFiles(url, timeout=timeout) as files, RecordFiles(records or service_of(url), timeout=timeout) as shown:
        auditor = LogAuditor(
            files,
            keys,
            file,
            entries=entries,
            from_the_start=from_the_start,
            records=None if records is None else shown.fetch,
            key_receipt=shown.key_receipt,
            requirement=trust.requirement(origin),
        )
        return auditor.run(progress=progress)


def service_of(url: str) -> str:
    """The URL of the service of a log: Countermark's logs are below `/log`."""
    return url.rstrip("/").removesuffix("/log")


def keys_of(trust: Trust, url: str) -> tuple[list[VerifierKey], str]:
    """The keys of the log and of its witnesses, and the log's name. Raises InvalidRequest."""
    logs = {key.name for key in trust.keys if key.key_type == ED25519}
    if trust.policy is not None and len(logs) > 1:
        here = {log.key.name for log in trust.policy.logs if log.url and log.url.rstrip("/") == url.rstrip("/")}
        logs = {key.name for key in trust.named if key.key_type == ED25519} or here
    if len(logs) != 1:
        raise InvalidRequest(
            "the Ed25519 verifier keys of one log are required, or a policy that names the log with its URL; "
            "keys of witnesses may be added"
        )
    origin = logs.pop()
    witnesses = [key for key in trust.keys if key.key_type != ED25519 and key.name != origin]
    return [key for key in trust.keys if key.name == origin and key.key_type in _LOG_TYPES] + witnesses, origin


class LogAuditor:
    """Audits one log repeatedly."""

    def __init__(
        self,
        files: LogFiles,
        keys: Sequence[VerifierKey],
        file: StateFile | None,
        *,
        entries: Form | None = None,
        from_the_start: bool = False,
        records: FetchRecord | None = None,
        key_receipt: Callable[[], bytes | None] | None = None,
        requirement: WitnessRequirement = _NOTHING,
    ) -> None:
        """`key_receipt` fetches a receipt with the log's `log.key` records; `requirement` is the required cosignatures.

        Raises InvalidRequest if the state file cannot be used.
        """
        self._key_receipt = key_receipt
        self._requirement = requirement
        self._followed: FollowedKeys | None = None
        self._files = files
        self._keys = keys
        self._file = file
        self._origin = log_origin(keys)
        self._form = entries
        self._last: AuditReport | None = None
        self._records = records
        state = AuditState() if file is None else file.read()
        unsigned = records is not None and state.key_records is None
        self._state = state.from_the_start() if from_the_start or unsigned else state

    def run(self, *, visit: Visit | None = None, progress: Hashed | None = None) -> AuditReport:
        """Audit the log as it is now, after finishing an interrupted audit. Raises as `audit_log`.

        Transient findings (a missing file, an older checkpoint from a cache) are checked again with a fresh checkpoint
        before they are reported. A finding about a signed tree is checked again with that same tree, so that a newer
        one cannot hide it.
        """
        before = _read(self._state.seen)
        visit = None if visit is None else _once(visit)
        self._hashed, self._verified, self._unchecked = 0, 0, 0
        again: tuple[bytes, bool] | None = None
        rechecked = False
        while True:
            if again is not None:
                note, is_newest = again
            elif self._state.target is not None:
                note, is_newest = self._state.target, False
            else:
                note, is_newest = self._newest(), True
            if self._last is not None and self._last.note == note:  # nothing was added
                return self._conclude(replace(self._last, before=before, hashed=self._hashed))
            report = self._audit(note, before, visit, progress)
            if not rechecked and report.findings and all(each.kind in _TRANSIENT for each in report.findings):
                rechecked = True
                time.sleep(RECHECK_SECONDS)
                fresh = self._newest()
                recheck = fresh if {each.kind for each in report.findings} & _CHECKPOINT_FINDINGS else note
                again = recheck, recheck == fresh
                continue
            again = None
            self._last = report if report.is_sound else None
            if is_newest or not report.is_sound:
                return self._conclude(report)

    def _conclude(self, report: AuditReport) -> AuditReport:
        return replace(report, witnessing=self._requirement.judge(report.cosigners, now=time.time()))

    def _newest(self) -> bytes:
        """The log's newest checkpoint; or if it lacks required cosignatures, a later checkpoint that has them.

        Witnesses take about a second, and the log may grow meanwhile: so the newest cosigned checkpoint counts, if its
        tree is at least as large.
        """
        note = self._files.checkpoint()
        if self._has_enough(note):
            return note
        time.sleep(RECHECK_SECONDS)
        later = self._files.cosigned_checkpoint() or self._files.checkpoint()
        return later if stated_size(later) >= stated_size(note) and self._has_enough(later) else note

    def _has_enough(self, note: bytes) -> bool:
        """Whether no required cosignature is missing; true of an invalid checkpoint, which the audit reports."""
        if self._requirement.is_empty:
            return True
        try:
            _, cosigners = SignedCheckpoint.parse(note).verify(self._keys_for(note), self._origin)
        except (MalformedNote, UntrustedNote):
            return True
        witnessing = self._requirement.judge(cosigners, now=time.time())
        return witnessing is None or witnessing.enough

    def _audit(
        self, note: bytes, before: Checkpoint | None, visit: Visit | None, progress: Hashed | None
    ) -> AuditReport:
        try:
            signers = self._signers()
            keys = self._keys_for(note)
            audit = Audit(note, keys, self._files.fetch, self._state, form=self._form, visit=visit, signers=signers)
        except (MalformedNote, UntrustedNote) as refusal:
            return self._report_refusal("checkpoint", note, before, f"the log serves no valid checkpoint: {refusal}")
        except SignatureInvalid as refusal:
            return self._report_refusal("signature", note, before, str(refusal))
        begun = self._state.size
        try:
            self._go_through(audit, progress)
        finally:
            self._keep(audit.state)
        self._hashed += max(0, audit.size - begun)
        if signers is not None:
            self._verified, self._unchecked = self._verified + signers.verified, self._unchecked + signers.unchecked
        return AuditReport(
            self._origin,
            audit.checkpoint,
            note,
            before,
            audit.cosigners,
            tuple(audit.findings),
            audit.form,
            dict(audit.by_key),
            audit.uncounted,
            self._hashed,
            None if signers is None else Signatures(self._verified, self._unchecked),
            () if self._followed is None else self._followed.rotations(audit.checkpoint.size),
        )

    def _keys_for(self, note: bytes) -> Sequence[VerifierKey]:
        """The keys for checking a checkpoint: the caller's, or after a rotation those that they lead to.

        Raises MalformedNote, UntrustedNote, and CountermarkError if the `log.key` records cannot be fetched.
        """
        signed = SignedCheckpoint.parse(note)
        try:
            return self._verify(signed)
        except UntrustedNote:
            if signed.checkpoint.origin != self._origin or not self._follow():
                raise
        return self._verify(signed)

    def _verify(self, signed: SignedCheckpoint) -> Sequence[VerifierKey]:
        """The current keys, after verifying a checkpoint with them. Raises UntrustedNote."""
        checkpoint, keys = signed.checkpoint, self._keys
        if self._followed is not None:
            keys = [*self._followed.keys.at(checkpoint.size), *(key for key in keys if key.name != self._origin)]
        signed.verify_both(keys, self._origin)
        if self._followed is not None:
            self._followed.verify_places(checkpoint, TileReader(self._files.fetch, checkpoint.size))
        return keys

    def _follow(self) -> bool:
        """Whether the log's records lead from the caller's keys to others. Raises CountermarkError."""
        data = None if self._key_receipt is None else self._key_receipt()
        if data is None:
            return False
        try:
            self._followed = follow_log_keys(Receipt.parse(data), self._keys)
        except (MalformedReceipt, UntrustedNote):
            return False
        return True

    def _go_through(self, audit: Audit, progress: Hashed | None) -> None:
        saved = time.monotonic()
        for size in audit.steps():
            if progress is not None:
                progress(size, audit.checkpoint.size)
            if time.monotonic() - saved > SAVE_SECONDS:
                self._keep(audit.state)
                saved = time.monotonic()

    def _keep(self, state: AuditState) -> None:
        if state != self._state and self._file is not None:
            self._file.write(state)
        self._state = state

    def _signers(self) -> SignerAudit | None:
        if self._records is None:
            return None
        return SignerAudit(self._origin, self._records, self._state.key_records or ())

    def _report_refusal(self, kind: AuditFindingKind, note: bytes, before: Checkpoint | None, why: str) -> AuditReport:
        finding = AuditFinding(kind, why, (note,))
        return AuditReport(self._origin, None, note, before, (), (finding,), self._state.form, {}, 0, 0)


def _once(visit: Visit) -> Visit:
    """Calls `visit` once for each index, even if a tree is audited twice."""
    told = -1

    def visit_once(index: int, entry: bytes, statement: Statement | None) -> None:
        nonlocal told
        if index > told:
            visit(index, entry, statement)
            told = index

    return visit_once


def _read(note: bytes | None) -> Checkpoint | None:
    return None if note is None else SignedCheckpoint.parse(note).checkpoint
