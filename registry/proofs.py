"""Proofs: what the registry hands out so that nobody has to believe it.

Every proof is under the latest published checkpoint, and is verified before it is handed out: a store that has been
tampered with, or has rotted, answers with StoreCorrupt and never with a proof that does not hold.
"""

import functools
from dataclasses import dataclass
from typing import assert_never

from provenance.errors import (
    CountermarkError,
    MalformedTile,
    ProofInvalid,
    StoreCorrupt,
    StoreUnavailable,
)
from provenance.limits import MAX_RECEIPT_RECORDS
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    LogGenesis,
    PublisherKey,
    RecordErased,
    VerdictRecorded,
    parse_record,
)
from provenance.statement.statement import parse_statement
from provenance.transparency.chain import references
from provenance.transparency.checkpoint import Checkpoint, open_checkpoint
from provenance.transparency.merkle import NodeReader, inclusion_proof
from provenance.transparency.receipt import LoggedRecord, Receipt
from provenance.transparency.receipt_verification import verify_receipt
from provenance.transparency.tlog_proof import TlogProof
from registry.blobs import Objects
from registry.sequencer import Sequencer
from registry.store import Session, Store, assets, entries, events, publishers, sealed
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

        `chain` holds what the record was made from, up to the origins, with withdrawals and erasures, the nearest
        first where there are more than a receipt may hold; then what was said of the record itself: disputes and their
        answers, recorded verdicts. For a record about another it holds that one. Records that are sealed or erased are
        withheld. `keys` holds the records that began and ended each key which signed one of them.

        Whether the caller may read the record itself is for it to check.

        Raises NotFound, Erased, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        tree = self._tree()
        with self._store.read() as session:
            subject = self._logged(session, tree, record_id)
            chain = self._chain(session, tree, subject)
            keys = self._keys(session, tree, [subject, *chain])
            genesis = self._logged(session, tree, entries.get(session, 0).record_id)
        receipt = Receipt(subject, keys, genesis, chain, str(self._sequencer.key))
        try:
            report = verify_receipt(receipt, trusted_keys=[self._sequencer.key])
        except CountermarkError as error:
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} makes no receipt: {error}") from error
        if not report.holds:
            failed = "; ".join(f"{step.name}: {step.detail}" for step in report.steps if step.outcome == "fails")
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} proves nothing: {failed}")
        return receipt

    def _tree(self) -> "_Tree":
        note = self._sequencer.checkpoint()
        checkpoint, _ = open_checkpoint(note, [self._sequencer.key], self._sequencer.key.name)
        return _Tree(note, checkpoint, functools.cache(self._tiles.reader(checkpoint.size)))

    def _logged(self, session: Session, tree: "_Tree", record_id: bytes) -> LoggedRecord:
        entry = entries.of_record(session, record_id)
        record = entries.record(session, record_id)
        return LoggedRecord(record.canonical, entry.statement, tree.prove(entry.index, entry.statement))

    def _chain(self, session: Session, tree: "_Tree", subject: LoggedRecord) -> tuple[LoggedRecord, ...]:
        found: dict[int, LoggedRecord] = {}
        for near in (_connected, _said):  # so that no number of disputes leaves out an origin
            waiting = near(session, subject)
            while waiting and len(found) < MAX_RECEIPT_RECORDS:
                record_id = waiting.pop(0)
                entry = entries.of_record(session, record_id)
                if entry.index < tree.checkpoint.size and entry.index not in {*found, subject.index}:
                    found[entry.index] = self._logged_or_withheld(session, tree, record_id)
                    waiting += _connected(session, found[entry.index])
        return tuple(found[index] for index in sorted(found))

    def _logged_or_withheld(self, session: Session, tree: "_Tree", record_id: bytes) -> LoggedRecord:
        if sealed.find(session, record_id) is None and not events.is_erased(session, record_id):
            return self._logged(session, tree, record_id)
        entry = entries.of_record(session, record_id)
        return LoggedRecord(None, entry.statement, tree.prove(entry.index, entry.statement))

    def _keys(self, session: Session, tree: "_Tree", signed: list[LoggedRecord]) -> tuple[LoggedRecord, ...]:
        indices: set[int] = set()
        for each in signed:
            key = publishers.find_key(session, parse_statement(each.statement).kid)
            if key is not None:  # else an operator's, which the genesis record names
                indices |= {key.enrolled_index, *([] if key.ended_index is None else [key.ended_index])}
        return tuple(
            self._logged(session, tree, entries.get(session, index).record_id)
            for index in sorted(indices)
            if index < tree.checkpoint.size
        )


@dataclass(frozen=True, eq=False)
class _Tree:
    """The published tree that a proof is made in."""

    note: bytes
    checkpoint: Checkpoint
    read: NodeReader

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


def _connected(session: Session, logged: LoggedRecord) -> list[bytes]:
    """Ids of the records that a record cannot be judged without.

    Of a registration, its withdrawals, its erasure, and what it was made from; of any other the one it is about.
    """
    own = parse_statement(logged.statement).record_id
    about = [
        *(entries.get(session, row.index).record_id for row in assets.withdrawals_of(session, own)),
        *(entries.get(session, each.index).record_id for each in events.of_type(session, own, RecordErased.TYPE)),
    ]
    if logged.record is None:
        return about
    try:
        record = parse_record(logged.record)
    except CountermarkError as error:
        raise StoreCorrupt(f"the record of entry {logged.index} has changed: {error}") from error
    match record:
        case AssetRegistered():
            named = [parent for parent, _ in references(record)]
        case AssetWithdrawn() | AssetDisputed() | AssetRevealed() | RecordErased():
            named = [record.record]
        case DisputeAnswered():
            named = [record.dispute]
        case VerdictRecorded():
            named = list(record.records)
        case LogGenesis() | PublisherKey():
            named = []
        case never:
            assert_never(never)
    return about + [each for each in dict.fromkeys(named) if entries.with_records(session, [each])]


def _said(session: Session, logged: LoggedRecord) -> list[bytes]:
    """Ids of the records that say something about a registration, or that answer a dispute, in log order."""
    record = None if logged.record is None else parse_record(logged.record)
    own = parse_statement(logged.statement).record_id
    if isinstance(record, AssetDisputed):
        found = events.of_type(session, record.record, DisputeAnswered.TYPE)
    else:
        found = events.about(session, own)
    return [entries.get(session, event.index).record_id for event in found]
