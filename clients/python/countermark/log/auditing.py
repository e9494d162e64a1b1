"""Auditing a log from outside: what `countermark log audit` does, for programs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from countermark.defaults import DEFAULT_FILE_SECONDS
from countermark.log.files import LogFiles
from countermark.log.state import StateFile
from provenance.errors import InvalidRequest, MalformedNote, UntrustedNote
from provenance.transparency.audit import Audit, AuditState, Finding, Form, Visit, log_origin
from provenance.transparency.checkpoint import Checkpoint, Cosigner, SignedCheckpoint
from provenance.transparency.note import VerifierKey

SAVE_SECONDS = 5.0
"""Seconds between two savings of the state during an audit: so much work is done again after a power cut."""

Hashed = Callable[[int, int], None]
"""Called with (entries hashed, entries in all) after each bundle."""


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
        form: what the entries are; None where there is none.
        by_key: statements by key id; `uncounted` are those by further keys.
        hashed: entries that were fetched and hashed this time.
    """

    origin: str
    checkpoint: Checkpoint | None
    note: bytes
    before: Checkpoint | None
    cosigners: tuple[Cosigner, ...]
    findings: tuple[Finding, ...]
    form: Form | None
    by_key: Mapping[bytes, int]
    uncounted: int
    hashed: int

    @property
    def is_sound(self) -> bool:
        """All steps hold."""
        return not self.findings


def audit_log(
    url: str,
    *,
    log_keys: Sequence[str],
    state: Path | str | None = None,
    entries: Form | None = None,
    from_the_start: bool = False,
    timeout: float = DEFAULT_FILE_SECONDS,
    progress: Hashed | None = None,
) -> AuditReport:
    """Audit a log: see `provenance.transparency.audit` for the steps.

    Args:
        url: the log's address, below which `checkpoint` and `tile/` lie.
        log_keys: its verifier keys (`name+hash+key`), and those of witnesses.
        state: the file that remembers what was seen; it is made where it is missing. None: nothing is remembered.
        entries: what they have to be; by default what the first one is.
        from_the_start: hash every entry again, and still hold the log to what it has signed before.
        timeout: seconds for a whole file.
        progress: told after each bundle.

    Raises:
        MalformedNote: a verifier key that is none.
        InvalidRequest: keys of no log or of several, an unusable address or state file.
        ServiceError and its like: the log's files could not be had. What was audited so far is remembered.
    """
    keys, origin = parse_keys(log_keys)
    file = None if state is None else StateFile(Path(state), origin)
    with LogFiles(url, timeout=timeout) as files:
        return LogAuditor(files, keys, file, entries=entries, from_the_start=from_the_start).run(progress=progress)


def parse_keys(log_keys: Sequence[str]) -> tuple[list[VerifierKey], str]:
    """Verifier keys of one log, and of witnesses; and the log's name. Raises MalformedNote, InvalidRequest."""
    keys = [VerifierKey.parse(key) for key in log_keys]
    try:
        return keys, log_origin(keys)
    except UntrustedNote as error:
        raise InvalidRequest(str(error)) from error


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
    ) -> None:
        """Raises InvalidRequest where the state file cannot be used."""
        self._files = files
        self._keys = keys
        self._file = file
        self._origin = log_origin(keys)
        self._form = entries
        self._last: AuditReport | None = None
        state = AuditState() if file is None else file.read()
        self._state = state.from_the_start() if from_the_start else state

    def run(self, *, visit: Visit | None = None, progress: Hashed | None = None) -> AuditReport:
        """Audit the log as it is now; an audit that was cut short is finished first. Raises as `audit_log`."""
        before = _read(self._state.seen)
        hashed = 0
        while True:
            unfinished = self._state.target
            note = self._files.checkpoint() if unfinished is None else unfinished
            if self._last is not None and self._last.note == note:  # nothing was added
                return replace(self._last, before=before, hashed=hashed)
            try:
                audit = Audit(note, self._keys, self._files.fetch, self._state, form=self._form, visit=visit)
            except (MalformedNote, UntrustedNote) as refusal:
                return self._no_checkpoint(note, before, str(refusal))
            begun = self._state.size
            try:
                self._go_through(audit, progress)
            finally:
                self._keep(audit.state)
            hashed += max(0, audit.size - begun)
            report = AuditReport(
                self._origin,
                audit.checkpoint,
                note,
                before,
                audit.cosigners,
                tuple(audit.findings),
                audit.form,
                dict(audit.by_key),
                audit.uncounted,
                hashed,
            )
            self._last = report if report.is_sound else None
            if unfinished is None or not report.is_sound:
                return report

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

    def _no_checkpoint(self, note: bytes, before: Checkpoint | None, why: str) -> AuditReport:
        finding = Finding("checkpoint", f"the log shows no checkpoint of its own: {why}", (note,))
        return AuditReport(self._origin, None, note, before, (), (finding,), self._state.form, {}, 0, 0)


def _read(note: bytes | None) -> Checkpoint | None:
    return None if note is None else SignedCheckpoint.parse(note).checkpoint
