"""Proofs: what the registry hands out so that nobody has to believe it.

Every proof is under the latest published checkpoint, and is verified before it is handed out: a store that has been
tampered with, or has rotted, answers with StoreCorrupt and never with a proof that does not hold.
"""

import functools
from dataclasses import dataclass, replace

from provenance.errors import (
    CountermarkError,
    MalformedTile,
    ProofInvalid,
    StoreCorrupt,
    StoreUnavailable,
)
from provenance.limits import MAX_RECEIPT_RECORDS
from provenance.statement.record import AssetRegistered, AssetWithdrawn, parse_record
from provenance.statement.statement import parse_statement
from provenance.transparency.checkpoint import Checkpoint, SignedCheckpoint
from provenance.transparency.merkle import NodeReader, inclusion_proof
from provenance.transparency.note import Note, VerifierKey
from provenance.transparency.receipt import LoggedRecord, Receipt
from provenance.transparency.receipt_verification import verify_receipt
from provenance.transparency.tlog_proof import TlogProof
from registry.blobs import Objects
from registry.sequencer import Sequencer
from registry.store import Session, Store, assets, entries, log_keys, publishers
from registry.tiles import Tiles


def prove(tiles: Tiles, index: int, size: int) -> list[bytes]:
    """The inclusion proof of an entry in the tree of `size` entries, as the stored tiles give it: not verified.

    Raises ProofInvalid for an index beyond the tree, StoreCorrupt for missing or malformed tiles, StoreUnavailable.
    """
    return _prove(tiles.reader(size), index, size)


class Proofs:
    """Makes the proofs of one log. All methods may be called from any thread."""

    def __init__(self, store: Store, objects: Objects, sequencer: Sequencer) -> None:
        self._store = store
        self._tiles = Tiles(objects)
        self._sequencer = sequencer

    def tlog_proof(self, record_id: bytes) -> TlogProof:
        """The C2SP tlog-proof of a record's entry.

        Raises NotFound, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        with self._store.read() as session:
            entry = entries.of_record(session, record_id)
        return self._tree().prove(entry.index, entry.statement)

    def receipt(self, record_id: bytes) -> Receipt:
        """All that it takes to check a record offline: see `provenance.transparency.receipt`.

        `chain` holds the record's withdrawals, and the registrations it was made from with theirs, the nearest first
        where there are more than a receipt may hold; for a withdrawal, the registration that it takes back. `keys`
        holds the records that began and ended each key which signed one of them, and those that changed the log's keys.
        The checkpoint has all its signatures in the subject's proof, and in the others the log's Ed25519 one alone: an
        ML-DSA-44 signature takes 3 KB.

        Raises NotFound, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        tree = self._tree()
        with self._store.read() as session:
            subject = self._logged(session, tree, record_id)
            tree = replace(tree, note=tree.bare_note())
            chain = self._chain(session, tree, subject)
            keys = self._keys(session, tree, [subject, *chain])
            genesis = self._logged(session, tree, entries.get(session, 0).record_id)
        receipt = Receipt(subject, keys, genesis, chain, str(tree.key))
        try:
            report = verify_receipt(receipt, trusted_keys=[tree.key])
        except CountermarkError as error:
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} makes no receipt: {error}") from error
        if not report.holds:
            failed = "; ".join(f"{step.name}: {step.detail}" for step in report.steps if step.outcome == "fails")
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} proves nothing: {failed}")
        return receipt

    def _tree(self) -> "_Tree":
        note = self._sequencer.checkpoint()
        checkpoint, _ = self._sequencer.keys.open(note)
        key = self._sequencer.keys.signing_key(checkpoint.size)
        return _Tree(note, checkpoint, key, functools.cache(self._tiles.reader(checkpoint.size)))

    def _logged(self, session: Session, tree: "_Tree", record_id: bytes) -> LoggedRecord:
        entry = entries.of_record(session, record_id)
        record = entries.record(session, record_id)
        return LoggedRecord(record.canonical, entry.statement, tree.prove(entry.index, entry.statement))

    def _chain(self, session: Session, tree: "_Tree", subject: LoggedRecord) -> tuple[LoggedRecord, ...]:
        found: dict[int, LoggedRecord] = {}
        waiting = _related(session, subject)
        while waiting and len(found) < MAX_RECEIPT_RECORDS:
            record_id = waiting.pop(0)
            entry = entries.of_record(session, record_id)
            if entry.index < tree.checkpoint.size and entry.index not in {*found, subject.index}:
                found[entry.index] = self._logged(session, tree, record_id)
                waiting += _related(session, found[entry.index])
        return tuple(found[index] for index in sorted(found))

    def _keys(self, session: Session, tree: "_Tree", signed: list[LoggedRecord]) -> tuple[LoggedRecord, ...]:
        indices = {*log_keys.indices(session)} - {each.index for each in signed}
        for each in signed:
            key = publishers.find_key(session, parse_statement(each.statement).kid)
            if key is not None:  # else an operator's, which the genesis record names
                changes = (key.enrolled_index, key.ended_index, key.revoked_index)
                indices |= {index for index in changes if index is not None}
        return tuple(
            self._logged(session, tree, entries.get(session, index).record_id)
            for index in sorted(indices)
            if index < tree.checkpoint.size
        )


@dataclass(frozen=True, eq=False)
class _Tree:
    """The published tree that a proof is made in; `key` is the Ed25519 key that signed its checkpoint."""

    note: bytes
    checkpoint: Checkpoint
    key: VerifierKey
    read: NodeReader

    def bare_note(self) -> bytes:
        """The note with the signature by `key` alone."""
        note = SignedCheckpoint.parse(self.note).note
        own = (line for line in note.signatures if (line.name, line.key_id) == (self.key.name, self.key.key_id))
        return Note(note.text, tuple(own)).serialise()

    def prove(self, index: int, statement: bytes) -> TlogProof:
        """A verified proof that the statement is entry `index`."""
        if index >= self.checkpoint.size:
            raise StoreUnavailable(f"entry {index} is not published yet")
        proof = TlogProof(index, tuple(_prove(self.read, index, self.checkpoint.size)), self.note)
        try:
            proof.verify_inclusion(statement, self.checkpoint)
        except ProofInvalid as error:
            raise StoreCorrupt(f"the store no longer proves entry {index}: {error}") from error
        return proof


def _prove(read: NodeReader, index: int, size: int) -> list[bytes]:
    try:
        return inclusion_proof(index, size, read)
    except MalformedTile as error:
        raise StoreCorrupt(f"the tiles that prove entry {index} are missing or damaged: {error}") from error


def _related(session: Session, logged: LoggedRecord) -> list[bytes]:
    """Ids of the records that belong with one: its withdrawals and origins, or the registration it withdraws."""
    if logged.record is None:
        return []
    try:
        record = parse_record(logged.record)
    except CountermarkError as error:
        raise StoreCorrupt(f"the record of entry {logged.index} has changed: {error}") from error
    if isinstance(record, AssetWithdrawn):
        return [record.record]
    if not isinstance(record, AssetRegistered):
        return []
    own = parse_statement(logged.statement).record_id
    origins = [parent.record for parent in record.parents]
    if record.rendition_of is not None:
        origins.append(record.rendition_of)
    withdrawals = [entries.get(session, row.index).record_id for row in assets.withdrawals_of(session, own)]
    return withdrawals + [each for each in origins if entries.with_records(session, [each])]
