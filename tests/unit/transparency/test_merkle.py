"""The Merkle tree, against a recursive reading of RFC 6962 and RFC 9162."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import ProofInvalid
from provenance.limits import MAX_TREE_SIZE
from provenance.transparency.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of_inclusion,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "transparency"


def vectors(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())["cases"]
    return cases


ENTRIES = [str(number).encode() for number in range(600)]


@cache
def naive_root(start: int, end: int) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return hashlib.sha256(b"\x00" + ENTRIES[start]).digest()
    middle = start + naive_split(end - start)
    return hashlib.sha256(b"\x01" + naive_root(start, middle) + naive_root(middle, end)).digest()


def naive_split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def naive_path(index: int, start: int, end: int) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1; `index` counts from `start`."""
    if end - start == 1:
        return []
    middle = start + naive_split(end - start)
    if index < middle - start:
        return [*naive_path(index, start, middle), naive_root(middle, end)]
    return [*naive_path(index - (middle - start), middle, end), naive_root(start, middle)]


def naive_subproof(count: int, start: int, end: int, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if count == end - start:
        return [] if whole else [naive_root(start, end)]
    split = naive_split(end - start)
    if count <= split:
        return [*naive_subproof(count, start, start + split, whole), naive_root(start + split, end)]
    return [*naive_subproof(count - split, start + split, end, False), naive_root(start, start + split)]


def read(level: int, index: int) -> bytes:
    return naive_root(index << level, (index + 1) << level)


def frontier_of(size: int) -> Frontier:
    frontier = Frontier()
    frontier.extend(leaf_hash(entry) for entry in ENTRIES[:size])
    return frontier


def flips(data: bytes) -> list[bytes]:
    """Every copy of `data` with one bit changed."""
    number = int.from_bytes(data)
    return [(number ^ (1 << bit)).to_bytes(len(data)) for bit in range(8 * len(data))]


def refused(verify: Callable[..., None], *arguments: object) -> bool:
    try:
        verify(*arguments)
    except ProofInvalid:
        return True
    return False


def test_the_eight_leaves_of_the_rfc_give_its_root() -> None:
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    frontier = Frontier()
    frontier.extend(leaf_hash(bytes.fromhex(leaf)) for leaf in leaves)
    assert frontier.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_the_empty_tree_has_the_hash_of_nothing_as_root() -> None:
    assert Frontier().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_a_growing_frontier_has_the_root_of_the_recursive_definition_at_each_size() -> None:
    frontier = Frontier()
    for size in range(1, 300):
        frontier.append(leaf_hash(ENTRIES[size - 1]))
        assert (frontier.size, frontier.root()) == (size, naive_root(0, size))
        assert len(frontier.nodes) == size.bit_count()


def test_a_frontier_is_restored_from_its_nodes_and_from_the_stored_tree() -> None:
    for size in (0, 1, 2, 3, 7, 8, 100, 255, 256, 257):
        grown = frontier_of(size)
        for restored in (Frontier.from_nodes(size, grown.nodes), Frontier.from_reader(size, read), grown.copy()):
            restored.append(leaf_hash(ENTRIES[size]))
            assert restored.root() == naive_root(0, size + 1)
        assert grown.size == size


def test_a_frontier_names_each_subtree_that_it_completes() -> None:
    visited: dict[tuple[int, int], bytes] = {}
    frontier = frontier_of(5)

    def visit(level: int, index: int, root: bytes) -> None:
        visited[level, index] = root

    frontier.extend((leaf_hash(entry) for entry in ENTRIES[5:8]), visit)
    assert sorted(visited) == [(0, 5), (0, 6), (0, 7), (1, 2), (1, 3), (2, 1), (3, 0)]
    assert all(root == read(*node) for node, root in visited.items())


@pytest.mark.parametrize(
    ("size", "nodes"), [(3, [b"a" * 32]), (1, [b"short"]), (-1, []), (MAX_TREE_SIZE + 1, [b"a" * 32]), (0, [b"a" * 32])]
)
def test_a_frontier_that_cannot_be_is_refused(size: int, nodes: list[bytes]) -> None:
    with pytest.raises(ProofInvalid):
        Frontier.from_nodes(size, nodes)


def test_nothing_but_a_hash_is_appended() -> None:
    frontier = Frontier()
    with pytest.raises(ProofInvalid):
        frontier.append(b"the entry itself")
    assert frontier.size == 0


def test_the_tree_stops_at_the_largest_size() -> None:
    frontier = Frontier.from_nodes(MAX_TREE_SIZE, [bytes(32)] * 63)
    with pytest.raises(ProofInvalid):
        frontier.append(bytes(32))


def test_inclusion_proofs_are_those_of_the_definition_and_hold() -> None:
    for size in range(1, 71):
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            assert proof == naive_path(index, 0, size)
            verify_inclusion(leaf_hash(ENTRIES[index]), index, size, proof, naive_root(0, size))


def test_consistency_proofs_are_those_of_the_definition_and_hold() -> None:
    for new in range(71):
        for old in range(new + 1):
            proof = consistency_proof(old, new, read)
            assert proof == (naive_subproof(old, 0, new, True) if old else [])
            verify_consistency(old, naive_root(0, old), new, naive_root(0, new), proof)


@given(st.integers(1, 600), st.data())
@settings(max_examples=150)
def test_proofs_hold_in_larger_trees(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, read)
    assert proof == naive_path(index, 0, size)
    verify_inclusion(leaf_hash(ENTRIES[index]), index, size, proof, naive_root(0, size))
    proof = consistency_proof(index + 1, size, read)
    assert proof == naive_subproof(index + 1, 0, size, True)
    verify_consistency(index + 1, naive_root(0, index + 1), size, naive_root(0, size), proof)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 3), (2, 3), (6, 7), (4, 8), (11, 13), (69, 70)])
