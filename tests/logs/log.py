"""A log in memory: from its entries follow the tree, signed checkpoints, proofs, receipts, tiles and bundles."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Self

from provenance.receipts.receipt import LoggedRecord, Receipt, Stamp
from provenance.statement.keys import LocalSigner, Signer
from provenance.statement.record import LogKey, PublisherKey, Record, record_id, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency import cose_receipt
from provenance.transparency.checkpoint import Checkpoint, cosign_checkpoint, sign_checkpoint
from provenance.transparency.cose_receipt import TransparentStatement
from provenance.transparency.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash
from provenance.transparency.note import ED25519, VerifierKey
from provenance.transparency.tiles import Edge
from provenance.transparency.tlog_proof import TlogProof
from tests.logs.records import LOG, OPERATOR, ORIGIN, PUBLISHER, START, asset, genesis, publisher_key
from tests.stamper import Stamper

COSIGNED_AT = 1_772_366_400
"""In seconds since 1970: an hour after `START`."""


class Tree:
    """The tree over some entries: its roots and proofs at every size up to its own."""

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        self._frontier = Frontier()
        self._nodes: dict[tuple[int, int], bytes] = {}
        self.extend(entries)

    def extend(self, entries: Iterable[bytes]) -> None:
        self._frontier.extend([leaf_hash(entry) for entry in entries], self._keep)

    def _keep(self, level: int, index: int, node: bytes) -> None:
        self._nodes[level, index] = node

    def node(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]

    def root(self, size: int) -> bytes:
        return Frontier.from_reader(size, self.node).root()

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        return tuple(inclusion_proof(index, size, self.node))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return tuple(consistency_proof(old, new, self.node))


@dataclass
class Log:
    """Entries, and the records that the first few of them state.

    Attributes:
        signer: whose key signs the log's checkpoints.
        witnesses: names, as keys, and who cosigns under them.
        keys: the indices of the records about keys, which every receipt holds.
    """

    entries: list[bytes] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    origin: str = ORIGIN
    signer: LocalSigner = LOG
    witnesses: tuple[tuple[VerifierKey, LocalSigner], ...] = ()

    def __post_init__(self) -> None:
        self.entries, self.records, self.keys = [*self.entries], [*self.records], [*self.keys]
        self._checkpoints: dict[int, bytes] = {}
        self._indices = {record_id(record): index for index, record in enumerate(self.records)}

    @cached_property
    def tree(self) -> Tree:
        return Tree(self.entries)

    def add(self, record: Record, by: Signer, change: Callable[[bytes], bytes] = bytes) -> int:
        """Log a record that `by` has signed, its statement changed on the way. Returns its index."""
        self.records.append(to_canonical(record))
        entry = change(sign_statement(self.records[-1], by))
        self.tree.extend([entry])
        self.entries.append(entry)
        self._indices[record_id(self.records[-1])] = self.size - 1
        if isinstance(record, PublisherKey | LogKey):
            self.keys.append(self.size - 1)
        return self.size - 1

    @property
    def size(self) -> int:
        return len(self.entries)

    def at(self, size: int) -> Self:
        """The log as it was when it had so many entries."""
        log = replace(self, entries=self.entries[:size], keys=[index for index in self.keys if index < size])
        log.tree = self.tree  # whose proofs are those of every smaller tree
        return log

    def with_entry(self, index: int, entry: bytes) -> Self:
        """Another history."""
        return replace(self, entries=[*self.entries[:index], entry, *self.entries[index + 1 :]])

    # What it signs

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.origin, ED25519, self.signer.public_key.raw)

    @property
    def checkpoint(self) -> bytes:
        """The same one until the log grows."""
        if self.size not in self._checkpoints:
            self._checkpoints[self.size] = self.signed(self.tree.root(self.size))
        return self._checkpoints[self.size]

    def signed(self, root: bytes, size: int | None = None) -> bytes:
        """A checkpoint with this root that the log has signed."""
        return self.sign(Checkpoint(self.origin, self.size if size is None else size, root))

    def sign(self, checkpoint: Checkpoint) -> bytes:
        note = sign_checkpoint(checkpoint, self.signer.sign, self.signer.public_key.raw)
        for key, witness in self.witnesses:
            note = cosign_checkpoint(note, key.name, witness.sign, key.public, time=COSIGNED_AT)
        return note

    # What it shows of an entry, which is named by its index or by its record's id

    def index(self, entry: int | bytes) -> int:
        return entry if isinstance(entry, int) else self._indices[entry]

    def proof(self, entry: int | bytes) -> TlogProof:
        index = self.index(entry)
        return TlogProof(index, self.tree.inclusion(index, self.size), self.checkpoint)

    def whole_proof(self, index: int) -> TlogProof:
        """With the entry in it, as the service hands it out."""
        return replace(self.proof(index), extra=self.entries[index])

    def transparent(self, index: int, *, of: int | None = None, by: Signer | None = None) -> TransparentStatement:
        """The statement `of` with a COSE receipt for the entry `index`."""
        inclusion = cose_receipt.Inclusion(self.size, index, self.tree.inclusion(index, self.size))
        receipt = cose_receipt.issue(
            inclusion, self.tree.root(self.size), by or self.signer, issuer="https://log.example", subject="a record"
        )
        return TransparentStatement(self.entries[index if of is None else of], (receipt,))

    def logged(self, entry: int | bytes) -> LoggedRecord:
        index = self.index(entry)
        return LoggedRecord(self.records[index], self.entries[index], self.proof(index))

    def receipt(
        self,
        subject: int | bytes,
        chain: Iterable[int | bytes] = (),
        *,
        keys: Iterable[int] | None = None,
        withhold: Collection[int | bytes] = (),
    ) -> Receipt:
        """The receipt of a record with these others; the content of those to withhold is left out.

        `keys`: the records about keys that it holds, all of them where nothing is said.
        """
        others = [
            replace(self.logged(entry), record=None) if entry in withhold else self.logged(entry) for entry in chain
        ]
        return Receipt(
            self.logged(subject),
            tuple(self.logged(index) for index in (self.keys if keys is None else keys)),
            self.logged(0),
            tuple(sorted(others, key=lambda logged: logged.index)),
            str(self.key),
        )

    def stamp(self, index: int, size: int, by: Stamper, *, of: int | None = None) -> Stamp:
        """The stamp of an entry in the tree of `size` entries, for a receipt in that of `of`."""
        proof = self.at(size).proof(index)
        token = by.stamp(proof.signed_checkpoint().note.text.encode(), START)
        return Stamp(proof, token, self.tree.consistency(size, self.size if of is None else of))

    # What it serves

    @property
    def files(self) -> dict[str, bytes]:
        """By their C2SP paths. Partial tiles that full ones have replaced are gone."""
        edge = Edge()
        written = [*edge.extend(self.entries), *edge.partial()]
        return {"checkpoint": self.checkpoint} | {str(path): data for path, data in written}


@cache
def newsroom_log(size: int) -> Log:
    """Genesis, a publisher's key, three pictures, and statements by that key about others. Not to be added to."""
    log = Log()
    for record in (genesis(), publisher_key("enrol", PUBLISHER)):
        log.add(record, OPERATOR)
    for name in ("bridge", "river", "mill"):
        log.add(asset(name), PUBLISHER)
    others = (f'{{"n":{number}}}'.encode() for number in range(log.size, size))
    return replace(log, entries=[*log.entries, *(sign_statement(record, PUBLISHER) for record in others)])


def record_path(record: bytes) -> str:
    """Where the service of a log shows it."""
    return f"/v1/records/{hashlib.sha256(record).hexdigest()}"
