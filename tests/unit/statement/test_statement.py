"""Statements: one encoding, one size, and no other exception than ours."""

import hashlib
import json
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import EntryTooLarge, MalformedStatement, SignatureInvalid
from provenance.limits import MAX_ENTRY_BYTES
from provenance.statement.keys import Algorithm, LocalSigner, PublicKey
from provenance.statement.statement import (
    CONTENT_TYPE,
    STATEMENT_BYTES,
    parse_statement,
    sign_statement,
    verify_statement,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "statement" / "statements.json").read_text("utf-8"))
DATA = bytes.fromhex(VECTORS["accepted"][0]["statement_hex"])

ED25519 = LocalSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SIGNERS = [ED25519, LocalSigner.generate(Algorithm.ES256)]


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=itemgetter("name"))
def test_an_accepted_vector_verifies_under_its_key(vector: dict[str, Any]) -> None:
    key = PublicKey.from_jwk(vector["jwk"])
    record = bytes.fromhex(vector["record_canonical_hex"])
    statement = parse_statement(bytes.fromhex(vector["statement_hex"]))
    verify_statement(statement, key, record)
    assert statement.algorithm is key.algorithm is Algorithm(vector["algorithm"])
    assert statement.kid.hex() == vector["kid"] == key.thumbprint.hex()
    assert statement.record_id.hex() == vector["record_id"] == hashlib.sha256(record).hexdigest()
    key.verify(statement.signature, bytes.fromhex(vector["to_be_signed_hex"]))


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=itemgetter("name"))
def test_a_refused_vector_is_malformed_and_the_message_says_where(vector: dict[str, Any]) -> None:
    with pytest.raises(MalformedStatement) as refusal:
        parse_statement(bytes.fromhex(vector["data_hex"]))
    assert "deterministic" not in str(refusal.value), "found by the reader, before the comparison of encodings"


@pytest.mark.parametrize("signer", SIGNERS, ids=["Ed25519", "ES256"])
def test_a_statement_is_the_cose_sign1_that_any_cose_library_reads(signer: LocalSigner) -> None:
    data = sign_statement(b"record", signer)
    assert len(data) == STATEMENT_BYTES
    message = cbor2.loads(data)
    assert message.tag == 18
    protected, unprotected, payload, signature = message.value
    key = signer.public_key
    assert cbor2.loads(protected) == {1: key.algorithm.cose, 4: key.thumbprint, 258: -16, 259: CONTENT_TYPE}
    assert unprotected == {}
    assert payload == hashlib.sha256(b"record").digest()
    key.verify(signature, cbor2.dumps(["Signature1", protected, b"", payload]))


@given(st.binary(max_size=300), st.sampled_from(SIGNERS))
def test_a_signed_statement_parses_and_verifies(record: bytes, signer: LocalSigner) -> None:
    statement = parse_statement(sign_statement(record, signer))
    verify_statement(statement, signer.public_key)
    verify_statement(statement, signer.public_key, record)
    with pytest.raises(SignatureInvalid, match="another record"):
        verify_statement(statement, signer.public_key, record + b"!")


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_statement_is_malformed_or_does_not_verify(data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(DATA) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                DATA[:position] + bytes([DATA[position] ^ data.draw(st.integers(1, 255))]) + DATA[position + 1 :],
                DATA[:position],
                DATA + data.draw(st.binary(min_size=1, max_size=5)),
                DATA[:position] + data.draw(st.binary(min_size=1, max_size=9)) + DATA[position:],
            ]
        )
    )
    key = PublicKey.from_jwk(VECTORS["accepted"][0]["jwk"])
    with pytest.raises((MalformedStatement, SignatureInvalid)):
        verify_statement(parse_statement(damaged), key)


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_malformed(data: bytes) -> None:
    for start in (b"", DATA[:2], DATA[:4]):
        with pytest.raises(MalformedStatement):
            parse_statement(start + data)


@given(st.binary(max_size=120))
def test_arbitrary_protected_headers_are_malformed(protected: bytes) -> None:
    value = cbor2.loads(DATA).value
    with pytest.raises(MalformedStatement):
        parse_statement(cbor2.dumps(cbor2.CBORTag(18, [protected, *value[1:]])))


def test_an_entry_beyond_what_the_log_frames_is_too_large() -> None:
    with pytest.raises(EntryTooLarge):
        parse_statement(bytes(MAX_ENTRY_BYTES + 1))
    with pytest.raises(MalformedStatement):
        parse_statement(bytes(MAX_ENTRY_BYTES))


def test_a_statement_does_not_verify_under_another_key() -> None:
    statement = parse_statement(sign_statement(b"record", ED25519))
    stranger = LocalSigner.generate(Algorithm.ED25519).public_key
    with pytest.raises(SignatureInvalid, match="names key"):
        verify_statement(statement, stranger)
    with pytest.raises(SignatureInvalid, match="does not verify"):
        verify_statement(replace(statement, kid=stranger.thumbprint), stranger)


def test_a_signer_that_signs_with_another_key_than_it_names_is_found_out() -> None:
    class Confused:
        public_key = ED25519.public_key

        def sign(self, message: bytes) -> bytes:
            return LocalSigner.generate(Algorithm.ED25519).sign(message)

    with pytest.raises(SignatureInvalid):
        sign_statement(b"record", Confused())


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_statement_of_one_key_differs_in_record_and_signature_alone(algorithm: Algorithm) -> None:
    signer = LocalSigner.generate(algorithm)
    one, other = (parse_statement(sign_statement(text, signer)) for text in (b"{}", b"[]"))
    assert (one.algorithm, one.kid) == (other.algorithm, other.kid) == (algorithm, signer.public_key.thumbprint)
    for each in (one, other):
        place = each.data.index(each.record_id)
        assert parse_statement(each.data).record_id == hashlib.sha256(b"{}" if each is one else b"[]").digest()
        assert one.data[:place] == other.data[:place]
    for at in range(len(one.data)):
        changed = bytearray(one.data)
        changed[at] ^= 1
        try:
            read = parse_statement(bytes(changed))
        except MalformedStatement:
            continue
        assert replace(read, data=b"") != replace(one, data=b"") or read.signature != one.signature
