"""Auditing a log from outside: what `countermark log audit` does, for programs."""

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
from provenance.transparency.policy import Demand, Witnessing
from provenance.transparency.signer_audit import FetchRecord, SignerAudit
from provenance.transparency.tiles import TileReader

SAVE_SECONDS = 5.0
"""Seconds between two savings of the state during an audit: so much work is done again after a power cut."""

SECOND_LOOK_SECONDS = 1.0
"""Seconds before what may pass is looked at again: a log replaces its files within some milliseconds."""

_LOG_TYPES = (ED25519, ML_DSA_44)
_NOTHING = Demand()
_OF_THE_CHECKPOINT: frozenset[AuditFindingKind] = frozenset({"checkpoint", "rolled back"})
_MAY_PASS: frozenset[AuditFindingKind] = _OF_THE_CHECKPOINT | {"tile", "entries"}
"""What a log that is honest can show for a moment. What is signed, or is in an entry, stands as it is."""

Hashed = Callable[[int, int], None]
"""Called with (entries hashed, entries in all) after each bundle."""


@dataclass(frozen=True)
class Signatures:
    """Statements whose signature holds, and those by keys that no record at hand names."""

    verified: int
    unchecked: int


@dataclass(frozen=True)
class AuditReport:
    """What came of an audit.

    Attributes:
        origin: the log's name.
        checkpoint: the tree that was audited; None where the log showed no checkpoint of its own.
        note: the checkpoint as served.
        before: the tree of the audit before, which this one extends if there is no finding; None at the first.
        cosigners: the caller's witnesses that cosigned the checkpoint.
        findings: what is not as the log has promised.
        form: what the entries are; None in an empty log.
        by_key: statements by key id; `uncounted` are those by further keys.
        hashed: entries that were fetched and hashed this time.
        signatures: how many statements were found signed this time with a key in force, and how many could not be
            checked because records are withheld; None where this was not asked for.
        rotations: indices of the entries that changed the log's keys, where these had to be followed from the caller's.
        witnessing: whether the cosignatures are there that the caller asks for; None where it asks for none.
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
        """All steps hold."""
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
        url: the log's address, below which `checkpoint` and `tile/` lie.
        log_keys: its verifier keys (`name+hash+key`), and those of witnesses, each of which has to have cosigned.
        state: the file that remembers what was seen; it is made where it is missing. None: nothing is remembered.
        entries: what they have to be; by default what the first one is.
        from_the_start: hash every entry again, and still hold the log to what it has signed before.
        records: the address of the service that shows the records. With it, every statement's signature is checked with
            the keys that the log's own records name; where that was not done before, it begins anew.
        timeout: seconds for a whole file.
        progress: told after each bundle.
        policy: a C2SP tlog-policy file: the log, witnesses, and how many of which have to have cosigned. Of several
            logs the one is meant that has this address, or whose key is among `log_keys`.
        max_age: seconds that the newest cosignature may be old.

    Raises:
        MalformedNote: a malformed verifier key.
        InvalidRequest: keys of no log or of several, an unusable address or state file.
        ServiceError and its like: the log's files could not be had. What was audited so far is remembered.
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
            demand=trust.demand(origin),
        )
        return auditor.run(progress=progress)


def service_of(url: str) -> str:
    """The address of the service whose log is at an address: ours show it below `/log`."""
    return url.rstrip("/").removesuffix("/log")


def keys_of(trust: Trust, url: str) -> tuple[list[VerifierKey], str]:
    """The keys of the log at an address, and of witnesses; and the log's name. Raises InvalidRequest."""
    logs = {key.name for key in trust.keys if key.key_type == ED25519}
    if trust.policy is not None and len(logs) > 1:
        here = {log.key.name for log in trust.policy.logs if log.url and log.url.rstrip("/") == url.rstrip("/")}
        logs = {key.name for key in trust.named if key.key_type == ED25519} or here
    if len(logs) != 1:
        raise InvalidRequest(
            "the Ed25519 verifier keys of one log are needed, or a policy that names it with its address; those of "
            "witnesses may stand beside them"
        )
    origin = logs.pop()
    witnesses = [key for key in trust.keys if key.key_type != ED25519 and key.name != origin]
    return [key for key in trust.keys if key.name == origin and key.key_type in _LOG_TYPES] + witnesses, origin


