"""Proofs and receipts, which let others verify the log without trusting it.

Every proof is under a published checkpoint: the newest that a quorum of witnesses has cosigned, if that covers the
entry, else the newest. It is verified before it is returned: a damaged or altered store raises StoreCorrupt, and never
returns an invalid proof.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

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
from provenance.limits import MAX_RECEIPT_BYTES, MAX_RECEIPT_RECORDS
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import LoggedRecord, Receipt, Stamp
from provenance.receipts.report import ReceiptReport
from provenance.transparency.checkpoint import Checkpoint, Cosigner, SignedCheckpoint
from provenance.transparency.merkle import consistency_proof, inclusion_proof
from provenance.transparency.note import Note, VerifierKey
from provenance.transparency.policy import Policy, is_cosigned
from provenance.transparency.timestamp import TimestampAuthority, verify_timestamp
from provenance.transparency.tlog_proof import TlogProof
from registry.database import Entry, Session, Store, checkpoints, entries, log_keys, publishers
from registry.log import chain
from registry.log.sequencer import Sequencer
from registry.log.tiles import SharedReader, Tiles
from registry.storage.blobs import Objects

_MAX_CHAIN_BYTES = MAX_RECEIPT_BYTES // 2
"""Bytes of records, and twice those of statements, in a chain: the other half is for proofs, keys and the subject."""

_MAX_OPEN_TREES = 8
"""Trees whose tiles stay read: the newest few, and those that were cosigned and stamped last."""

log = logging.getLogger(__name__)


class Proofs:
    """Makes the proofs of one log. All methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        sequencer: Sequencer,
        *,
        policy: Policy | None = None,
        authorities: Sequence[TimestampAuthority] = (),
    ) -> None:
        """`policy` says which witnesses count, and `authorities` whose time stamps are handed out."""
        self._store = store
        self._tiles = Tiles(objects)
        self._sequencer = sequencer
        self._policy = policy
        self._authorities = authorities
        self._witness_keys = () if policy is None else tuple(policy.keys_for(sequencer.key.name))
        # Many proofs are under one checkpoint: its signatures are verified, and its tiles are read, once for all, also
        # where all of a batch ask for theirs at the moment it is published.
        self._opened: dict[bytes, tuple[Tree, tuple[Cosigner, ...]]] = {}
        self._opening = threading.Lock()

    def tlog_proof(self, record_id: bytes) -> TlogProof:
        """The C2SP tlog-proof of a record's entry.

        Raises NotFound, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        with self._store.read() as session:
            entry = entries.of_record(session, record_id)
        return self.of_entries([(entry.index, entry.statement)])[0]

    def of_entries(self, logged: Sequence[tuple[int, bytes]]) -> list[TlogProof]:
        """The C2SP tlog-proofs of entries, given with their indices, in one tree. Raises as `tlog_proof` does."""
        last = max(index for index, _ in logged)
        tree = self.cosigned_tree(last) or self.tree(covering=last)
        return [tree.prove(index, statement) for index, statement in logged]

    def receipt(self, record_id: bytes) -> Receipt:
        """The receipt of a record, to verify it offline: see `provenance.receipts.receipt`.

        `chain` holds what belongs to the record, as `registry.log.chain` has it: how it stands, and what it was made
        from, come first. Where that is more than a receipt may hold, the receipt says so. Records that are sealed or
        erased are withheld. `keys` holds the records that began and ended each key which signed one of them, and those
        that changed the log's keys. The checkpoint has all its signatures in the subject's proof, and in the others the
        log's Ed25519 one alone: an ML-DSA-44 signature takes 3 KB.

        The caller checks whether the reader may read the record itself.

        Raises NotFound, Erased, StoreUnavailable for an entry that is not published yet, StoreCorrupt.
        """
        tree = self.tree()
        with self._store.read() as session:
            return self.verified_receipt(session, tree, record_id)[0]

    def verified_receipt(self, session: Session, tree: "Tree", record_id: bytes) -> tuple[Receipt, ReceiptReport]:
        """The receipt of a record and what its verification with `trusted_keys` gave. Raises as `receipt` does.

        Args:
            session: on a snapshot that was taken after `tree` was asked for, so that it has all that is in it.
        """
        bare = tree.bare
        subject = self._logged(session, tree, entries.of_record(session, record_id))
        said, truncated = self._chain(session, bare, subject)
        genesis, keys = self._keys(session, bare, [subject, *said])
        receipt = Receipt(subject, keys, genesis, said, str(tree.key), truncated=truncated)
        cosigned = self._cosigned(session, max(entry.index for entry in receipt.entries))
        if cosigned is not None and cosigned.note != tree.note:
            tree, receipt = cosigned, replace(cosigned.prove_all(receipt), log_key=str(cosigned.key))
        receipt = replace(receipt, stamp=self._stamp(session, tree, subject))
        try:
            report = verify_receipt(receipt, trusted_keys=self.trusted_keys, authorities=self._authorities)
        except CountermarkError as error:
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} makes no receipt: {error}") from error
        if not report.holds:
            failed = "; ".join(f"{step.name}: {step.detail}" for step in report.steps if step.outcome == "fails")
            raise StoreCorrupt(f"what is stored of record {record_id.hex()} proves nothing: {failed}")
        return receipt, report

    @property
    def authorities(self) -> Sequence[TimestampAuthority]:
        """The authorities whose time stamps are handed out."""
        return self._authorities

    @property
    def trusted_keys(self) -> tuple[VerifierKey, ...]:
        """The keys of the log, old and new, and of the witnesses that count."""
        return (*(span.key for span in self._sequencer.keys.spans()), *self._witness_keys)

    def tree(self, stored: bytes | None = None, *, covering: int | None = None) -> "Tree":
        """The newest published tree. Raises StoreUnavailable before the first. Arguments as `Sequencer.checkpoint`."""
        return self._open(self._sequencer.checkpoint(stored, covering=covering))[0]

    def cosigned_tree(self, index: int = 0) -> "Tree | None":
        """The newest tree that a quorum has cosigned, if it has entry `index`. Raises StoreCorrupt."""
        if self._policy is None:
            return None
        with self._store.read() as session:
            return self._cosigned(session, index)

    def _cosigned(self, session: Session, index: int) -> "Tree | None":
        if self._policy is None:
            return None
        row = checkpoints.latest_cosigned(session)
        if row is None or row.size <= index:
            return None
        tree, cosigners = self._open(row.note)
        return tree if is_cosigned(self._policy, cosigners) else None

    def _open(self, note: bytes) -> "tuple[Tree, tuple[Cosigner, ...]]":
        opened = self._opened.get(note)
        if opened is None:
            with self._opening:
                opened = self._opened.get(note) or self._open_anew(note)
                self._opened[note] = opened
                while len(self._opened) > _MAX_OPEN_TREES:
                    del self._opened[next(iter(self._opened))]
        return opened

    def _open_anew(self, note: bytes) -> "tuple[Tree, tuple[Cosigner, ...]]":
        try:
            checkpoint, cosigners = self._sequencer.keys.open(note, self._witness_keys)
        except (MalformedNote, UntrustedNote) as error:
            raise StoreCorrupt(f"a stored checkpoint has changed: {error}") from error
        key = self._sequencer.keys.signing_key(checkpoint.size)
        return Tree(note, checkpoint, key, self._tiles.shared_reader(checkpoint.size)), cosigners

    def _stamp(self, session: Session, tree: "Tree", subject: LoggedRecord) -> Stamp | None:
        """The stamp of the earliest tree that has the subject, if `tree` has grown from one that was stamped."""
        if not self._authorities:
            return None
        row = checkpoints.first_stamped(session, subject.index)
        if row is None or row.timestamp is None or row.size > tree.checkpoint.size:
            return None
        try:
            verify_timestamp(row.timestamp, SignedCheckpoint.parse(row.note).note.text.encode(), self._authorities)
        except TransparencyError as error:  # by an authority that is no longer trusted, or damaged
            log.warning("the time stamp of the tree of %s entries is left out of receipts: %s", row.size, error)
            return None
        proof = self._open(row.note)[0].prove(subject.index, subject.statement)
        return Stamp(proof, row.timestamp, tree.prove_growth(row.size))

    def _logged(self, session: Session, tree: "Tree", entry: Entry) -> LoggedRecord:
        record = entries.record(session, entry.record_id)
        return LoggedRecord(record.canonical, entry.statement, tree.prove(entry.index, entry.statement))

    def _chain(self, session: Session, tree: "Tree", subject: LoggedRecord) -> tuple[tuple[LoggedRecord, ...], bool]:
        """The chain, and whether more belongs into it than a receipt may hold."""
        found: dict[int, LoggedRecord] = {}
        keys, size = {*log_keys.indices(session), *_key_indices(session, [subject])}, 0
        truncated = False
        for group in chain.record_groups(session, subject, tree.checkpoint.size):
            logged = [self._logged_or_withheld(session, tree, each) for each in group.records]
            fresh = {each.index: each for each in logged if each and each.index not in {*found, subject.index}}
            keys |= _key_indices(session, fresh.values())
            size += sum(len(each.record or b"") + 2 * len(each.statement) for each in fresh.values())
            if size > _MAX_CHAIN_BYTES or max(len(keys), len(found) + len(fresh)) > MAX_RECEIPT_RECORDS:
                truncated = group.affects_standing
                break
            found |= fresh
        return tuple(found[index] for index in sorted(found)), truncated

    def _logged_or_withheld(self, session: Session, tree: "Tree", record_id: bytes) -> LoggedRecord | None:
        """None where it is not in the tree."""
        entry = entries.of_record(session, record_id)
        if entry.index >= tree.checkpoint.size:
            return None
        canonical = chain.find_public(session, record_id)
        return LoggedRecord(canonical, entry.statement, tree.prove(entry.index, entry.statement))

    def _keys(
        self, session: Session, tree: "Tree", signed: list[LoggedRecord]
    ) -> tuple[LoggedRecord, tuple[LoggedRecord, ...]]:
        """The genesis record, and those of the keys."""
        indices = {*log_keys.indices(session), *_key_indices(session, signed)} - {each.index for each in signed}
        wanted = {index for index in indices if index < tree.checkpoint.size}
        logged = {entry.index: self._logged(session, tree, entry) for entry in entries.at(session, {0, *wanted})}
        return logged[0], tuple(logged[index] for index in sorted(wanted))


@dataclass(frozen=True, eq=False)
class Tree:
    """A published tree that proofs are made in; `key` is the Ed25519 key that signed its checkpoint."""

    note: bytes
    checkpoint: Checkpoint
    key: VerifierKey
    read: SharedReader

    @cached_property
    def bare(self) -> "Tree":
        """The same tree, its note with the signature by `key` alone."""
        note = SignedCheckpoint.parse(self.note).note
        own = (line for line in note.signatures if (line.name, line.key_id) == (self.key.name, self.key.key_id))
        return replace(self, note=Note(note.text, tuple(own)).serialise())

    def prove(self, index: int, statement: bytes) -> TlogProof:
        """A verified proof that the statement is entry `index`."""
        if index >= self.checkpoint.size:
            raise StoreUnavailable(f"entry {index} is not published yet")
        try:
            proof = TlogProof(index, tuple(inclusion_proof(index, self.checkpoint.size, self.read)), self.note)
        except MalformedTile as error:
            raise StoreCorrupt(f"the tiles that prove entry {index} are missing or damaged: {error}") from error
        try:
            proof.verify_inclusion(statement, self.checkpoint)
        except ProofInvalid as error:
            self.read.forget()
            raise StoreCorrupt(f"the store no longer proves entry {index}: {error}") from error
        return proof

    def prove_growth(self, size: int) -> tuple[bytes, ...]:
        """The proof that this tree begins with that of `size` entries; its root is for the caller to compare."""
        try:
            return tuple(consistency_proof(size, self.checkpoint.size, self.read))
        except MalformedTile as error:
            raise StoreCorrupt(
                f"the tiles that prove the tree of {size} entries are missing or damaged: {error}"
            ) from error

    def prove_all(self, receipt: Receipt) -> Receipt:
        """The same receipt with its proofs in this tree; all but the subject's with its bare note."""

        def moved(entry: LoggedRecord) -> LoggedRecord:
            return replace(entry, proof=self.bare.prove(entry.index, entry.statement))

        return replace(
            receipt,
            subject=replace(receipt.subject, proof=self.prove(receipt.subject.index, receipt.subject.statement)),
            keys=tuple(map(moved, receipt.keys)),
            genesis=moved(receipt.genesis),
            chain=tuple(map(moved, receipt.chain)),
        )


def _key_indices(session: Session, signed: Iterable[LoggedRecord]) -> set[int]:
    """Where the publishers' keys that signed began and ended."""
    keys = [publishers.find_key(session, each.parsed_statement.kid) for each in signed]
    # not an operator's key, which the genesis record names
    found = (
        {key.enrolled_index, key.ended_index, key.revoked_index, key.invalid_since_index}
        for key in keys
        if key is not None
    )
    return {index for indices in found for index in indices if index is not None}
