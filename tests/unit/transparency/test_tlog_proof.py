"""tlog-proofs: an entry's inclusion in one text file."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedNote, MalformedProof, ProofInvalid, UntrustedNote
from provenance.limits import MAX_PROOF_BYTES, MAX_PROOF_EXTRA_BYTES, MAX_PROOF_HASHES, MAX_TREE_SIZE
from provenance.transparency.note import VerifierKey
from provenance.transparency.tlog_proof import TlogProof

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "transparency" / "tlog_proofs.json").read_text())
KEYS = [VerifierKey.parse(key) for key in VECTORS["keys"]]
ORIGIN = VECTORS["origin"]
GOOD = base64.b64decode(VECTORS["cases"][0]["proof"])
ENTRY = base64.b64decode(VECTORS["cases"][0]["entry"])
CHECKPOINT = TlogProof.parse(GOOD).checkpoint


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_shared_proofs_come_out_as_stated(case: dict[str, Any]) -> None:
    data, entry = base64.b64decode(case["proof"]), base64.b64decode(case["entry"])
    if case["outcome"] == "malformed":
        with pytest.raises(MalformedProof):
            TlogProof.parse(data)
        return
    proof = TlogProof.parse(data)
    assert proof.serialise() == data
    match case["outcome"]:
        case "untrusted":
            with pytest.raises(UntrustedNote):
                proof.verify(entry, KEYS, ORIGIN)
        case "invalid":
            with pytest.raises(ProofInvalid):
                proof.verify(entry, KEYS, ORIGIN)
        case "holds":
            assert proof.verify(entry, KEYS, ORIGIN)[0].origin == ORIGIN


def test_a_proof_names_the_witnesses_of_its_checkpoint() -> None:
    checkpoint, cosigners = TlogProof.parse(GOOD).verify(ENTRY, KEYS, ORIGIN)
    assert checkpoint.size == 300
    assert [each.key.name for each in cosigners] == ["witness.example/w1"]


@given(
    st.integers(0, MAX_TREE_SIZE - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_PROOF_HASHES),
    st.none() | st.binary(min_size=1, max_size=100),
)
def test_a_proof_comes_back_as_it_went(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    proof = TlogProof(index, tuple(hashes), CHECKPOINT, extra)
    assert TlogProof.parse(proof.serialise()) == proof


def test_every_changed_bit_of_a_proof_is_refused() -> None:
    witness_line = GOOD.rindex("—".encode())
    for bit in range(8 * witness_line):
        changed = bytearray(GOOD)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((MalformedProof, MalformedNote, UntrustedNote, ProofInvalid)):
            TlogProof.parse(bytes(changed)).verify(ENTRY, KEYS, ORIGIN)


@pytest.mark.parametrize(
    "proof",
    [
        TlogProof(-1, (), CHECKPOINT),
        TlogProof(MAX_TREE_SIZE, (), CHECKPOINT),
        TlogProof(0, (bytes(31),), CHECKPOINT),
        TlogProof(0, (bytes(32),) * (MAX_PROOF_HASHES + 1), CHECKPOINT),
        TlogProof(0, (), CHECKPOINT, b""),
        TlogProof(0, (), CHECKPOINT, bytes(MAX_PROOF_EXTRA_BYTES + 1)),
        TlogProof(0, (), b"no checkpoint"),
    ],
)
def test_a_proof_that_could_not_be_read_is_not_written(proof: TlogProof) -> None:
    with pytest.raises(MalformedProof):
        proof.serialise()


def test_a_proof_is_bounded_before_it_is_read() -> None:
    with pytest.raises(MalformedProof, match="bytes"):
        TlogProof.parse(GOOD + b"\n" * MAX_PROOF_BYTES)