def test_every_changed_bit_of_an_inclusion_proof_is_refused(index: int, size: int) -> None:
    leaf, root, proof = leaf_hash(ENTRIES[index]), naive_root(0, size), inclusion_proof(index, size, read)
    for position, each in enumerate(proof):
        for flipped in flips(each):
            changed = [*proof[:position], flipped, *proof[position + 1 :]]
            assert refused(verify_inclusion, leaf, index, size, changed, root)
    assert all(refused(verify_inclusion, bad, index, size, proof, root) for bad in flips(leaf))
    assert all(refused(verify_inclusion, leaf, index, size, proof, bad) for bad in flips(root))


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 4), (3, 7), (4, 7), (6, 8), (8, 13), (33, 70), (64, 70)])
def test_every_changed_bit_of_a_consistency_proof_is_refused(old: int, new: int) -> None:
    old_root, new_root, proof = naive_root(0, old), naive_root(0, new), consistency_proof(old, new, read)
    for position, each in enumerate(proof):
        for flipped in flips(each):
            changed = [*proof[:position], flipped, *proof[position + 1 :]]
            assert refused(verify_consistency, old, old_root, new, new_root, changed)
    assert all(refused(verify_consistency, old, bad, new, new_root, proof) for bad in flips(old_root))
    assert all(refused(verify_consistency, old, old_root, new, bad, proof) for bad in flips(new_root))


def test_a_proof_of_another_length_is_refused() -> None:
    for size in range(1, 40):
        for index in range(size):
            leaf, root, proof = leaf_hash(ENTRIES[index]), naive_root(0, size), inclusion_proof(index, size, read)
            others = [[*proof, root], [root, *proof], proof[:-1], proof[1:], [*proof, leaf]]
            for other in (other for other in others if other != proof):
                with pytest.raises(ProofInvalid):
                    verify_inclusion(leaf, index, size, other, root)
        for old in range(size + 1):
            proof = consistency_proof(old, size, read)
            others = [[*proof, bytes(32)], [bytes(32), *proof], proof[:-1], proof[1:], proof[::-1]]
            for other in (other for other in others if other != proof):
                with pytest.raises(ProofInvalid):
                    verify_consistency(old, naive_root(0, old), size, naive_root(0, size), other)


