import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import replace

import c2pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    CredentialState,
    TrustSettings,
    sign_embedded,
    sign_sidecar,
)
from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.jumbf import read_facts
from provenance.limits import MAX_JUMBF_BOXES
from tests.unit.credentials.reader import read_credentials

Draw = Callable[[str], bytes]
Replace = Callable[[bytes, bytes, Callable[[bytes], bytes]], bytes]


@pytest.fixture(scope="module")
def manifest(draw: Draw, claim: ClaimDescription, signer: ClaimSigner) -> bytes:
    return sign_sidecar(draw("image/png"), "image/png", claim, signer).manifest


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _superbox(label: str, *contents: bytes) -> bytes:
    return _box(b"jumb", _box(b"jumd", bytes(16) + b"\3" + label.encode() + b"\0") + b"".join(contents))


def test_the_claim_digest_is_over_exactly_the_bytes_that_were_signed(manifest: bytes) -> None:
    at = manifest.index(b"c2pa.claim.v2\0") + len(b"c2pa.claim.v2\0")
    length, kind = struct.unpack_from(">I4s", manifest, at)
    assert kind == b"cbor"
    facts = read_facts(manifest)
    assert facts is not None
    assert facts.claim_sha256 == hashlib.sha256(manifest[at + 8 : at + length]).digest()


def test_the_last_manifest_of_a_store_is_the_active_one() -> None:
    signature = _superbox("c2pa.signature", _box(b"cbor", b"\xd2\x84\x40\xa0\xf6\x40"))
    manifests = [
        _superbox(f"urn:c2pa:{n}", _superbox("c2pa.claim.v2", _box(b"cbor", bytes([n]))), signature) for n in (1, 2)
    ]
    store = _superbox("c2pa", *manifests)
    active, first = read_facts(store), read_facts(store, "urn:c2pa:1")
    assert active is not None
    assert first is not None
    assert (active.manifest_id, active.claim_sha256) == ("urn:c2pa:2", hashlib.sha256(b"\2").digest())
    assert (first.manifest_id, first.claim_sha256) == ("urn:c2pa:1", hashlib.sha256(b"\1").digest())
    assert active.padding_nonzero is False


def test_changed_padding_still_verifies_and_is_noticed(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings, replace_chunk: Replace
) -> None:
    signed = sign_embedded(draw("image/png"), "image/png", claim, signer)

    def write_into_padding(manifest: bytes) -> bytes:
        at = manifest.rindex(b"\x63pad") + 4 + 3 + 100  # its key, the head of a byte string, some zeros
        assert manifest[at : at + 6] == bytes(6)
        return manifest[:at] + b"secret" + manifest[at + 6 :]

    changed = replace_chunk(signed.data or b"", b"caBX", write_into_padding)
    report = read_credentials(changed, "image/png", trust)
    assert report.state is CredentialState.TRUSTED
    assert report.padding_nonzero is True
    assert report.claim_sha256 == signed.claim_sha256


def test_a_compressed_manifest_is_read_and_its_digest_is_unknown_rather_than_wrong(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    usual = Settings.of(trust)
    compressing = replace(usual, core=replace(usual.core, prefer_compress_manifests=True))
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain_pem) as native,
        c2pa.Builder(claim.definition(opened=False), context(compressing)) as builder,
    ):
        builder.sign(native, "image/jpeg", io.BytesIO(draw("image/jpeg")), copy)
    report = read_credentials(copy.getvalue(), "image/jpeg", trust)
    assert report.state is CredentialState.TRUSTED
    assert report.claim_sha256 is None
    assert report.padding_nonzero is None


DAMAGED = {
    "empty": b"",
    "a length beyond the end": struct.pack(">I4s", 100, b"jumb"),
    "a length shorter than its header": struct.pack(">I4s", 4, b"jumb"),
    "an extended length that is cut off": struct.pack(">I4s", 1, b"jumb") + b"\0\0",
    "an extended length beyond the end": struct.pack(">I4sQ", 1, b"jumb", 2**63),
    "no superbox": _box(b"cbor", b"\0"),
    "no description": _box(b"jumb", _superbox("urn:c2pa:1")),
    "two stores": _superbox("c2pa") * 2,
    "no manifest": _superbox("c2pa"),
    "a label without an end": _superbox("c2pa", _box(b"jumb", _box(b"jumd", bytes(16) + b"\3abc"))),
    "a label that is no text": _superbox("c2pa", _box(b"jumb", _box(b"jumd", bytes(16) + b"\3\xff\0"))),
    "too many boxes": _superbox("c2pa", _box(b"free", b"") * (MAX_JUMBF_BOXES + 1)),
}


@pytest.mark.parametrize("store", list(DAMAGED.values()), ids=list(DAMAGED))
def test_boxes_that_are_not_right_give_no_facts(store: bytes) -> None:
    assert read_facts(store) is None


@settings(max_examples=300)
@given(data=st.data())
def test_no_change_to_a_store_raises(manifest: bytes, data: st.DataObject) -> None:
    changed = bytearray(manifest[:2500])
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    read_facts(bytes(changed) + manifest[2500:])
    read_facts(bytes(changed))
