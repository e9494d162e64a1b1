"""COSE_Sign1 (RFC 9052 §4.2): what log entries and the log's receipts are both written in.

18([ protected headers, unprotected headers, payload, signature ])
"""

from collections.abc import Mapping

import cbor2

from provenance.statement.cbor import CborReader, Major, encode_cbor
from provenance.statement.keys import Algorithm

ALG, KID = 1, 4
"""Labels of the headers that name the algorithm and the key (RFC 9052 §3.1)."""

ALGORITHMS = {algorithm.cose: algorithm for algorithm in Algorithm}
"""The algorithms by their identifiers (RFC 9053 §2)."""

FIRST_BYTE = b"\xd2"
"""Of every COSE_Sign1 that is tagged: tag 18."""

_TAG_SIGN1 = 18


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """What a signature is over: the Sig_structure of RFC 9052 §4.4, without external data.

    No checkpoint's text begins as it does.
    """
    return encode_cbor(["Signature1", protected, b"", payload])


def encode_sign1(protected: bytes, unprotected: Mapping[int, object], payload: bytes | None, signature: bytes) -> bytes:
    """Deterministic CBOR of a COSE_Sign1; `payload` is None where it is left out."""
    return encode_cbor(cbor2.CBORTag(_TAG_SIGN1, [protected, unprotected, payload, signature]))


def read_protected(message: CborReader) -> bytes:
    """The bytes of the protected headers, with the reader behind them. Raises MalformedStatement."""
    message.expect(Major.TAG, _TAG_SIGN1, "tag 18 (COSE_Sign1)")
    message.expect(Major.ARRAY, 4, "array of 4")
    return message.byte_string("protected headers")