class LogAuditor:
    """Audits one log again and again."""

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
        demand: Demand = _NOTHING,
    ) -> None:
        """`key_receipt` gets a receipt with the log's `log.key` records, to follow them; `demand` is met by witnesses.

        Raises InvalidRequest where the state file cannot be used.
        """
        self._key_receipt = key_receipt
        self._demand = demand
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
        """Audit the log as it is now; an audit that was cut short is finished first. Raises as `audit_log`.

        Where something is found that may pass (a file that is missing for a moment, an older checkpoint out of a
        cache), the log is asked for a fresh checkpoint and looked at again before that is told. A tree that was signed
        is looked at again itself: it is not to be forgotten over a newer one.
        """
        before = _read(self._state.seen)
        visit = None if visit is None else _once(visit)
        self._hashed, self._verified, self._unchecked = 0, 0, 0
        again: tuple[bytes, bool] | None = None
        doubted = False
        while True:
            if again is not None:
                note, is_newest = again
            elif self._state.target is not None:
                note, is_newest = self._state.target, False
            else:
                note, is_newest = self._newest(), True
            if self._last is not None and self._last.note == note:  # nothing was added
                return self._judged(replace(self._last, before=before, hashed=self._hashed))
            report = self._audit(note, before, visit, progress)
            if not doubted and report.findings and all(each.kind in _MAY_PASS for each in report.findings):
                doubted = True
                time.sleep(SECOND_LOOK_SECONDS)
                fresh = self._newest()
                doubtful = fresh if {each.kind for each in report.findings} & _OF_THE_CHECKPOINT else note
                again = doubtful, doubtful == fresh
                continue
            again = None
            self._last = report if report.is_sound else None
            if is_newest or not report.is_sound:
                return self._judged(report)

    def _judged(self, report: AuditReport) -> AuditReport:
        return replace(report, witnessing=self._demand.judge(report.cosigners, now=time.time()))

    def _newest(self) -> bytes:
        """The log's newest checkpoint; or a later one that has the cosignatures which that one lacks.

        Witnesses take about a second, and a log may grow meanwhile: hence the newest that it shows cosigned, if that is
        of a tree with all entries which were there before.
        """
        note = self._files.checkpoint()
        if self._has_enough(note):
            return note
        time.sleep(SECOND_LOOK_SECONDS)
        later = self._files.cosigned_checkpoint() or self._files.checkpoint()
        return later if stated_size(later) >= stated_size(note) and self._has_enough(later) else note

    def _has_enough(self, note: bytes) -> bool:
        """Whether nothing is lacking that witnesses could bring: what is wrong about it is for the audit to say."""
        if self._demand.is_empty:
            return True
        try:
            _, cosigners = SignedCheckpoint.parse(note).verify(self._keys_for(note), self._origin)
        except (MalformedNote, UntrustedNote):
            return True
        witnessing = self._demand.judge(cosigners, now=time.time())
        return witnessing is None or witnessing.enough

    def _audit(
        self, note: bytes, before: Checkpoint | None, visit: Visit | None, progress: Hashed | None
    ) -> AuditReport:
        try:
            signers = self._signers()
            keys = self._keys_for(note)
            audit = Audit(note, keys, self._files.fetch, self._state, form=self._form, visit=visit, signers=signers)
        except (MalformedNote, UntrustedNote) as refusal:
            return self._refused("checkpoint", note, before, f"the log shows no checkpoint of its own: {refusal}")
        except SignatureInvalid as refusal:
            return self._refused("signature", note, before, str(refusal))
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
        """The keys to check a checkpoint with: the caller's, or where the log has changed its own, those they lead to.

        Raises MalformedNote, UntrustedNote, and what the log's `log.key` records cannot be had for.
        """
        signed = SignedCheckpoint.parse(note)
        try:
            return self._verify(signed)
        except UntrustedNote:
            if signed.checkpoint.origin != self._origin or not self._follow():
                raise
        return self._verify(signed)

    def _verify(self, signed: SignedCheckpoint) -> Sequence[VerifierKey]:
        """The keys, as far as they were followed, if they verify a checkpoint. Raises UntrustedNote."""
        checkpoint, keys = signed.checkpoint, self._keys
        if self._followed is not None:
            keys = [*self._followed.keys.at(checkpoint.size), *(key for key in keys if key.name != self._origin)]
        signed.verify_both(keys, self._origin)
        if self._followed is not None:
            self._followed.verify_places(checkpoint, TileReader(self._files.fetch, checkpoint.size))
        return keys

    def _follow(self) -> bool:
        """Whether the log's records lead from the caller's keys to others. Raises ServiceError and its like."""
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

    def _refused(self, kind: AuditFindingKind, note: bytes, before: Checkpoint | None, why: str) -> AuditReport:
        finding = AuditFinding(kind, why, (note,))
        return AuditReport(self._origin, None, note, before, (), (finding,), self._state.form, {}, 0, 0)


def _once(visit: Visit) -> Visit:
    """Tells of each index once, also where a tree is looked at twice."""
    told = -1

    def visit_once(index: int, entry: bytes, statement: Statement | None) -> None:
        nonlocal told
        if index > told:
            visit(index, entry, statement)
            told = index

    return visit_once


def _read(note: bytes | None) -> Checkpoint | None:
    return None if note is None else SignedCheckpoint.parse(note).checkpoint
