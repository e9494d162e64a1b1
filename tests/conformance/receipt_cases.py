"""Receipts, good, hostile and changed, with what the procedure of Python finds in each: for other implementations.

But for two things that no browser can check, and that it says it does not: time-stamp tokens, and ML-DSA-44 signatures.
"""

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provenance.errors import MalformedReceipt
from provenance.receipts.media import MediaPixels
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.transparency.note import ML_DSA_44, VerifierKey
from tests.receipt_vectors import CASES, receipt_of

CHANGES = 1500


@dataclass(frozen=True)
class Case:
    name: str
    receipt: bytes
    given: dict[str, Any]


GIVEN = [Case(name, receipt_of(case), case) for name, case in CASES.items()]


def changed(seed: int) -> Iterator[Case]:
    """Receipts of the vectors with a bit, a byte or a digit changed."""
    chance = random.Random(seed)
    usable = [case for case in GIVEN if case.receipt]
    for number in range(CHANGES):
        case = chance.choice(usable)
        data = bytearray(case.receipt)
        at = chance.randrange(len(data))
        match chance.randrange(8):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at]
            case 2:
                data.insert(at, chance.randrange(256))
            case _:  # most of these stay canonical
                data[at] = chance.choice(b'0123456789abcdefABCDEF"{}[]:,+/=\\n')
        yield Case(f"{case.name}, change {number}", bytes(data), case.given)


def found_by_python(case: Case) -> dict[str, Any]:
    try:
        receipt = Receipt.parse(case.receipt)
    except MalformedReceipt:
        return {"malformed": True}
    sha256, pixels = case.given["media_sha256"], case.given["pixels_sha256"]
    keys = [VerifierKey.parse(key) for key in case.given["trusted_keys"]]
    report = verify_receipt(
        receipt,
        trusted_keys=[key for key in keys if key.key_type != ML_DSA_44],
        media_sha256=sha256 and bytes.fromhex(sha256),
        pixels=pixels and (lambda: MediaPixels(bytes.fromhex(pixels))),
    )
    return {
        "holds": report.holds,
        "steps": [step.outcome for step in report.steps],
        "record_id": report.record_id.hex(),
        "index": str(report.index),
        "log_key_pinned": report.log_key_pinned,
        "cosigners": len(report.cosigners),
        "withdrawn": report.withdrawn,
        "disputed": report.disputed,
        "superseded_by": None if report.superseded_by is None else str(report.superseded_by),
        "key_compromised": report.key_compromised,
        "contested_origins": [each.hex() for each in report.contested_origins],
        "truncated": report.truncated,
    }


def asked(case: Case) -> dict[str, Any]:
    """The case as `receipt_steps.mjs` takes it."""
    names = ("trusted_keys", "media_sha256", "pixels_sha256")
    return {"receipt": base64.b64encode(case.receipt).decode()} | {name: case.given[name] for name in names}


def assert_agreed(cases: list[Case], answers: list[dict[str, Any]]) -> int:
    """How many of them were well-formed."""
    well_formed = 0
    for case, found in zip(cases, answers, strict=True):
        steps = found.pop("steps", None)
        outcomes = {} if steps is None else {"steps": [outcome for outcome, _ in steps]}
        expected = found_by_python(case)
        assert {**found, **outcomes} == expected, case.name
        well_formed += "steps" in expected
    return well_formed
