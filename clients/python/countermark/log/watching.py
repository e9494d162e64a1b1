"""Watching a log for entries that name your keys and that you did not make."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from countermark.calls import record_digest
from countermark.content import Content
from countermark.defaults import DEFAULT_GRACE
from provenance.errors import CountermarkError, InvalidRequest, SignatureInvalid, UnusableKey
from provenance.limits import MAX_KEY_FILE_BYTES, MAX_RECEIPT_BYTES
from provenance.receipts.receipt import Receipt
from provenance.statement.keys import PublicKey, parse_public_key
from provenance.statement.statement import Statement, verify_statement

MAX_ID_FILE_BYTES = 256 * 1024 * 1024
"""Bytes of a file of record ids: about four million."""

Signature = Literal["verifies", "does not verify", "not checked"]


@dataclass(frozen=True)
class Alarm:
    """An entry that names a watched key, and is not among the records that you made.

    Attributes:
        index: of the entry in the log.
        kid: the key's thumbprint.
        record_id: SHA-256 of the stated record.
        signature: whether the signature verifies; `not checked` if only the key's id is known. An invalid signature is
            not by the key's holder, and shows that the log accepts what it should refuse.
        entry: the statement's bytes.
    """

    index: int
    kid: bytes
    record_id: bytes
    signature: Signature
    entry: bytes


class WatchedKeys:
    """The watched keys: by id alone, or with the public key, which verifies signatures."""

    def __init__(self, keys: Mapping[bytes, PublicKey | None]) -> None:
        self._keys = keys

    @classmethod
    def of(cls, names: Iterable[str]) -> "WatchedKeys":
        """The keys from key ids (64 hex digits) and files with a public key in PEM. Raises InvalidRequest."""
        keys: dict[bytes, PublicKey | None] = {}
        for name in names:
            if len(name) == 64 and not set(name) - set("0123456789abcdef"):
                keys.setdefault(bytes.fromhex(name), None)
            else:
                key = _read_key(Path(name))
                keys[key.thumbprint] = key
        return cls(keys)

    def __contains__(self, kid: bytes) -> bool:
        return kid in self._keys

    def check(self, statement: Statement) -> Signature:
        """Whether the watched key that a statement names has signed it."""
        key = self._keys[statement.kid]
        if key is None:
            return "not checked"
        try:
            verify_statement(statement, key)
        except SignatureInvalid:
            return "does not verify"
        return "verifies"


class MadeRecords:
    """The records that you made: the subjects of saved receipts, and listed ids.

    Each source is a folder with `.countermark` files (also in subfolders), one such file, or a text file with one
    record id per line. `refresh` reads the sources again; each receipt is read once.
    """

    def __init__(self, sources: Iterable[Path], warn: Callable[[str], None]) -> None:
        """Raises InvalidRequest if a source is missing."""
        self._sources = list(sources)
        self._warn = warn
        self._receipts: dict[tuple[Path, int, int], bytes | None] = {}
        self._ids: set[bytes] = set()
        self.refresh()

    def __contains__(self, record_id: bytes) -> bool:
        return record_id in self._ids

    def refresh(self) -> None:
        """Reads the sources again. Raises InvalidRequest if one is missing."""
        for source in self._sources:
            if source.is_dir():
                self._ids.update(filter(None, map(self._subject, sorted(source.rglob("*.countermark")))))
            elif source.suffix == ".countermark":
                self._ids.update(filter(None, (self._subject(source),)))
            else:
                self._ids.update(_read_list(source))

    def _subject(self, path: Path) -> bytes | None:
        """The record of a receipt; None, with a warning, if the file is not a receipt, or incomplete."""
        try:
            status = path.stat()
            known = (path, status.st_size, status.st_mtime_ns)
            if known not in self._receipts:
                receipt = Receipt.parse(Content.of(path).read(MAX_RECEIPT_BYTES))
                self._receipts[known] = receipt.subject.parsed_statement.record_id
            return self._receipts[known]
        except (CountermarkError, OSError) as error:
            self._warn(f"{path} was ignored: {error}")
            return None


class Watch:
    """Compares new entries of a log with the records that you made; calls `alarm` for others. `alarms` counts them."""

    def __init__(
        self,
        keys: WatchedKeys,
        made: MadeRecords,
        alarm: Callable[[Alarm], None],
        *,
        grace: float = DEFAULT_GRACE,
    ) -> None:
        self.alarms = 0
        self._keys = keys
        self._made = made
        self._alarm = alarm
        self._grace = grace
        self._waited = False

    def begin_round(self) -> None:
        """Begins a new round: in each, `grace` is waited for at most once."""
        self._waited = False

    def visit(self, index: int, entry: bytes, statement: Statement | None) -> None:
        """Checks an entry. Raises InvalidRequest if a source of records cannot be read any more."""
        if statement is None or statement.kid not in self._keys or statement.record_id in self._made:
            return
        if not self._waited:
            time.sleep(self._grace)
            self._made.refresh()
            self._waited = True
        if statement.record_id not in self._made:
            self.alarms += 1
            signature = self._keys.check(statement)
            self._alarm(Alarm(index, statement.kid, statement.record_id, signature, entry))


def _read_key(path: Path) -> PublicKey:
    try:
        return parse_public_key(Content.of(path).read(MAX_KEY_FILE_BYTES))
    except UnusableKey as error:
        raise InvalidRequest(f"{path}: {error}") from error


def _read_list(path: Path) -> Iterable[bytes]:
    for line in Content.of(path).read(MAX_ID_FILE_BYTES).decode(errors="replace").splitlines():
        if line.strip() and not line.startswith("#"):
            try:
                yield record_digest(line.strip())
            except InvalidRequest as error:
                raise InvalidRequest(f"{path}: {error}") from error