def test_a_proof_for_another_index_is_refused() -> None:
    for size in range(1, 40):
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            for other in range(-2, size + 3):
                if other != index:
                    with pytest.raises(ProofInvalid):
                        verify_inclusion(leaf_hash(ENTRIES[index]), other, size, proof, naive_root(0, size))


def test_an_entry_cannot_pass_for_an_inner_node() -> None:
    left, right = leaf_hash(ENTRIES[0]), leaf_hash(ENTRIES[1])
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (0, -1), (0, MAX_TREE_SIZE + 1)])
def test_no_proof_is_made_for_an_entry_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ProofInvalid):
        inclusion_proof(index, size, read)


@pytest.mark.parametrize(("old", "new"), [(-1, 4), (5, 4), (0, MAX_TREE_SIZE + 1)])
def test_no_proof_is_made_for_a_tree_that_shrinks(old: int, new: int) -> None:
    with pytest.raises(ProofInvalid):
        consistency_proof(old, new, read)
    with pytest.raises(ProofInvalid):
        verify_consistency(old, EMPTY_ROOT, new, EMPTY_ROOT, [])


def test_two_roots_of_one_size_are_refused() -> None:
    with pytest.raises(ProofInvalid):
        verify_consistency(5, naive_root(0, 5), 5, naive_root(1, 6), [])
    with pytest.raises(ProofInvalid):
        verify_consistency(0, naive_root(0, 1), 5, naive_root(0, 5), [])
    with pytest.raises(ProofInvalid):
        verify_consistency(0, EMPTY_ROOT, 0, bytes(32), [])


def test_a_proof_in_the_largest_tree_has_63_hashes() -> None:
    def anywhere(level: int, index: int) -> bytes:
        return hashlib.sha256(f"{level} {index}".encode()).digest()

    size = MAX_TREE_SIZE
    assert len(inclusion_proof(0, size, anywhere)) == 63
    # the last leaf's path is made of perfect subtrees only, which these made-up hashes can stand for
    last = inclusion_proof(size - 1, size, anywhere)
    assert len(last) == 62
    verify_inclusion(anywhere(0, size - 1), size - 1, size, last, Frontier.from_reader(size, anywhere).root())


@pytest.mark.parametrize("case", vectors("inclusion"), ids=lambda case: case["name"])
def test_the_shared_inclusion_vectors_come_out_as_stated(case: dict[str, Any]) -> None:
    leaf, root, *proof = (bytes.fromhex(each) for each in (case["leaf_hash"], case["root"], *case["proof"]))
    refusal = refused(verify_inclusion, leaf, int(case["index"]), int(case["size"]), proof, root)
    assert refusal is not case["holds"]


@pytest.mark.parametrize("case", vectors("consistency"), ids=lambda case: case["name"])
def test_the_shared_consistency_vectors_come_out_as_stated(case: dict[str, Any]) -> None:
    old, new, *proof = (bytes.fromhex(each) for each in (case["old_root"], case["new_root"], *case["proof"]))
    refusal = refused(verify_consistency, int(case["old_size"]), old, int(case["new_size"]), new, proof)
    assert refusal is not case["holds"]


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_proof_of_hashes_of_another_length_leads_nowhere(length: int) -> None:
    """Two hashes of other lengths that together have 64 bytes would be one node's."""
    sibling, leaf = bytes(length), bytes(32)
    for hashes in ((leaf, sibling), (sibling, leaf)):
        with pytest.raises(ProofInvalid, match="32 bytes"):
            root_of_inclusion(hashes[0], 0, 2, hashes[1:])
