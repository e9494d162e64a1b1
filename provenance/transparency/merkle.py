"""The Merkle tree over a log's entries: hashes, roots, inclusion and consistency proofs.

RFC 6962 section 2.1 (the same tree as RFC 9162 section 2.1.1); proofs and their verification follow
RFC 9162 sections 2.1.3 and 2.1.4. A proof is a list of 32-byte hashes, from the leaf's side to the root's.

A node is named (level, index): level 0 are the leaf hashes, and node (l, i) is the root of the perfect
subtree over the entries from i·2^l up to (i + 1)·2^l.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from provenance.errors import ProofInvalid
from provenance.limits import MAX_TREE_SIZE

HASH_BYTES = 32

NodeReader = Callable[[int, int], bytes]
"""(level, index) -> the 32-byte hash of that perfect subtree."""

NodeVisitor = Callable[[int, int, bytes], None]
"""Takes (level, index, hash) of each perfect subtree as it is completed."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without entries."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256 of 0x00 and the entry: 32 bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children: 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the roots of the perfect subtrees it splits into, largest first.

    It holds at most 63 hashes, whatever the size, and that is all that appending and the root need.
    """

    def __init__(self) -> None:
        self._size = 0
        self._nodes: list[bytes] = []

    @classmethod
    def from_nodes(cls, size: int, nodes: Sequence[bytes]) -> Self:
        """The frontier of a tree of `size` entries from its stored hashes, largest subtree first.

        Raises:
            ProofInvalid: the size is out of range, or has not as many subtrees as there are hashes.
        """
        _check_size(size)
        _check_hashes(nodes)
        if len(nodes) != size.bit_count():
            raise ProofInvalid(f"a tree of {size} entries has {size.bit_count()} subtrees, not {len(nodes)}")
        frontier = cls()
        frontier._size = size
        frontier._nodes = list(nodes)
        return frontier

    @classmethod
    def from_reader(cls, size: int, read: NodeReader) -> Self:
        """The frontier of a tree of `size` entries, its hashes read from where the tree is stored."""
        _check_size(size)
        return cls.from_nodes(size, [read(level, index) for level, index in _perfect_subtrees(0, size)])

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._size

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """The subtree roots, largest first: what `from_nodes` takes."""
        return tuple(self._nodes)

    def copy(self) -> Self:
        """An independent frontier of the same tree."""
        return self.from_nodes(self._size, self._nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash. Raises ProofInvalid when it is no hash, or the tree is full."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes], visit: NodeVisitor | None = None) -> None:
        """Add leaf hashes in order: two hash operations a leaf on average, O(log n) for a single one.

        Args:
            leaves: leaf hashes of 32 bytes.
            visit: called with each perfect subtree that the new leaves complete, leaves included.

        Raises:
            ProofInvalid: a leaf is no hash, or the tree is full. Leaves before it have been added.
        """
        for leaf in leaves:
            if len(leaf) != HASH_BYTES:
                raise ProofInvalid("a leaf hash has 32 bytes")
            if self._size == MAX_TREE_SIZE:
                raise ProofInvalid("the tree is full")
            level, index, root = 0, self._size, leaf
            if visit is not None:
                visit(level, index, root)
            while index & 1:
                root = node_hash(self._nodes.pop(), root)
                level, index = level + 1, index >> 1
                if visit is not None:
                    visit(level, index, root)
            self._nodes.append(root)
            self._size += 1

    def root(self) -> bytes:
        """The tree's root hash; `EMPTY_ROOT` without entries."""
        return _fold(self._nodes) if self._nodes else EMPTY_ROOT


def inclusion_proof(index: int, size: int, read: NodeReader) -> list[bytes]:
    """Prove that entry `index` is in the tree of `size` entries (RFC 9162 section 2.1.3.1).

    Raises:
        ProofInvalid: not 0 ≤ index < size.
    """
    _check_size(size)
    if not 0 <= index < size:
        raise ProofInvalid(f"a tree of {size} entries has no entry {index}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` is entry `index` of the tree with this size and root (RFC 9162 section 2.1.3.2).

    The size is only as good as its source: take size and root together from a checkpoint.

    Raises:
        ProofInvalid: it is not, or the proof has not exactly the hashes it needs.
    """
    _check_hashes((root,))
    if root_of_inclusion(leaf, index, size, proof) != root:
        raise ProofInvalid("the inclusion proof leads to another root")


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to, for where the root itself is not at hand.

    Raises:
        ProofInvalid: the proof has not exactly the hashes it needs.
    """
    _check_size(size)
    _check_hashes((leaf, *proof))
    if not 0 <= index < size:
        raise ProofInvalid(f"a tree of {size} entries has no entry {index}")
    node, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofInvalid("the inclusion proof has too many hashes")
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalid("the inclusion proof has too few hashes")
    return computed


def consistency_proof(old_size: int, new_size: int, read: NodeReader) -> list[bytes]:
    """Prove that the tree of `new_size` entries begins with the one of `old_size` (RFC 9162 section 2.1.4.1).

    The proof is empty when the sizes are equal, and from the empty tree.

    Raises:
        ProofInvalid: not 0 ≤ old_size ≤ new_size.
    """
    _check_size(new_size)
    if not 0 <= old_size <= new_size:
        raise ProofInvalid(f"a tree of {new_size} entries has not grown from one of {old_size}")
    if old_size == 0:
        return []
    proof = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    if start:  # else the innermost subtree is the old tree, whose root the verifier holds
        proof.append(_range_root(start, end, read))
    return proof[::-1]


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the new tree begins with all entries of the old one (RFC 9162 section 2.1.4.2).

    Raises:
        ProofInvalid: it does not, or the proof has not exactly the hashes it needs.
    """
    _check_size(new_size)
    _check_hashes((old_root, new_root, *proof))
    if not 0 <= old_size <= new_size:
        raise ProofInvalid(f"a tree of {new_size} entries has not grown from one of {old_size}")
    if old_size in (0, new_size):
        if proof:
            raise ProofInvalid("the consistency proof has too many hashes")
        if old_root != (new_root if old_size else EMPTY_ROOT):
            raise ProofInvalid("trees of the same size have different roots")
        if new_size == 0 and new_root != EMPTY_ROOT:
            raise ProofInvalid("the empty tree has another root")
        return
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    if not path:
        raise ProofInvalid("the consistency proof has too few hashes")
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofInvalid("the consistency proof has too many hashes")
        if node & 1 or node == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_computed = node_hash(new_computed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofInvalid("the consistency proof has too few hashes")
    if old_computed != old_root:
        raise ProofInvalid("the consistency proof leads to another old root")
    if new_computed != new_root:
        raise ProofInvalid("the consistency proof leads to another new root")


def _split(count: int) -> int:
    """The largest power of two below `count` (> 1): where a tree of that many entries is divided."""
    return 1 << ((count - 1).bit_length() - 1)


def _perfect_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """(level, index) of the perfect subtrees that make up entries start to end, `start` a split point of the tree."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _range_root(start: int, end: int, read: NodeReader) -> bytes:
    return _fold([read(level, index) for level, index in _perfect_subtrees(start, end)])


def _fold(nodes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees, largest first."""
    root = nodes[-1]
    for left in reversed(nodes[:-1]):
        root = node_hash(left, root)
    return root


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_TREE_SIZE:
        raise ProofInvalid(f"a tree has 0 to {MAX_TREE_SIZE} entries")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofInvalid("a hash has 32 bytes")
