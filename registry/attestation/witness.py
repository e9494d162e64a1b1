"""A witness for other logs: what it has cosigned of each, kept so that it never cosigns two histories of one.

The rules are `provenance.transparency.witness`'s. What was cosigned last is one file for each log, which monitors are
served as well (C2SP tlog-witness):

    logs/<SHA-256 of the origin>/checkpoint

It is durable before an answer leaves, and must never be rolled back: a witness that forgets can be shown a fork.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from provenance.errors import MalformedNote, SettingsInvalid, StoreCorrupt, StoreUnavailable, UntrustedNote
from provenance.limits import MAX_COSIGNED_NAME_BYTES, MAX_WITNESS_KEYS_BYTES, MAX_WITNESSED_LOGS
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.note import COSIGNATURE_V1, ED25519, ML_DSA_44, Note, VerifierKey, verify_note
from provenance.transparency.witness import Cosigned, CosigningKey, Refusal, WitnessedLog, answer, monitoring_path
from registry.database.lock import FolderLock
from registry.keys.keystore import Keystore
from registry.storage.objects import LocalObjects, Objects
from registry.times import to_milliseconds

LogKeys = Mapping[str, tuple[VerifierKey, ...]]
"""The logs that a witness knows: their keys, by origin."""


def read_logs(data: bytes) -> LogKeys:
    """The logs of a file with a verifier key a line, named as its log; empty lines and those with # are passed over.

    Raises:
        SettingsInvalid: a line that is no key of a log, or too many.
    """
    if len(data) > MAX_WITNESS_KEYS_BYTES:
        raise SettingsInvalid(f"the file of logs has more than {MAX_WITNESS_KEYS_BYTES} bytes")
    logs: dict[str, tuple[VerifierKey, ...]] = {}
    for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            key = VerifierKey.parse(text)
        except MalformedNote as error:
            raise SettingsInvalid(f"line {number} of the file of logs: {error}") from error
        if key.key_type not in (ED25519, ML_DSA_44):
            raise SettingsInvalid(f"line {number} of the file of logs: not the key of a log")
        if len(key.name.encode()) > MAX_COSIGNED_NAME_BYTES:
            raise SettingsInvalid(f"line {number} of the file of logs: a name of more than 255 bytes is not cosigned")
        logs[key.name] = (*logs.get(key.name, ()), key)
    if len(logs) > MAX_WITNESSED_LOGS:
        raise SettingsInvalid(f"a witness knows {MAX_WITNESSED_LOGS} logs at most")
    return logs


class Witness:
    """One witness and its folder. All methods may be called from any thread."""

    def __init__(
        self, folder: Path, keys: Sequence[CosigningKey], logs: LogKeys, clock: Callable[[], datetime]
    ) -> None:
        """Take the folder, of which this is the only witness.

        Args:
            keys: its own, as `open_keys` gives them: each cosigns, and by the first it knows what it has cosigned.
            clock: now, with a zone.

        Raises:
            StoreLocked: another process has the folder.
            StoreUnavailable: it cannot be written.
        """
        self.keys = tuple(each.key for each in keys)
        self._cosigning = tuple(keys)
        self._clock = clock
        self._lock = FolderLock(folder)
        try:
            objects = LocalObjects(folder / "logs")
            self._logs = {origin: _Witnessed(objects, origin, keys) for origin, keys in logs.items()}
        except BaseException:
            self._lock.release()
            raise
        self._by_path = {log.name: log for log in self._logs.values()}

    @classmethod
    def open(cls, folder: Path, name: str, passphrase: bytes, logs: LogKeys, clock: Callable[[], datetime]) -> Self:
        """The witness of a folder. Raises as the constructor, and as `open_keys`."""
        return cls(folder, open_keys(folder, name, passphrase, clock), logs, clock)

    @property
    def key(self) -> VerifierKey:
        """Its Ed25519 key, which was there first."""
        return self.keys[0]

    def add_checkpoint(self, body: bytes) -> Cosigned | Refusal:
        """Answer a request; what is cosigned is durable when this returns.

        Of two requests about one log the second is decided on what came of the first.

        Raises:
            StoreUnavailable: nothing was cosigned, because it could not be kept.
            StoreCorrupt: what is kept of the log is not what this witness has cosigned.
        """
        with ExitStack() as held:

            def find(origin: str) -> WitnessedLog | None:
                log = self._logs.get(origin)
                if log is None:
                    return None
                held.enter_context(log.lock)
                return log.read(self.key)

            outcome = answer(body, find, self._cosigning, time=to_milliseconds(self._clock()) // 1000)
            if isinstance(outcome, Cosigned):
                self._logs[outcome.checkpoint.origin].keep(outcome.note.serialise())
            return outcome

    def monitored(self, path: str) -> bytes | None:
        """The note that was cosigned last, by its `monitoring_path`, or None. Raises StoreUnavailable."""
        log = self._by_path.get(path)
        return None if log is None else log.held()

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.release()


def open_keys(
    folder: Path, name: str, passphrase: bytes, clock: Callable[[], datetime]
) -> tuple[CosigningKey, CosigningKey]:
    """The keys of a witness, Ed25519 and ML-DSA-44; on the first start they are made, and the folder.

    A witness of before there was a second one gets it.

    Args:
        name: of both, as its cosignatures have it.

    Raises:
        UnusableKey: wrong passphrase; a file is damaged, open to other users, or missing where it has cosigned.
        StoreUnavailable: the folder cannot be read or written.
        MalformedNote: the name cannot name a key.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cosigned = [path.read_bytes() for path in folder.glob("logs/*/checkpoint")]
    except OSError as error:
        raise StoreUnavailable(f"the folder {folder} cannot be used: {error.strerror}") from error
    is_second_new = not any(_is_cosigned_twice(note, name) for note in cosigned)
    first, second = Keystore.open_witness(folder, passphrase, clock, is_new=not cosigned, is_second_new=is_second_new)
    return (
        CosigningKey(VerifierKey(name, COSIGNATURE_V1, first.public_key.raw), first.sign),
        CosigningKey(VerifierKey(name, ML_DSA_44, second.public), second.sign),
    )


def _is_cosigned_twice(note: bytes, name: str) -> bool:
    """Whether a witness of this name has two lines in a note: the second is ML-DSA-44's."""
    try:
        return [line.name for line in Note.parse(note).signatures].count(name) > 1
    except MalformedNote:  # what that means is for whoever reads it
        return False


class _Witnessed:
    """What is kept of one log. `lock` is held from reading it to keeping what comes of it."""

    def __init__(self, objects: Objects, origin: str, keys: tuple[VerifierKey, ...]) -> None:
        self.lock = threading.Lock()
        self.name = monitoring_path(origin)
        self._objects = objects
        self._origin = origin
        self._keys = keys

    def held(self) -> bytes | None:
        return self._objects.get(self.name)

    def read(self, key: VerifierKey) -> WitnessedLog:
        held = self.held()
        if held is None:
            return WitnessedLog(self._keys)
        try:
            signed = SignedCheckpoint.parse(held)
            verify_note(signed.note, [key])
        except (MalformedNote, UntrustedNote) as error:
            raise StoreCorrupt(f"logs/{self.name} is not what this witness has cosigned: {error}") from error
        if signed.checkpoint.origin != self._origin:
            raise StoreCorrupt(f"logs/{self.name} is of another log")
        return WitnessedLog(self._keys, signed.checkpoint.size, signed.checkpoint.root)

    def keep(self, note: bytes) -> None:
        self._objects.put(self.name, note)
