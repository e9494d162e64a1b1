"""Proofs: what the registry hands out so that nobody has to believe it.

Every proof is under a published checkpoint: the newest that a quorum of witnesses has cosigned, where that covers what
is to be proven, else the newest. It is verified before it is handed out: a store that has been tampered with, or has
rotted, answers with StoreCorrupt and never with a proof that does not hold.
"""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from provenance.errors import (
    CountermarkError,
    MalformedNote,
    MalformedTile,
    ProofInvalid,
    StoreCorrupt,
    StoreUnavailable,
    TransparencyError,
    UntrustedNote,
)
from provenance.limits import MAX_RECEIPT_RECORDS
from provenance.statement.record import AssetRegistered, AssetWithdrawn, parse_record
from provenance.statement.statement import parse_statement
from provenance.transparency.checkpoint import Checkpoint, Cosigner, SignedCheckpoint, open_checkpoint
from provenance.transparency.merkle import NodeReader, inclusion_proof
from provenance.transparency.policy import Policy, is_cosigned
from provenance.transparency.receipt import LoggedRecord, Receipt, Stamp
from provenance.transparency.receipt_verification import verify_receipt
from provenance.transparency.timestamp import TrustAnchor, verify_timestamp
from provenance.transparency.tlog_proof import TlogProof
from registry.blobs import Objects
from registry.sequencer import Sequencer
from registry.store import Session, Store, assets, checkpoints, entries, publishers
from registry.tiles import Tiles

log = logging.getLogger(__name__)


def prove(tiles: Tiles, index: int, size: int) -> list[bytes]:
    """The inclusion proof of an entry in the tree of `size` entries, as the stored tiles give it: not verified.

    Raises ProofInvalid for an index beyond the tree, StoreCorrupt for missing or malformed tiles, StoreUnavailable.
    """
    return _prove(tiles.reader(size), index, size)


class Proofs:
    """Makes the proofs of one log. All methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        sequencer: Sequencer,
        *,
        policy: Policy | None = None,
        authorities: Sequence[TrustAnchor] = (),
    ) -> None:
        """`policy` says which witnesses count, and `authorities` whose time stamps are handed out."""
        self._store = store
        self._tiles = Tiles(objects)
        self._sequencer = sequencer
        self._policy = policy
        self._authorities = authorities
        # Many proofs are under one checkpoint, whose signatures need not be verified for each.
        self._opened = functools.lru_cache(maxsize=8)(
            lambda note: open_checkpoint(note, self.trusted_keys, sequencer.key.name)
        )
        self.trusted_keys = [sequencer.key, *(policy.keys_for(sequencer.key.name) if policy else ())]

    def tlog_proof(self, record_id: bytes) -> TlogProof:
        """The C2SP tlog-proof of a record's entry.

        Raises NotFound, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        with self._store.read() as session:
            entry = entries.of_record(session, record_id)
        tree = self.cosigned_tree(entry.index) or self.tree()
        return tree.prove(entry.index, entry.statement)

    def receipt(self, record_id: bytes) -> Receipt:
        """All that it takes to check a record offline: see `provenance.transparency.receipt`.

        `chain` holds the record's withdrawals, and the registrations it was made from with theirs, the nearest first
        where there are more than a receipt may hold; for a withdrawal, the registration that it takes back. `keys`
        holds the records that began and ended each key which signed one of them.

        Raises NotFound, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        tree = self.tree()
        with self._store.read() as session:
            subject = self._logged(session, tree, record_id)
            chain = self._chain(session, tree, subject)
            keys = self._keys(session, tree, [subject, *chain])
            genesis = self._logged(session, tree, entries.get(session, 0).record_id)
        receipt = Receipt(subject, keys, genesis, chain, str(self._sequencer.key), self._stamp(subject))
        cosigned = self.cosigned_tree(max(entry.index for entry in receipt.entries))
        if cosigned is not None and cosigned.note != tree.note:
            receipt = cosigned.prove_all(receipt)
        try:
            report = verify_receipt(receipt, trusted_keys=self.trusted_keys, authorities=self._authorities)
        except CountermarkError as error:
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} makes no receipt: {error}") from error
        if not report.holds:
            failed = "; ".join(f"{step.name}: {step.detail}" for step in report.steps if step.outcome == "fails")
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} proves nothing: {failed}")
        return receipt

    def tree(self) -> "Tree":
        """The newest published tree. Raises StoreUnavailable before the first."""
        return self._open(self._sequencer.checkpoint())[0]

    def cosigned_tree(self, index: int = 0) -> "Tree | None":
        """The newest tree that a quorum has cosigned, if it has entry `index`. Raises StoreCorrupt."""
        with self._store.read() as session:
            row = checkpoints.latest_cosigned(session)
        if row is None or row.size <= index:
            return None
        tree, cosigners = self._open(row.note)
        return tree if is_cosigned(self._policy, cosigners) else None

    def _open(self, note: bytes) -> "tuple[Tree, tuple[Cosigner, ...]]":
        try:
            checkpoint, cosigners = self._opened(note)
        except (MalformedNote, UntrustedNote) as error:
            raise StoreCorrupt(f"a stored checkpoint has changed: {error}") from error
        return Tree(note, checkpoint, functools.cache(self._tiles.reader(checkpoint.size))), cosigners

    def _stamp(self, subject: LoggedRecord) -> Stamp | None:
        if not self._authorities:
            return None
        with self._store.read() as session:
            row = checkpoints.first_stamped(session, subject.index)
        if row is None or row.timestamp is None:
            return None
        try:
            verify_timestamp(row.timestamp, SignedCheckpoint.parse(row.note).note.text.encode(), self._authorities)
        except TransparencyError as error:  # by an authority that is believed no more, or damaged
            log.warning("the time stamp of the tree of %s entries is left out of receipts: %s", row.size, error)
            return None
        return Stamp(self._open(row.note)[0].prove(subject.index, subject.statement), row.timestamp)

    def _logged(self, session: Session, tree: "Tree", record_id: bytes) -> LoggedRecord:
        entry = entries.of_record(session, record_id)
        record = entries.record(session, record_id)
        return LoggedRecord(record.canonical, entry.statement, tree.prove(entry.index, entry.statement))

    def _chain(self, session: Session, tree: "Tree", subject: LoggedRecord) -> tuple[LoggedRecord, ...]:
        found: dict[int, LoggedRecord] = {}
        waiting = _related(session, subject)
        while waiting and len(found) < MAX_RECEIPT_RECORDS:
            record_id = waiting.pop(0)
            entry = entries.of_record(session, record_id)
            if entry.index < tree.checkpoint.size and entry.index not in {*found, subject.index}:
                found[entry.index] = self._logged(session, tree, record_id)
                waiting += _related(session, found[entry.index])
        return tuple(found[index] for index in sorted(found))

    def _keys(self, session: Session, tree: "Tree", signed: list[LoggedRecord]) -> tuple[LoggedRecord, ...]:
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
class Tree:
    """A published tree that proofs are made in."""

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

    def prove_all(self, receipt: Receipt) -> Receipt:
        """The same receipt with its proofs in this tree."""

        def moved(entry: LoggedRecord) -> LoggedRecord:
            return replace(entry, proof=self.prove(entry.index, entry.statement))

        return replace(
            receipt,
            subject=moved(receipt.subject),
            keys=tuple(map(moved, receipt.keys)),
            genesis=moved(receipt.genesis),
            chain=tuple(map(moved, receipt.chain)),
        )


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
