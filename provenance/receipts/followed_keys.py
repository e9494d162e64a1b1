"""The keys of a log that has changed them, followed from one that the reader trusts.

Any `.countermark` receipt of the log carries the genesis record and every `log.key` record, each signed by the keys
before it and the keys after it, with their places in a tree (`log_keys`, `receipts.procedure` steps 2 to 4 and 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenance.errors import CountermarkError, MalformedTile, ProofInvalid, UntrustedNote
from provenance.receipts.procedure import ReceiptVerification
from provenance.receipts.receipt import Receipt
from provenance.transparency.checkpoint import Checkpoint
from provenance.transparency.log_keys import LogKeys
from provenance.transparency.merkle import NodeReader, inclusion_proof, leaf_hash, verify_inclusion
from provenance.transparency.note import VerifierKey

_GROUND = (2, 3, 4, 8)


@dataclass(frozen=True)
class FollowedKeys:
    """Keys that a trusted one leads to.

    Attributes:
        keys: of the log, by size of tree.
        entries: (index, log entry) of the genesis record and of each change, in log order.
    """

    keys: LogKeys
    entries: tuple[tuple[int, bytes], ...]

    def rotations(self, size: int) -> tuple[int, ...]:
        """The indices of the entries that have changed the keys before a tree of `size` entries."""
        return tuple(first - 1 for first, _ in self.keys.changes[1:] if first <= size)

    def verify_places(self, checkpoint: Checkpoint, read: NodeReader) -> None:
        """Accepts a tree in which these entries are at their places.

        Args:
            checkpoint: of the tree, which is signed with the keys of its size.
            read: gives the tree's nodes, of which nothing is checked.

        Raises:
            UntrustedNote: they are not: the keys were changed in another history.
        """
        for index, entry in self.entries:
            if index >= checkpoint.size:
                continue
            try:
                proof = inclusion_proof(index, checkpoint.size, read)
                verify_inclusion(leaf_hash(entry), index, checkpoint.size, proof, checkpoint.root)
            except (ProofInvalid, MalformedTile) as cause:
                raise UntrustedNote(f"the record that changes the log's keys is not entry {index}: {cause}") from cause


def describe_rotations(indices: Sequence[int]) -> str:
    """In words, for people: "the log's key was rotated at index 7"; empty where it was not."""
    if not indices:
        return ""
    places = ", ".join(map(str, indices))
    return f"the log's key was rotated at {'index' if len(indices) == 1 else 'indices'} {places}"


def follow_log_keys(
    receipt: Receipt, trusted: Sequence[VerifierKey], retired: Mapping[VerifierKey, int] | None = None
) -> FollowedKeys:
    """The keys that a receipt leads to from those that the reader trusts; `retired` as in `verify_receipt`.

    Raises:
        UntrustedNote: it is of another log, leads to no trusted key, or does not hold.
        MalformedReceipt: a part of it does not parse.
    """
    verification = ReceiptVerification(receipt, trusted_keys=trusted, retired=retired)
    for step in verification.run().steps:
        if step.number in _GROUND and step.outcome != "holds":
            raise UntrustedNote(f"the log.key records at hand lead to no key you trust: {step.detail}")
    keys = verification.log_keys
    if isinstance(keys, CountermarkError):
        raise UntrustedNote(str(keys)) from keys
    entries = (receipt.genesis, *verification.log_key_entries)
    return FollowedKeys(keys, tuple((each.index, each.statement) for each in entries))
