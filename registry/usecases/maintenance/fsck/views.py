"""The audit of the views: the rows for look-ups, and those that connect records, against the records themselves."""

from collections.abc import Collection, Iterator, Mapping

from pydantic import BaseModel

from provenance.errors import Conflict, MalformedRecord, NotFound
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    LogFrozen,
    LogGenesis,
    LogKey,
    PublisherKey,
    Record,
    RecordErased,
    VerdictRecorded,
)
from registry.database import (
    Session,
    assets,
    audit,
    events,
    heads,
    log_keys,
    pending_deletions,
    publishers,
    resemblances,
    sealed,
)
from registry.database.audit import Stretch, shown
from registry.database.failures import translated
from registry.usecases.maintenance.fsck.blobs import BlobAudit
from registry.usecases.maintenance.fsck.defect import Defect, Kind

_BLOBS = ("sketch_sha256", "thumbnail_sha256", "signed_blob_sha256", "manifest_blob_sha256", "private_blob_sha256")


class ViewAudit:
    """Compares assets and withdrawals with each stretch, publishers and keys at the end."""

    def __init__(self, blobs: BlobAudit, replayed: Session) -> None:
        """`blobs`: those that there are. `replayed`: an empty store to replay the key records into."""
        self._blobs = blobs
        self._replayed = replayed
        self._log_keys: set[int] = set()  # the entries that change them
        self._connections = ConnectionAudit()

    def follow(self, stretch: Stretch, records: Mapping[int, tuple[bytes, Record]]) -> Iterator[Defect]:
        """Compare the rows of a stretch with its records, which are given by index."""
        for index, (record_id, record) in records.items():
            match record:
                case AssetRegistered():
                    yield from self._asset(stretch, index, record_id, record)
                case AssetWithdrawn():
                    yield from _withdrawal(stretch, index, record)
                case LogKey():
                    self._log_keys.add(index)
                case PublisherKey():
                    yield from self._replay(record, index)
        registered = {index for index, (_, record) in records.items() if isinstance(record, AssetRegistered)}
        unread = {index for index in range(stretch.start, stretch.stop) if stretch.is_unread(index)}
        for index in sorted(stretch.assets.keys() - registered - unread):
            yield Defect("asset", f"asset {index}", "no record registers it")
        for index in sorted(stretch.sealed.keys() - registered - unread):
            yield Defect("asset", f"asset {index}", "it is sealed, and no record registers it")
        withdrawn = {index for index, (_, record) in records.items() if isinstance(record, AssetWithdrawn)}
        for index in sorted(stretch.withdrawals.keys() - withdrawn - unread):
            yield Defect("withdrawal", f"withdrawal {index}", "no record states it")
        yield from self._connections.follow(stretch, records)

    def end(self, session: Session) -> Iterator[Defect]:
        """Compare publishers and keys with the replayed key records."""
        for index in sorted(self._log_keys ^ set(log_keys.indices(session))):
            lacking = "the row is missing" if index in self._log_keys else "no record states it"
            yield Defect("key", f"log.key {index}", lacking)
        expected = {row.id: row for row in publishers.all_of(self._replayed)}
        stored = {row.id: row for row in publishers.all_of(session)}
        sound = {row.id: row for row in audit.sound(stored.values())}
        yield from _differences("publisher", expected, sound, {*stored} - {*sound})
        for publisher in sorted({*expected, *sound}):
            keys = {row.kid: row for row in publishers.keys_of(session, publisher)}
            sound_keys = {row.kid.hex(): row for row in audit.sound(keys.values())}
            yield from _differences(
                "key",
                {row.kid.hex(): row for row in publishers.keys_of(self._replayed, publisher)},
                sound_keys,
                {audit.shown(kid) for kid in keys} - {*sound_keys},
            )
        kept, counted = heads.served(session).registrations, assets.count(session)
        if kept != counted:
            yield Defect("head", "log_head", f"states {kept} public registrations, and there are {counted}")
        if orphans := resemblances.orphans(session):
            yield Defect("resemblance", "resemblances", f"{orphans} rows are about no public registration")
        yield from self._connections.end(session)

    def _asset(self, stretch: Stretch, index: int, record_id: bytes, record: AssetRegistered) -> Iterator[Defect]:
        name = f"asset {record_id.hex()}"
        row, sealed_row = stretch.assets.get(index), stretch.sealed.get(index)
        if sealed_row is not None and row is not None:
            yield Defect("asset", name, "it is both public and sealed")
        if row is None and sealed_row is not None:
            try:
                row = sealed.revealed(sealed_row, record)
            except MalformedRecord as error:
                yield Defect("asset", name, str(error))
                return
            if (row.publisher_id, row.sketch_sha256) != (sealed_row.publisher_id, sealed_row.sketch_sha256):
                yield Defect("asset", name, "publisher or sketch: not as in the record")
        if row is None:
            if not (stretch.lacks("asset", index) or stretch.lacks("sealed_asset", index)):
                yield Defect("asset", name, "the row is missing")
            return
        entry = stretch.entries[index]
        blobs = assets.AssetBlobs.of(row)
        try:
            expected = assets.asset_row(record_id, record, index, entry.logged_at_ms, row.claims_digest, blobs)
        except MalformedRecord as error:
            yield Defect("asset", name, str(error))
            return
        columns = _differing(expected, row)
        if row.signed_blob_sha256 not in (None, expected.signed_sha256):
            columns.append("signed_blob_sha256")
        private = record.credential.private_sha256 if record.credential else None
        if row.private_blob_sha256 not in (None, private):
            columns.append("private_blob_sha256")
        if columns:
            yield Defect("asset", name, f"{', '.join(columns)}: not as in the record")
        for column in _BLOBS:
            sha256 = getattr(row, column)
            if sha256 is not None and sha256 not in self._blobs:
                yield Defect("blob", sha256.hex(), f"missing, although it is {column} of {name}")

    def _replay(self, record: PublisherKey, index: int) -> Iterator[Defect]:
        try:
            with translated(), self._replayed.begin_nested():
                publishers.apply(self._replayed, record, index)
        except (Conflict, NotFound) as error:
            yield Defect("key", record.key.thumbprint.hex(), f"entry {index} cannot be applied: {error}")


