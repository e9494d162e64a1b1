"""The state file: what an auditor remembers of a log, so that the log cannot take it back.

JSON, replaced as a whole: an audit that is cut short leaves the old file or the new one. Whoever can write it can make
the auditor forget; keep it where the log's operator cannot.
"""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from countermark.content import Content
from provenance.errors import InvalidRequest, MalformedNote, ProofInvalid
from provenance.limits import MAX_AUDIT_STATE_BYTES, MAX_COUNTED_KEYS, MAX_TREE_SIZE, TILE_WIDTH
from provenance.transparency.audit import AuditState, Form
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.merkle import Frontier

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Saved(BaseModel):
    """The file's own form; hashes and key ids are in hex."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["countermark-audit"]
    version: Literal[1]
    origin: str
    seen: str | None
    target: str | None
    size: int = Field(ge=0, le=MAX_TREE_SIZE, multiple_of=TILE_WIDTH)
    nodes: list[_Hex]
    entries: Form | None
    by_key: dict[_Hex, int] = Field(max_length=MAX_COUNTED_KEYS)
    uncounted: int = Field(ge=0)


class StateFile:
    """The state of the audits of one log. One audit at a time may use it."""

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self._origin = origin

    @classmethod
    def default(cls, origin: str, purpose: Literal["audit", "watch"]) -> "StateFile":
        """The file of this log in the user's state folder (XDG base directories)."""
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", origin)[:80]
        digest = hashlib.sha256(origin.encode()).hexdigest()[:16]
        try:
            folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        except RuntimeError as error:
            raise InvalidRequest("there is no home folder: name a state file") from error
        return cls(folder / "countermark" / f"{name}-{digest}.{purpose}.json", origin)

    def read(self) -> AuditState:
        """What was written last; the state of no audit where there is no file.

        Raises:
            InvalidRequest: the file cannot be read, is damaged, or is of another log.
        """
        if not self.path.exists():
            return AuditState()
        data = Content.of(self.path).read(MAX_AUDIT_STATE_BYTES)
        try:
            saved = _Saved.model_validate_json(data)
            if saved.origin != self._origin:
                raise InvalidRequest(f"{self.path} is the state of the audits of another log, {saved.origin}")
            return _state(saved)
        except (ValidationError, MalformedNote, ProofInvalid) as error:
            raise InvalidRequest(
                f"{self.path} is damaged. Restore it, or move it away: the log is then audited as if never seen"
            ) from error

    def write(self, state: AuditState) -> None:
        """Replace the file, durably. Raises InvalidRequest where it cannot be written; the old one then stands."""
        saved = _Saved(
            format="countermark-audit",
            version=1,
            origin=self._origin,
            seen=None if state.seen is None else state.seen.decode(),
            target=None if state.target is None else state.target.decode(),
            size=state.size,
            nodes=[node.hex() for node in state.nodes],
            entries=state.form,
            by_key={kid.hex(): count for kid, count in state.by_key.items()},
            uncounted=state.uncounted,
        )
        try:
            _replace(self.path, saved.model_dump_json(indent=1).encode() + b"\n")
        except (OSError, ValueError) as error:
            raise InvalidRequest(
                f"{self.path} cannot be written: {getattr(error, 'strerror', None) or error}"
            ) from error


def _state(saved: _Saved) -> AuditState:
    """Raises MalformedNote, ProofInvalid."""
    notes = [None if note is None else note.encode() for note in (saved.seen, saved.target)]
    for note in notes:
        if note is not None:
            SignedCheckpoint.parse(note)
    nodes = tuple(bytes.fromhex(node) for node in saved.nodes)
    Frontier.from_nodes(saved.size, nodes)
    by_key = {bytes.fromhex(kid): count for kid, count in saved.by_key.items()}
    return AuditState(notes[0], notes[1], saved.size, nodes, saved.entries, by_key, saved.uncounted)


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise
    with suppress(OSError):  # not every system flushes folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
