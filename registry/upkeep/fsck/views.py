"""The audit of the views: the rows that lookups use, against the records they were made from."""

from collections.abc import Collection, Iterator, Mapping

from pydantic import BaseModel

from provenance.errors import Conflict, MalformedRecord, NotFound
from provenance.statement.record import AssetRegistered, AssetWithdrawn, LogKey, PublisherKey, Record
from registry.blobs import Blobs
from registry.store import Session, assets, audit, log_keys, publishers, resemblances, sealed
from registry.store.audit import Stretch
from registry.store.failures import translated
from registry.upkeep.fsck.connections import ConnectionAudit
from registry.upkeep.fsck.finding import Finding, Kind

_BLOBS = ("sketch_sha256", "thumbnail_sha256", "signed_blob_sha256", "manifest_blob_sha256", "private_blob_sha256")


class ViewAudit:
    """Compares assets and withdrawals as records come by, publishers and keys at the end."""

    def __init__(self, blobs: Blobs, replayed: Session) -> None:
        """`replayed` is an empty store to replay the key records into."""
        self._blobs = blobs
        self._replayed = replayed
        self._log_keys: set[int] = set()  # the entries that change them
        self._connections = ConnectionAudit()

    def follow(self, stretch: Stretch, records: Mapping[int, tuple[bytes, Record]]) -> Iterator[Finding]:
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
            yield Finding("asset", f"asset {index}", "no record registers it")
        for index in sorted(stretch.sealed.keys() - registered - unread):
            yield Finding("asset", f"asset {index}", "it is kept back, and no record registers it")
        withdrawn = {index for index, (_, record) in records.items() if isinstance(record, AssetWithdrawn)}
        for index in sorted(stretch.withdrawals.keys() - withdrawn - unread):
            yield Finding("withdrawal", f"withdrawal {index}", "no record states it")
        yield from self._connections.follow(stretch, records)

    def end(self, session: Session) -> Iterator[Finding]:
        """Compare publishers and keys with what the key records make of them."""
        for index in sorted(self._log_keys ^ set(log_keys.indices(session))):
            lacking = "the row is missing" if index in self._log_keys else "no record states it"
            yield Finding("key", f"log.key {index}", lacking)
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
        if orphans := resemblances.orphans(session):
            yield Finding("resemblance", "resemblances", f"{orphans} rows are about no public registration")
        yield from self._connections.end(session)

    def _asset(self, stretch: Stretch, index: int, record_id: bytes, record: AssetRegistered) -> Iterator[Finding]:
        name = f"asset {record_id.hex()}"
        row, kept_back = stretch.assets.get(index), stretch.sealed.get(index)
        if kept_back is not None and row is not None:
            yield Finding("asset", name, "it is public and kept back at once")
        if row is None and kept_back is not None:
            try:
                row = sealed.revealed(kept_back, record)
            except MalformedRecord as error:
                yield Finding("asset", name, str(error))
                return
            if (row.publisher_id, row.sketch_sha256) != (kept_back.publisher_id, kept_back.sketch_sha256):
                yield Finding("asset", name, "publisher or sketch: not as in the record")
        if row is None:
            if not (stretch.lacks("asset", index) or stretch.lacks("sealed_asset", index)):
                yield Finding("asset", name, "the row is missing")
            return
        entry = stretch.entries[index]
        blobs = assets.AssetBlobs.of(row)
        try:
            expected = assets.asset_row(record_id, record, index, entry.logged_at_ms, row.claims_digest, blobs)
        except MalformedRecord as error:
            yield Finding("asset", name, str(error))
            return
        columns = _differing(expected, row)
        if row.signed_blob_sha256 not in (None, expected.signed_sha256):
            columns.append("signed_blob_sha256")
        private = record.credential.private_sha256 if record.credential else None
        if row.private_blob_sha256 not in (None, private):
            columns.append("private_blob_sha256")
        if columns:
            yield Finding("asset", name, f"{', '.join(columns)}: not as in the record")
        for column in _BLOBS:
            sha256 = getattr(row, column)
            if sha256 is not None and sha256 not in self._blobs:
                yield Finding("blob", sha256.hex(), f"missing, and {column} of {name}")

    def _replay(self, record: PublisherKey, index: int) -> Iterator[Finding]:
        try:
            with translated(), self._replayed.begin_nested():
                publishers.apply(self._replayed, record, index)
        except (Conflict, NotFound) as error:
            yield Finding("key", record.key.thumbprint.hex(), f"entry {index} cannot be applied: {error}")


def _withdrawal(stretch: Stretch, index: int, record: AssetWithdrawn) -> Iterator[Finding]:
    name = f"withdrawal {index}"
    row = stretch.withdrawals.get(index)
    if row is None and stretch.lacks("withdrawal", index):
        return
    if row is None:
        yield Finding("withdrawal", name, "the row is missing")
    elif (row.target, row.reason) != (record.record, record.reason):
        yield Finding("withdrawal", name, "target or reason: not as in the record")


def _differences(
    kind: Kind, expected: Mapping[str, BaseModel], stored: Mapping[str, BaseModel], told: Collection[str]
) -> Iterator[Finding]:
    """What differs; `told` are the names of rows of which something was said already."""
    for name in sorted({*expected, *stored} - {*told}):
        if name not in stored:
            yield Finding(kind, name, "the row is missing")
        elif name not in expected:
            yield Finding(kind, name, "no record enrols it")
        elif columns := _differing(expected[name], stored[name]):
            yield Finding(kind, name, f"{', '.join(columns)}: not as in the records")


def _differing(expected: BaseModel, stored: BaseModel) -> list[str]:
    mine, theirs = expected.model_dump(warnings=False), stored.model_dump(warnings=False)
    return [column for column in mine if mine[column] != theirs[column]]