def _withdrawal(stretch: Stretch, index: int, record: AssetWithdrawn) -> Iterator[Defect]:
    name = f"withdrawal {index}"
    row = stretch.withdrawals.get(index)
    if row is None and stretch.lacks("withdrawal", index):
        return
    if row is None:
        yield Defect("withdrawal", name, "the row is missing")
    elif (row.target, row.reason) != (record.record, record.reason):
        yield Defect("withdrawal", name, "target or reason: not as in the record")


def _differences(
    kind: Kind, expected: Mapping[str, BaseModel], stored: Mapping[str, BaseModel], told: Collection[str]
) -> Iterator[Defect]:
    """Report differing rows; `told`: names of rows with an earlier finding."""
    for name in sorted({*expected, *stored} - {*told}):
        if name not in stored:
            yield Defect(kind, name, "the row is missing")
        elif name not in expected:
            yield Defect(kind, name, "no record enrols it")
        elif columns := _differing(expected[name], stored[name]):
            yield Defect(kind, name, f"{', '.join(columns)}: not as in the records")


def _differing(expected: BaseModel, stored: BaseModel) -> list[str]:
    mine, theirs = expected.model_dump(warnings=False), stored.model_dump(warnings=False)
    return [column for column in mine if mine[column] != theirs[column]]


class ConnectionAudit:
    """Follows the records from the log's first entry; give it every stretch in order, then `end` it."""

    def __init__(self) -> None:
        self._disputed: dict[bytes, bytes] = {}  # registration by dispute
        self._unsealed: dict[bytes, str] = {}  # sealed records that are public, whose reveal was not seen yet
        self._sealed: set[bytes] = set()
        self._derivations = 0
        self._unread = False  # whether a row was left out, so that counts prove nothing

    def follow(self, stretch: Stretch, records: Mapping[int, tuple[bytes, Record]]) -> Iterator[Defect]:
        """Compare the rows of a stretch with its records, which are given by index."""
        for index, (record_id, record) in records.items():
            if isinstance(record, AssetRegistered):
                yield from self._seal(stretch, index, record_id, record)
                yield from self._derivation(stretch, index, record_id, record)
            elif isinstance(record, AssetDisputed):
                self._disputed[record_id] = record.record
            elif isinstance(record, AssetRevealed):
                self._unsealed.pop(record.record, None)
                if record.record in self._sealed:
                    yield Defect("asset", f"asset {record.record.hex()}", f"sealed, although entry {index} reveals it")
            stored = {row.target for row in stretch.events.get(index, ()) if row.type == record.TYPE}
            if stretch.lacks("event", index):
                continue
            if stored != self._targets(record) or len(stored) != len(stretch.events.get(index, ())):
                yield Defect("event", f"events of entry {index}", "not as in the record")
        self._unread = self._unread or bool(stretch.unreadable) or any(stretch.left_out.values())
        for index in sorted(stretch.events.keys() - records.keys()):
            yield from _of_no_record(stretch, index)

    def end(self, session: Session) -> Iterator[Defect]:
        """Report what is known only after the last entry."""
        for name in self._unsealed.values():
            yield Defect("asset", name, "it is public, although its record is sealed and no record reveals it")
        if not self._unread and events.derivation_count(session) != self._derivations:
            yield Defect("derivation", "derivations", "there are derivations that no public record states")
        for record in sorted({shown(record) for record, _ in pending_deletions.all_of(session)}):
            yield Defect("record", f"record {record}", "its erasure is not finished: start the server")

    def _seal(self, stretch: Stretch, index: int, record_id: bytes, record: AssetRegistered) -> Iterator[Defect]:
        name = f"asset {record_id.hex()}"
        if index in stretch.sealed:
            self._sealed.add(record_id)
            if record.visibility != "sealed":
                yield Defect("asset", name, "it is sealed, although its record is public")
        elif record.visibility == "sealed" and not stretch.lacks("sealed_asset", index):
            self._unsealed[record_id] = name

    def _derivation(self, stretch: Stretch, index: int, record_id: bytes, record: AssetRegistered) -> Iterator[Defect]:
        stated = events.derivations(record) if index in stretch.assets else {}
        self._derivations += len(stated)
        if stretch.derivations.get(record_id, {}) != stated and not stretch.lacks("derivation", record_id):
            yield Defect("derivation", f"derivations of {record_id.hex()}", "not as in the record")

    def _targets(self, record: Record) -> set[bytes]:
        """The records that a record is an event about."""
        match record:
            case AssetDisputed() | AssetRevealed() | RecordErased():
                return {record.record}
            case DisputeAnswered():
                return {self._disputed.get(record.dispute, b"")}
            case VerdictRecorded():
                return set(record.records)
            case LogGenesis() | LogKey() | LogFrozen() | PublisherKey() | AssetRegistered() | AssetWithdrawn():
                return set()


def _of_no_record(stretch: Stretch, index: int) -> Iterator[Defect]:
    """Report events without a record, unless the record was erased and has the event's type."""
    entry = stretch.entries.get(index)
    stored = None if entry is None else stretch.records.get(entry.record_id)
    if stretch.is_unread(index):
        return
    if stored is None or stored.canonical or any(row.type != stored.type for row in stretch.events[index]):
        yield Defect("event", f"events of entry {index}", "no record states them")
