"""The statement: what a publisher signs and the log takes in as an entry.

COSE_Sign1 (RFC 9052 §4.2, tag 18) as a hash envelope (RFC 9995, draft-ietf-cose-hash-envelope): the payload is the
SHA-256 of a record's canonical bytes, so that the log holds a key id and a salted digest and nothing else. Exactly
191 bytes, in deterministic CBOR (RFC 8949 §4.2.1):

    18([ << {1: algorithm, 4: kid, 258: -16, 259: content type} >>, {}, payload, signature ])
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from provenance.errors import EntryTooLarge, MalformedStatement, SignatureInvalid
from provenance.limits import MAX_ENTRY_BYTES
from provenance.statement.cbor import CborReader, Major, encode_cbor
from provenance.statement.cose import ALG, ALGORITHMS, KID, encode_sign1, read_protected, to_be_signed
from provenance.statement.keys import SIGNATURE_BYTES, Algorithm, PublicKey, Signer

CONTENT_TYPE = "application/vnd.countermark.record+json"
"""The media type of the record that the payload is the digest of."""

STATEMENT_BYTES = 191
"""Bytes of every statement: all its parts have a fixed size."""

_SIGNATURE_AT = STATEMENT_BYTES - SIGNATURE_BYTES
_PAYLOAD_END = _SIGNATURE_AT - 2
_PAYLOAD_AT = _PAYLOAD_END - 32
_KID_AT = 10
_KID_END = _KID_AT + 32

_PAYLOAD_HASH_ALG, _PREIMAGE_CONTENT_TYPE = 258, 259
_SHA_256 = -16


@dataclass(frozen=True)
class Statement:
    """A well-formed statement; whether its signature holds is for `verify_statement` to say.

    Attributes:
        data: the bytes as received: the log entry.
        algorithm: what it is signed with.
        kid: the COSE key thumbprint of the signing key, 32 bytes.
        record_id: the payload: SHA-256 of the record's canonical bytes.
    """

    data: bytes
    algorithm: Algorithm
    kid: bytes
    record_id: bytes

    @property
    def signature(self) -> bytes:
        """64 bytes."""
        return self.data[-SIGNATURE_BYTES:]


def signing_input(record_canonical: bytes, key: PublicKey) -> bytes:
    """What the key signs to state a record: a Sig_structure (RFC 9052 §4.4).

    Args:
        record_canonical: from `record.to_canonical`.
        key: the publisher's.
    """
    return to_be_signed(_protected(key.algorithm, key.thumbprint), hashlib.sha256(record_canonical).digest())


def assemble_statement(record_canonical: bytes, key: PublicKey, signature: bytes) -> bytes:
    """The statement with a signature over `signing_input`.

    Raises:
        SignatureInvalid: it does not verify.
    """
    key.verify(signature, signing_input(record_canonical, key))
    return _encode(key.algorithm, key.thumbprint, hashlib.sha256(record_canonical).digest(), signature)


def sign_statement(record_canonical: bytes, signer: Signer) -> bytes:
    """The statement of a signer about a record, checked before it is handed out.

    Args:
        record_canonical: from `record.to_canonical`.
        signer: holds the publisher's key.

    Raises:
        SignatureInvalid: the signer does not sign with the key it names.
    """
    key = signer.public_key
    return assemble_statement(record_canonical, key, signer.sign(signing_input(record_canonical, key)))


def parse_statement(data: bytes) -> Statement:
    """Reads a log entry, in the one encoding that is accepted.

    Raises:
        EntryTooLarge: more bytes than a log entry may have.
        MalformedStatement: anything but the encoding that `sign_statement` writes.
    """
    if len(data) == STATEMENT_BYTES:
        fixed = data[:_KID_AT], data[_KID_END:_PAYLOAD_AT], data[_PAYLOAD_END:_SIGNATURE_AT]
        for algorithm, parts in _fixed_parts().items():
            if fixed == parts:
                return Statement(data, algorithm, data[_KID_AT:_KID_END], data[_PAYLOAD_AT:_PAYLOAD_END])
    return _read_statement(data)  # which says what is wrong


def _read_statement(data: bytes) -> Statement:
    if len(data) > MAX_ENTRY_BYTES:
        raise EntryTooLarge(f"a log entry has at most {MAX_ENTRY_BYTES} bytes, not {len(data)}")
    message = CborReader(data)
    protected = CborReader(read_protected(message))
    message.expect(Major.MAP, 0, "empty map of unprotected headers")
    record_id = message.byte_string("payload", hashlib.sha256().digest_size)
    signature = message.byte_string("signature", SIGNATURE_BYTES)
    message.end("statement")

    protected.expect(Major.MAP, 4, "map of 4 protected headers")
    protected.expect(Major.UNSIGNED, ALG, "header 1 (alg)")
    algorithm = ALGORITHMS.get(protected.integer("algorithm"))
    if algorithm is None:
        raise MalformedStatement("algorithm: EdDSA (-8) or ES256 (-7) expected")
    protected.expect(Major.UNSIGNED, KID, "header 4 (kid)")
    kid = protected.byte_string("kid", hashlib.sha256().digest_size)
    protected.expect(Major.UNSIGNED, _PAYLOAD_HASH_ALG, "header 258 (payload hash algorithm)")
    if protected.integer("payload hash algorithm") != _SHA_256:
        raise MalformedStatement("payload hash algorithm: SHA-256 (-16) expected")
    protected.expect(Major.UNSIGNED, _PREIMAGE_CONTENT_TYPE, "header 259 (preimage content type)")
    if protected.text("preimage content type") != CONTENT_TYPE:
        raise MalformedStatement(f"preimage content type: {CONTENT_TYPE} expected")
    protected.end("protected headers")

    if _encode(algorithm, kid, record_id, signature) != data:
        raise MalformedStatement("not in deterministic CBOR")
    return Statement(data, algorithm, kid, record_id)


def verify_statement(statement: Statement, key: PublicKey, record_canonical: bytes | None = None) -> None:
    """Accepts a statement that the key signed, about the record where one is given.

    Whether the key was the publisher's when the statement was logged is for the caller to check.

    Raises:
        SignatureInvalid: another key, another record, or a signature that does not verify.
    """
    if (statement.algorithm, statement.kid) != (key.algorithm, key.thumbprint):
        raise SignatureInvalid(f"the statement names key {statement.kid.hex()}, not {key.thumbprint.hex()}")
    if record_canonical is not None and hashlib.sha256(record_canonical).digest() != statement.record_id:
        raise SignatureInvalid("the statement is about another record")
    protected = _protected(statement.algorithm, statement.kid)
    key.verify(statement.signature, to_be_signed(protected, statement.record_id))


@lru_cache(maxsize=1)
def _fixed_parts() -> dict[Algorithm, tuple[bytes, bytes, bytes]]:
    """What stands before, between and behind key id and payload in every statement, by algorithm."""
    parts = {}
    for algorithm in Algorithm:
        data = _encode(algorithm, bytes(32), bytes(32), bytes(SIGNATURE_BYTES))
        parts[algorithm] = data[:_KID_AT], data[_KID_END:_PAYLOAD_AT], data[_PAYLOAD_END:_SIGNATURE_AT]
    return parts


@lru_cache(maxsize=256)  # publishers sign many statements with one key
def _protected(algorithm: Algorithm, kid: bytes) -> bytes:
    return encode_cbor(
        {ALG: algorithm.cose, KID: kid, _PAYLOAD_HASH_ALG: _SHA_256, _PREIMAGE_CONTENT_TYPE: CONTENT_TYPE}
    )


def _encode(algorithm: Algorithm, kid: bytes, payload: bytes, signature: bytes) -> bytes:
    return encode_sign1(_protected(algorithm, kid), {}, payload, signature)
