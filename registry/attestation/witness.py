"""A witness for other logs: it stores the checkpoint that it cosigned last of each, so that it never cosigns a fork.

The rules are in `provenance.transparency.witness`. The last cosigned checkpoint of each log is one file, which is also
served to monitors (C2SP tlog-witness):

    logs/<SHA-256 of the origin>/checkpoint

The file is durable before a response is sent, and must never be rolled back: a witness that forgets can cosign a fork.
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
from provenance.transparency.witness import Cosigned, CosigningKey, Refusal, WitnessedLog, monitoring_path, respond
from registry.database.lock import FolderLock
from registry.keys.keystore import Keystore
from registry.storage.objects import LocalObjects, Objects
from registry.times import to_milliseconds

LogKeys = Mapping[str, tuple[VerifierKey, ...]]
"""The keys of the logs that a witness accepts, by origin."""


def read_logs(data: bytes) -> LogKeys:
    """Parse a file with one verifier key of a log per line; empty lines and comments (#) are ignored.

    Raises:
        SettingsInvalid: a line that is not a log's key, or too many logs.
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
    """One witness and its data folder. All methods may be called from any thread."""

    def __init__(
        self, folder: Path, keys: Sequence[CosigningKey], logs: LogKeys, clock: Callable[[], datetime]
    ) -> None:
        """Lock the folder, of which this is the only witness.

        Args:
            keys: of the witness, from `open_keys`: each cosigns, and the first verifies the stored checkpoints.
            clock: now, with a zone.

        Raises:
            StoreLocked: another process has the folder open.
            StoreUnavailable: the folder cannot be written.
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
        """The Ed25519 key."""
        return self.keys[0]

    def add_checkpoint(self, body: bytes) -> Cosigned | Refusal:
        """Answer an add-checkpoint request; a cosigned checkpoint is durable when this returns.

        Requests about one log are answered one after the other.

        Raises:
            StoreUnavailable: nothing was cosigned, because the checkpoint could not be stored.
            StoreCorrupt: the stored checkpoint of the log is not one that this witness has cosigned.
        """
        with ExitStack() as locks:

            def find(origin: str) -> WitnessedLog | None:
                log = self._logs.get(origin)
                if log is None:
                    return None
                locks.enter_context(log.lock)
                return log.read(self.key)

            outcome = respond(body, find, self._cosigning, time=to_milliseconds(self._clock()) // 1000)
            if isinstance(outcome, Cosigned):
                self._logs[outcome.checkpoint.origin].store(outcome.note.serialise())
            return outcome

    def monitored(self, path: str) -> bytes | None:
        """The last cosigned note at a `monitoring_path`; None if there is none. Raises StoreUnavailable."""
        log = self._by_path.get(path)
        return None if log is None else log.stored()

    def close(self) -> None:
        """Unlock the folder."""
        self._lock.release()


def open_keys(
    folder: Path, name: str, passphrase: bytes, clock: Callable[[], datetime]
) -> tuple[CosigningKey, CosigningKey]:
    """The keys of a witness, Ed25519 and ML-DSA-44; the first start makes them and the folder.

    An older witness, which has no ML-DSA-44 key, gets one.

    Args:
        name: of both keys, in cosignatures.

    Raises:
        UnusableKey: wrong passphrase; a file is damaged, open to other users, or missing although its key has cosigned.
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
    """Whether a note has two cosignatures by this name, of which the second is by the ML-DSA-44 key."""
    try:
        return [line.name for line in Note.parse(note).signatures].count(name) > 1
    except MalformedNote:  # reported by whoever verifies the note
        return False


class _Witnessed:
    """The stored checkpoint of one log. `lock` is held from reading a checkpoint to storing the next."""

    def __init__(self, objects: Objects, origin: str, keys: tuple[VerifierKey, ...]) -> None:
        self.lock = threading.Lock()
        self.name = monitoring_path(origin)
        self._objects = objects
        self._origin = origin
        self._keys = keys

    def stored(self) -> bytes | None:
        return self._objects.get(self.name)

    def read(self, key: VerifierKey) -> WitnessedLog:
        stored = self.stored()
        if stored is None:
            return WitnessedLog(self._keys)
        try:
            signed = SignedCheckpoint.parse(stored)
            verify_note(signed.note, [key])
        except (MalformedNote, UntrustedNote) as error:
            raise StoreCorrupt(f"logs/{self.name} is not what this witness has cosigned: {error}") from error
        if signed.checkpoint.origin != self._origin:
            raise StoreCorrupt(f"logs/{self.name} is of another log")
        return WitnessedLog(self._keys, signed.checkpoint.size, signed.checkpoint.root)

    def store(self, note: bytes) -> None:
        self._objects.put(self.name, note)
