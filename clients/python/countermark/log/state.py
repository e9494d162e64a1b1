"""The state file: what earlier audits have seen of a log, so that the log cannot undo it.

The file is JSON, replaced atomically: an interrupted audit leaves the old file or the new one. Anyone who can write the
file can remove that knowledge; keep it where the log's operator cannot write.
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
    """The format of the file; hashes and key ids are in hex."""

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
    key_records: dict[int, _Hex] | None = Field(max_length=MAX_COUNTED_KEYS + 1)


class StateFile:
    """The audit state of one log. Only one audit at a time may use it."""

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self._origin = origin

    @classmethod
    def default(cls, origin: str, purpose: Literal["audit", "watch"]) -> "StateFile":
        """The log's file in the user's state folder (XDG base directories)."""
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", origin)[:80]
        digest = hashlib.sha256(origin.encode()).hexdigest()[:16]
        try:
            folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        except RuntimeError as error:
            raise InvalidRequest("there is no home folder: set a state file") from error
        return cls(folder / "countermark" / f"{name}-{digest}.{purpose}.json", origin)

    def read(self) -> AuditState:
        """The saved state; an empty state if there is no file.

        Raises:
            InvalidRequest: the file is unreadable, damaged, or for another log.
        """
        if not self.path.exists():
            return AuditState()
        data = Content.of(self.path).read(MAX_AUDIT_STATE_BYTES)
        try:
            saved = _Saved.model_validate_json(data)
            if saved.origin != self._origin:
                raise InvalidRequest(f"{self.path} is the audit state of another log, {saved.origin}")
            return _state(saved)
        except (ValidationError, MalformedNote, ProofInvalid) as error:
            raise InvalidRequest(
                f"{self.path} is damaged. Restore it, or move it away: the log is then audited as if never seen"
            ) from error

    def write(self, state: AuditState) -> None:
        """Replaces the file durably. Raises InvalidRequest if it cannot be written; the old file then stays."""
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
            key_records=None
            if state.key_records is None
            else {index: record_id.hex() for index, record_id in state.key_records},
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
    named = saved.key_records
    key_records = None if named is None else tuple((index, bytes.fromhex(each)) for index, each in named.items())
    return AuditState(notes[0], notes[1], saved.size, nodes, saved.entries, by_key, saved.uncounted, key_records)


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
    with suppress(OSError):  # not every system can sync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
