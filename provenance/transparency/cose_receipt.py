"""COSE receipts: a log's signature over a root, with the Merkle proof that leads there; and statements that carry them.

A receipt (RFC 9942) is for the tree of RFC 9162 with SHA-256 (`vds` 1); it has issuer, subject and key id, as RFC 9943
asks for:

    18([ <<{1: algorithm, 4: kid, 15: {1: issuer, 2: subject}, 395: 1}>>, {396: {-1: [<<proof>>]}}, nil, signature ])

The payload is the root, and is left out, so that whoever verifies computes it. The signature covers the root alone: an
inclusion proof may state another size, and sometimes another index, that leads to the same root. Size and index are
hints for finding the entry; a signed checkpoint is what states them.

A transparent statement (RFC 9943, SCITT) has the receipts of its logs in unprotected header 394, which the publisher's
signature does not cover; the log entry is the statement without them:

    18([ protected, {394: [receipt, ...]}, payload, signature ])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedReceipt, MalformedStatement, SignatureInvalid
from provenance.limits import (
    MAX_COSE_RECEIPT_BYTES,
    MAX_KID_BYTES,
    MAX_PROOF_HASHES,
    MAX_RECEIPT_CLAIM_CHARACTERS,
    MAX_STATEMENT_RECEIPTS,
    MAX_TREE_SIZE,
)
from provenance.statement.cbor import CborReader, Major, encode_cbor
from provenance.statement.cose import ALG, ALGORITHMS, KID, encode_sign1, read_protected, to_be_signed
from provenance.statement.keys import SIGNATURE_BYTES, Algorithm, PublicKey, Signer
from provenance.statement.statement import STATEMENT_BYTES, parse_statement
from provenance.transparency.merkle import HASH_BYTES, leaf_hash, root_of_inclusion

_CWT_CLAIMS, _VDS, _VDP = 15, 395, 396
_ISSUER, _SUBJECT = 1, 2
_RFC9162_SHA256 = 1
_INCLUSION, _CONSISTENCY = -1, -2
_NIL = 22
_MAX_CONSISTENCY_HASHES = MAX_PROOF_HASHES + 1


@dataclass(frozen=True)
class Inclusion:
    """A proof that an entry is in a tree: its size, the entry's index, and 1 to 63 hashes of 32 bytes.

    Raises:
        MalformedReceipt: no tree has such a proof. In the tree of a single entry an inclusion proof has no hashes.
    """

    size: int
    index: int
    path: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.size <= MAX_TREE_SIZE:
            raise MalformedReceipt("an inclusion proof is of an entry below the tree's size")
        _check_path(self.path, MAX_PROOF_HASHES)


@dataclass(frozen=True)
class Consistency:
    """A proof that a tree begins with an older one: both sizes, and 1 to 64 hashes of 32 bytes.

    Raises:
        MalformedReceipt: no two trees have such a proof.
    """

    old_size: int
    new_size: int
    path: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 < self.old_size < self.new_size <= MAX_TREE_SIZE:
            raise MalformedReceipt("a consistency proof is from a tree to a larger one")
        _check_path(self.path, _MAX_CONSISTENCY_HASHES)


@dataclass(frozen=True)
class CoseReceipt:
    """A well-formed receipt; whether it holds is for `verify_inclusion` to say.

    Attributes:
        data: the bytes as received.
        algorithm: what it is signed with.
        kid: by which its issuer names the key: 1 to 255 bytes.
        issuer: the log's service.
        subject: what the receipt is about, if stated; ours always state it.
        proof: of inclusion, or of consistency.
        signature: 64 bytes.
    """

    data: bytes
    algorithm: Algorithm
    kid: bytes
    issuer: str
    subject: str | None
    proof: Inclusion | Consistency
    signature: bytes
    protected: bytes
    """The protected headers as received: they are signed, in whatever order they stand."""


def issue(proof: Inclusion | Consistency, root: bytes, signer: Signer, *, issuer: str, subject: str) -> bytes:
    """A receipt by the log's key over the root that the proof leads to, checked before it is handed out.

    Args:
        proof: of a tree with this root.
        root: 32 bytes; with consistency, the newer one.
        signer: holds the log's key; its thumbprint becomes the key id.
        issuer: address or name of the log's service, 1 to 2,000 characters.
        subject: what the receipt is about, likewise.

    Raises:
        MalformedReceipt: the root is no hash, or issuer or subject is no text, too long or empty.
        SignatureInvalid: the signer does not sign with the key it names.
    """
    if len(root) != HASH_BYTES:
        raise MalformedReceipt(f"a root has {HASH_BYTES} bytes")
    key = signer.public_key
    protected = encode_cbor(
        {
            ALG: key.algorithm.cose,
            KID: key.thumbprint,
            _CWT_CLAIMS: {_ISSUER: _claim(issuer, "issuer"), _SUBJECT: _claim(subject, "subject")},
            _VDS: _RFC9162_SHA256,
        }
    )
    message = to_be_signed(protected, root)
    signature = signer.sign(message)
    key.verify(signature, message)
    return parse(_encode(protected, proof, signature)).data


def parse(data: bytes) -> CoseReceipt:
    """Read a receipt, in the one encoding that is accepted.

    That is deterministic CBOR, but for the order of the protected headers: receipts of others have other orders, and
    since those bytes are signed, nobody can make a second receipt out of one.

    Raises:
        MalformedReceipt: anything else, also other header parameters, several proofs, or a payload that is attached.
    """
    if len(data) > MAX_COSE_RECEIPT_BYTES:
        raise MalformedReceipt(f"a COSE receipt of more than {MAX_COSE_RECEIPT_BYTES} bytes")
    try:
        receipt = _read(data)
    except MalformedStatement as cause:
        raise MalformedReceipt(str(cause)) from cause
    if _encode(receipt.protected, receipt.proof, receipt.signature) != data:
        raise MalformedReceipt("not in deterministic CBOR")
    return receipt


def verify_inclusion(receipt: CoseReceipt, keys: Mapping[bytes, PublicKey], entry: bytes) -> bytes:
    """Check that the log has an entry.

    Args:
        receipt: from `parse`.
        keys: the log's, by key id.
        entry: the log entry's bytes.

    Returns:
        the root of the tree that has it, 32 bytes.

    Raises:
        MalformedReceipt: not a receipt of inclusion.
        ProofInvalid: the proof has too few or too many hashes.
        SignatureInvalid: no such key, or its signature is over another root: the entry is not in the tree.
    """
    if not isinstance(receipt.proof, Inclusion):
        raise MalformedReceipt("not a receipt of inclusion")
    proof = receipt.proof
    root = root_of_inclusion(leaf_hash(entry), proof.index, proof.size, proof.path)
    _verify_signature(receipt, keys, root)
    return root


def _verify_signature(receipt: CoseReceipt, keys: Mapping[bytes, PublicKey], root: bytes) -> None:
    key = keys.get(receipt.kid)
    if key is None or key.algorithm != receipt.algorithm:
        raise SignatureInvalid(f"the receipt names key {receipt.kid.hex()}, which is not one of the log's")
    key.verify(receipt.signature, to_be_signed(receipt.protected, root))


def _encode(protected: bytes, proof: Inclusion | Consistency, signature: bytes) -> bytes:
    match proof:
        case Inclusion(first, second, path):
            label = _INCLUSION
        case Consistency(first, second, path):
            label = _CONSISTENCY
    proofs = {_VDP: {label: [encode_cbor([first, second, list(path)])]}}
    return encode_sign1(protected, proofs, None, signature)


def _read(data: bytes) -> CoseReceipt:
    message = CborReader(data)
    protected = read_protected(message)
    message.expect(Major.MAP, 1, "map of 1 unprotected header")
    message.expect(Major.UNSIGNED, _VDP, "header 396 (proofs)")
    message.expect(Major.MAP, 1, "map of 1 kind of proof")
    kind = message.integer("kind of proof")
    message.expect(Major.ARRAY, 1, "array of 1 proof")
    proof = _read_proof(kind, message.byte_string("proof"))
    message.expect(Major.SIMPLE, _NIL, "no payload")
    signature = message.byte_string("signature", SIGNATURE_BYTES)
    message.end("receipt")
    algorithm, kid, issuer, subject = _read_protected(protected)
    return CoseReceipt(data, algorithm, kid, issuer, subject, proof, signature, protected)


def _read_proof(kind: int, data: bytes) -> Inclusion | Consistency:
    reader = CborReader(data)
    reader.expect(Major.ARRAY, 3, "array of 3")
    first, second = (reader.head(Major.UNSIGNED, what) for what in ("first number", "second number"))
    count = reader.head(Major.ARRAY, "path")
    if count > _MAX_CONSISTENCY_HASHES:
        raise MalformedReceipt("a path longer than any tree is high")
    path = tuple(reader.byte_string("hash", HASH_BYTES) for _ in range(count))
    reader.end("proof")
    if kind == _INCLUSION:
        return Inclusion(first, second, path)
    if kind == _CONSISTENCY:
        return Consistency(first, second, path)
    raise MalformedReceipt("neither a proof of inclusion nor of consistency")


def _read_protected(data: bytes) -> tuple[Algorithm, bytes, str, str | None]:
    """Algorithm, key id, issuer and subject of the protected headers, in any order."""
    reader = CborReader(data)
    reader.expect(Major.MAP, 4, "map of 4 protected headers")
    labels = set()
    algorithm, kid, issuer, subject = None, b"", "", None
    for _ in range(4):
        label = reader.integer("header")
        labels.add(label)
        match label:
            case 1:
                algorithm = ALGORITHMS.get(reader.integer("algorithm"))
            case 4:
                kid = reader.byte_string("kid")
            case 15:
                issuer, subject = _read_claims(reader)
            case 395:
                reader.expect(Major.UNSIGNED, _RFC9162_SHA256, "structure 1 (RFC 9162 with SHA-256)")
            case _:
                raise MalformedReceipt(f"header {label} is not one of a receipt")
    reader.end("protected headers")
    if labels != {ALG, KID, _CWT_CLAIMS, _VDS}:
        raise MalformedReceipt("a header comes twice")
    if algorithm is None:
        raise MalformedReceipt("algorithm: EdDSA (-8) or ES256 (-7) expected")
    if not 1 <= len(kid) <= MAX_KID_BYTES:
        raise MalformedReceipt(f"a key id has 1 to {MAX_KID_BYTES} bytes")
    return algorithm, kid, issuer, subject


def _read_claims(reader: CborReader) -> tuple[str, str | None]:
    """Issuer and, where it is there, subject: the CWT claims (RFC 9597) that receipts have."""
    count = reader.head(Major.MAP, "claims")
    if count not in (1, 2):
        raise MalformedReceipt("claims: issuer, or issuer and subject expected")
    reader.expect(Major.UNSIGNED, _ISSUER, "claim 1 (issuer)")
    issuer = _claim(reader.text("issuer"), "issuer")
    if count == 1:
        return issuer, None
    reader.expect(Major.UNSIGNED, _SUBJECT, "claim 2 (subject)")
    return issuer, _claim(reader.text("subject"), "subject")


def _claim(text: str, what: str) -> str:
    if not 1 <= len(text) <= MAX_RECEIPT_CLAIM_CHARACTERS:
        raise MalformedReceipt(f"{what}: 1 to {MAX_RECEIPT_CLAIM_CHARACTERS} characters expected")
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise MalformedReceipt(f"{what}: has no UTF-8") from cause
    return text


def _check_path(path: Sequence[bytes], maximum: int) -> None:
    if not 1 <= len(path) <= maximum or any(len(each) != HASH_BYTES for each in path):
        raise MalformedReceipt(f"a path has 1 to {maximum} hashes of {HASH_BYTES} bytes")


_RECEIPTS = 394
_MAX_BYTES = STATEMENT_BYTES + MAX_STATEMENT_RECEIPTS * (MAX_COSE_RECEIPT_BYTES + 8)


@dataclass(frozen=True)
class TransparentStatement:
    """A statement and its receipts, of which nothing is checked but the form.

    Attributes:
        statement: the log entry (`statement.parse_statement`).
        receipts: 1 to 16 COSE receipts (`cose_receipt.parse`).
    """

    statement: bytes
    receipts: tuple[bytes, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the one encoding that `serialise` writes.

        Raises:
            MalformedStatement: the statement in it is malformed.
            MalformedReceipt: it holds no receipt, too many, or something else in their place.
        """
        if len(data) > _MAX_BYTES:
            raise MalformedReceipt(f"a transparent statement of more than {_MAX_BYTES} bytes")
        reader = CborReader(data)
        protected = read_protected(reader)
        reader.expect(Major.MAP, 1, "map of 1 unprotected header")
        reader.expect(Major.UNSIGNED, _RECEIPTS, "header 394 (receipts)")
        count = reader.head(Major.ARRAY, "receipts")
        if count > MAX_STATEMENT_RECEIPTS:
            raise MalformedReceipt(f"a statement has at most {MAX_STATEMENT_RECEIPTS} receipts")
        receipts = tuple(reader.byte_string("receipt") for _ in range(count))
        payload, signature = reader.byte_string("payload"), reader.byte_string("signature")
        reader.end("transparent statement")
        found = cls(encode_sign1(protected, {}, payload, signature), receipts)
        if found.serialise() != data:
            raise MalformedStatement("not in deterministic CBOR")
        return found

    def serialise(self) -> bytes:
        """The bytes that `parse` reads. Raises MalformedStatement, MalformedReceipt where it would refuse them."""
        parse_statement(self.statement)
        if not 1 <= len(self.receipts) <= MAX_STATEMENT_RECEIPTS:
            raise MalformedReceipt(f"a transparent statement has 1 to {MAX_STATEMENT_RECEIPTS} receipts")
        for receipt in self.receipts:
            parse(receipt)
        reader = CborReader(self.statement)
        protected = read_protected(reader)
        reader.expect(Major.MAP, 0, "empty map of unprotected headers")
        payload, signature = reader.byte_string("payload"), reader.byte_string("signature")
        return encode_sign1(protected, {_RECEIPTS: list(self.receipts)}, payload, signature)
