"""COSE receipts of inclusion and consistency, and the statements that carry them."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import (
    MalformedReceipt,
    MalformedStatement,
    SignatureInvalid,
    StatementError,
    TransparencyError,
)
from provenance.limits import (
    MAX_COSE_RECEIPT_BYTES,
    MAX_PROOF_HASHES,
    MAX_RECEIPT_CLAIM_CHARACTERS,
    MAX_STATEMENT_RECEIPTS,
    MAX_TREE_SIZE,
)
from provenance.statement.cbor import encode_cbor
from provenance.statement.keys import LocalSigner
from provenance.statement.statement import sign_statement
from provenance.transparency import cose_receipt
from provenance.transparency.cose_receipt import (
    Consistency,
    CoseReceipt,
    Inclusion,
    TransparentStatement,
    verify_inclusion,
)
from provenance.transparency.merkle import (
    node_hash,
    root_of_inclusion,
    verify_consistency,
)
from tests.logs.log import Tree
from tests.logs.records import LOG

VECTORS = Path(__file__).parents[2] / "vectors" / "cose-receipts"
INCLUSION = (VECTORS / "inclusion-receipt.cbor").read_bytes()
CONSISTENCY = (VECTORS / "consistency-receipt.cbor").read_bytes()

SIGNERS = {
    "EdDSA": LOG,
    "ES256": LocalSigner(derive_private_key(int.from_bytes(hashlib.sha256(b"log").digest()), SECP256R1())),
}
KEYS = {signer.public_key.thumbprint: signer.public_key for signer in SIGNERS.values()}
ED25519 = SIGNERS["EdDSA"]

ENTRIES = [f"entry {number}".encode() for number in range(13)]
TREE = Tree(ENTRIES)


def inclusion(index: int, size: int) -> Inclusion:
    return Inclusion(size, index, TREE.inclusion(index, size))


def consistency(old: int, new: int) -> Consistency:
    return Consistency(old, new, TREE.consistency(old, new))


def issued(proof: Inclusion | Consistency, signer: LocalSigner = ED25519, subject: str = "record") -> bytes:
    size = proof.size if isinstance(proof, Inclusion) else proof.new_size
    return cose_receipt.issue(proof, TREE.root(size), signer, issuer="https://log.example", subject=subject)


def test_the_receipt_of_inclusion_of_the_rfc_reads() -> None:
    receipt = cose_receipt.parse(INCLUSION)
    assert isinstance(receipt.proof, Inclusion)
    assert (receipt.proof.size, receipt.proof.index, len(receipt.proof.path)) == (5, 3, 3)
    assert (receipt.kid, receipt.algorithm.value) == (b"test-key-1", "ES256")
    assert (receipt.issuer, receipt.subject) == ("https://transparency-service.example.com", None)
    assert receipt.data == INCLUSION


def test_the_receipt_of_consistency_of_the_rfc_reads_and_leads_to_the_same_root() -> None:
    old = cose_receipt.parse(INCLUSION).proof
    new = cose_receipt.parse(CONSISTENCY).proof
    assert isinstance(old, Inclusion)
    assert isinstance(new, Consistency)
    assert (new.old_size, new.new_size) == (3, 5)
    leaf_2, leaf_3, nodes_0_1, _ = new.path
    old_root = node_hash(nodes_0_1, leaf_2)
    verify_consistency(3, old_root, 5, root_of_inclusion(leaf_3, old.index, old.size, old.path), new.path)


def test_a_receipt_by_an_unknown_key_is_not_trusted() -> None:
    with pytest.raises(SignatureInvalid):
        verify_inclusion(cose_receipt.parse(INCLUSION), KEYS, b"")
    with pytest.raises(SignatureInvalid):
        verify_inclusion(cose_receipt.parse(RECEIPT), {}, ENTRIES[3])


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
@pytest.mark.parametrize("size", range(2, len(ENTRIES) + 1))
def test_every_entry_has_a_receipt_that_verifies(signer: LocalSigner, size: int) -> None:
    for index in range(size):
        receipt = cose_receipt.parse(issued(inclusion(index, size), signer))
        assert verify_inclusion(receipt, KEYS, ENTRIES[index]) == TREE.root(size)
        with pytest.raises(SignatureInvalid):
            verify_inclusion(receipt, KEYS, b"another entry")


def test_our_receipts_are_deterministic_cbor_with_issuer_subject_and_key_id() -> None:
    data = issued(inclusion(3, 5))
    tagged = cbor2.loads(data)
    protected, unprotected, payload, _ = tagged.value
    kid = ED25519.public_key.thumbprint
    claims = {1: "https://log.example", 2: "record"}
    assert list(cbor2.loads(protected).items()) == [(1, -8), (4, kid), (15, claims), (395, 1)]
    assert (payload, list(unprotected[396])) == (None, [-1])
    assert cbor2.dumps(tagged, canonical=True) == data


def test_the_kinds_are_not_taken_for_each_other() -> None:
    with pytest.raises(MalformedReceipt):
        verify_inclusion(cose_receipt.parse(issued(consistency(3, 5))), KEYS, ENTRIES[3])


def test_a_key_under_another_name_or_algorithm_is_not_used() -> None:
    receipt = cose_receipt.parse(issued(inclusion(3, 5)))
    with pytest.raises(SignatureInvalid):
        verify_inclusion(receipt, {b"other": ED25519.public_key}, ENTRIES[3])
    with pytest.raises(SignatureInvalid):
        verify_inclusion(receipt, {receipt.kid: SIGNERS["ES256"].public_key}, ENTRIES[3])


def test_the_size_of_a_receipt_is_a_hint_that_nobody_signed() -> None:
    """Known of RFC 9942: the same path leads to the same root at other sizes. So size and index are not to be shown."""
    good = cose_receipt.parse(issued(inclusion(3, 5)))
    other = cose_receipt.parse(good.data.replace(b"\x83\x05\x03", b"\x83\x07\x03"))
    assert isinstance(other.proof, Inclusion)
    assert other.proof.size == 7
    assert verify_inclusion(other, KEYS, ENTRIES[3]) == TREE.root(5)


def test_a_changed_bit_makes_a_receipt_fail() -> None:
    """But for the size and index of its proof, which stand before the path."""
    data = issued(inclusion(3, 5))
    at = data.index(b"\x83\x05\x03")
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        if bit // 8 in (at + 1, at + 2):
            continue
        with pytest.raises((StatementError, TransparencyError)):
            verify_inclusion(cose_receipt.parse(bytes(changed)), KEYS, ENTRIES[3])


@given(st.binary(max_size=8), st.integers(0, 300), st.integers(0, 8))
def test_any_bytes_are_a_receipt_or_refused(noise: bytes, at: int, remove: int) -> None:
    for data in (INCLUSION, CONSISTENCY, issued(inclusion(3, 5)), b""):
        damaged = data[:at] + noise + data[at + remove :]
        try:
            receipt = cose_receipt.parse(damaged)
        except MalformedReceipt:
            continue
        assert receipt.data == damaged


@given(
    st.integers(2, MAX_TREE_SIZE).flatmap(lambda size: st.tuples(st.just(size), st.integers(1, size - 1))),
    st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=MAX_PROOF_HASHES),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    st.booleans(),
)
def test_a_receipt_comes_back_as_it_went(sizes: tuple[int, int], path: list[bytes], subject: str, kind: bool) -> None:
    proof = Inclusion(*sizes, tuple(path)) if kind else Consistency(*sizes[::-1], tuple(path))
    data = cose_receipt.issue(proof, bytes(32), ED25519, issuer="i", subject=subject)
    receipt = cose_receipt.parse(data)
    assert (receipt.proof, receipt.subject, receipt.data) == (proof, subject, data)


def remade(change: Callable[[list[object]], object]) -> bytes:
    """The receipt of inclusion of the RFC with parts of it changed."""
    parts = list(cbor2.loads(INCLUSION).value)
    change(parts)
    return cbor2.dumps(cbor2.CBORTag(18, parts))


def with_protected(headers: object) -> bytes:
    return remade(lambda parts: parts.__setitem__(0, cbor2.dumps(headers)))


def with_proofs(proofs: object) -> bytes:
    return remade(lambda parts: parts.__setitem__(1, proofs))


def with_proof(proof: object) -> bytes:
    return with_proofs({396: {-1: [cbor2.dumps(proof)]}})


HEADERS = cbor2.loads(cbor2.loads(INCLUSION).value[0])
PATH = [bytes(32)]


def test_the_remade_receipt_would_be_read() -> None:
    assert remade(lambda _: None) == INCLUSION
    assert with_protected(HEADERS) == INCLUSION
    assert isinstance(cose_receipt.parse(with_proof([2, 0, PATH])), CoseReceipt)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        INCLUSION[1:],
        INCLUSION + b"\0",
        b"\xd2\x9f" + INCLUSION[2:] + b"\xff",
        remade(lambda parts: parts.__setitem__(2, bytes(32))),
        remade(lambda parts: parts.__setitem__(2, False)),
        remade(lambda parts: parts.__setitem__(3, bytes(63))),
        remade(lambda parts: parts.append(None)),
        with_protected({}),
        with_protected({label: value for label, value in HEADERS.items() if label != 4}),
        with_protected({label: value for label, value in HEADERS.items() if label != 15}),
        with_protected(HEADERS | {2: [395]}),
        with_protected(HEADERS | {1: -37}),
        with_protected(HEADERS | {1: "ES256"}),
        with_protected(HEADERS | {395: 2}),
        with_protected(HEADERS | {4: b""}),
        with_protected(HEADERS | {4: bytes(256)}),
        with_protected(HEADERS | {15: {}}),
        with_protected(HEADERS | {15: {2: "subject"}}),
        with_protected(HEADERS | {15: {1: ""}}),
        with_protected(HEADERS | {15: {1: "x" * (MAX_RECEIPT_CLAIM_CHARACTERS + 1)}}),
        with_protected(HEADERS | {15: {1: "issuer", 2: "subject", 6: 1}}),
        remade(lambda parts: parts.__setitem__(0, b"\xa4\x01\x26\x01\x26\x19\x01\x8b\x01\x0f\xa1\x01\x61i")),
        with_proofs({}),
        with_proofs({396: {}}),
        with_proofs({396: {-1: []}}),
        with_proofs({396: {-1: [cbor2.dumps([2, 0, PATH])] * 2}}),
        with_proofs({396: {-1: [cbor2.dumps([2, 0, PATH])]}, 394: []}),
        with_proofs({396: {-3: [cbor2.dumps([2, 0, PATH])]}}),
        with_proof([1, 0, []]),
        with_proof([2, 2, PATH]),
        with_proof([2, -1, PATH]),
        with_proof([2**63, 0, PATH]),
        with_proof([2, 0, [bytes(31)]]),
        with_proof([2, 0, PATH * (MAX_PROOF_HASHES + 1)]),
        with_proof([2, 0, PATH * 400]),
        with_proof([2, 0, PATH, 0]),
        with_proof([2.0, 0, PATH]),
        INCLUSION + bytes(MAX_COSE_RECEIPT_BYTES),
        with_proofs({396: {-2: [cbor2.dumps([5, 3, PATH])]}}),
        with_proofs({396: {-2: [cbor2.dumps([0, 3, PATH])]}}),
    ],
)
def test_a_receipt_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedReceipt):
        cose_receipt.parse(data)


@pytest.mark.parametrize("text", ["", "\ud800", "x" * (MAX_RECEIPT_CLAIM_CHARACTERS + 1)])
def test_a_receipt_that_could_not_be_read_is_not_issued(text: str) -> None:
    with pytest.raises(MalformedReceipt):
        issued(inclusion(3, 5), subject=text)
    with pytest.raises(MalformedReceipt):
        cose_receipt.issue(inclusion(3, 5), bytes(31), ED25519, issuer="i", subject="s")


def test_a_log_of_one_entry_has_no_receipt_and_so_begins_with_a_genesis_entry() -> None:
    with pytest.raises(MalformedReceipt):
        inclusion(0, 1)


STATEMENT = sign_statement(b"{}", ED25519)
RECEIPT = issued(inclusion(3, 5))


def test_a_statement_carries_its_receipts_and_gives_the_entry_back() -> None:
    for receipts in ((RECEIPT,), (RECEIPT, INCLUSION), (RECEIPT,) * MAX_STATEMENT_RECEIPTS):
        transparent = TransparentStatement(STATEMENT, receipts)
        assert TransparentStatement.parse(transparent.serialise()) == transparent
    protected, unprotected, _, _ = cbor2.loads(TransparentStatement(STATEMENT, (RECEIPT,)).serialise()).value
    assert list(unprotected) == [394]
    assert [list(value) for value in unprotected.values()] == [[RECEIPT]]
    assert protected == cbor2.loads(STATEMENT).value[0]


@pytest.mark.parametrize("receipts", [(), (b"",), (STATEMENT,), (RECEIPT,) * (MAX_STATEMENT_RECEIPTS + 1)])
def test_a_statement_carries_receipts_and_nothing_else(receipts: tuple[bytes, ...]) -> None:
    with pytest.raises(MalformedReceipt):
        TransparentStatement(STATEMENT, receipts).serialise()
    parts = cbor2.loads(STATEMENT).value
    data = encode_cbor(cbor2.CBORTag(18, [parts[0], {394: list(receipts)}, *parts[2:]]))
    with pytest.raises(MalformedReceipt):
        TransparentStatement.parse(data)


def test_a_plain_statement_is_not_transparent() -> None:
    with pytest.raises(MalformedStatement):
        TransparentStatement.parse(STATEMENT)
    with pytest.raises(MalformedStatement):
        TransparentStatement(RECEIPT, (RECEIPT,)).serialise()


@given(st.binary(max_size=8), st.integers(0, 500), st.integers(0, 8))
def test_any_bytes_are_a_transparent_statement_or_refused(noise: bytes, at: int, remove: int) -> None:
    data = TransparentStatement(STATEMENT, (RECEIPT,)).serialise()
    damaged = data[:at] + noise + data[at + remove :]
    try:
        assert TransparentStatement.parse(damaged).serialise() == damaged
    except (MalformedReceipt, MalformedStatement):
        return
