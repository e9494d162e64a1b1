"""Receipts, good, hostile, changed, odd and old, with what the procedure of Python finds in each: for other
implementations.

But for two things that no browser can check, and that it says it does not: time-stamp tokens, and ML-DSA-44 signatures.
"""

import base64
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from provenance.errors import MalformedReceipt
from provenance.limits import MAX_RECEIPT_BYTES
from provenance.receipts.media import MediaPixels
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.canonical_json import Json, canonical_json
from provenance.transparency.note import ML_DSA_44, VerifierKey
from tests.earlier.make import EARLIER
from tests.receipt_vectors import CASES, receipt_of

CHANGES = 1500
NUMBERS = (
    *("1.0", "1e0", "1E0", "01", "+1", "-1", "-0", "0", "1.5", "1e400", "1e-400", "9007199254740992", "9" * 400),
    *("NaN", "Infinity", "0x1", "1n", "1_0", ".1", "1.", "--1"),
)
"""In place of an integer."""
NO_TEXTS = (
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"),
    *(b"\\ud800", b"\\u0041", b"\\x", b"\x00", b"\n", b"\xef\xbb\xbf"),
)
"""Before a title: bytes that are not UTF-8, and characters that no canonical text spells so."""
PROTOTYPE_NAMES = ("__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf")
PLACES: dict[str, Callable[[dict[str, Any], str], object]] = {
    "as a member": lambda receipt, name: receipt.update({name: {}}),
    "as a member of an entry": lambda receipt, name: receipt["subject"].update({name: {}}),
    "as a member of a record": lambda receipt, name: receipt["subject"]["record"].update({name: {"type": "x"}}),
    "in place of what a record states": lambda receipt, name: receipt["subject"].update(
        record={name: receipt["subject"]["record"]}
    ),
    "in place of a field": lambda receipt, name: receipt["subject"]["record"].update(
        {name: {"title": receipt["subject"]["record"].pop("publisher")}}
    ),
    "as the type": lambda receipt, name: receipt["subject"]["record"].update(type=name),
    "as the publisher": lambda receipt, name: receipt["subject"]["record"].update(publisher=name),
    "as a fingerprint": lambda receipt, name: receipt["subject"]["record"]["fingerprints"].update({name: name}),
    "in a key": lambda receipt, name: receipt["genesis"]["record"]["operator_keys"][0].update({name: {}}),
    "as the format": lambda receipt, name: receipt.update(format=name),
}
"""What is done to a receipt with the name of something that every object of JavaScript has."""


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


def earlier() -> list[Case]:
    """Receipts that earlier versions made, by the log key that they name."""
    files = sorted(EARLIER.glob("*/*.countermark"))
    return [
        Case(f"{file.parent.name}/{file.name}", data, GIVEN[0].given | {"trusted_keys": [json.loads(data)["log_key"]]})
        for file, data in ((file, file.read_bytes()) for file in files)
    ]


def odd() -> list[Case]:
    """Receipts that are no JSON of ours: cut, deep, huge, not canonical, not UTF-8, with names of prototypes."""
    good = GIVEN[0].receipt
    made = {f"cut at {at}": good[:at] for at in range(0, len(good), len(good) // 40)}
    made |= {f"nothing but {text}": text.encode() * 100_000 for text in ('"', "[", "{", "\\", "0", "\x00", " ")}
    made |= {f"version {text}": good.replace(b'"version":1', f'"version":{text}'.encode()) for text in NUMBERS}
    made |= {f"size {text}": re.sub(rb'"size":[0-9]+', f'"size":{text}'.encode(), good) for text in NUMBERS}
    made |= {f"title {text!r}": good.replace(b'"title":"', b'"title":"' + text) for text in NO_TEXTS}
    for name in PROTOTYPE_NAMES:
        for place, change in PLACES.items():
            receipt = json.loads(good)
            change(receipt, name)
            made[f"{name} {place}"] = canonical_json(receipt)
        twice = f'"{name}":1,"{name}":1'.encode()
        made[f"{name} given twice"] = good.replace(b'"record":{', b'"record":{' + twice + b",", 1)
    for depth in (15, 16, 17, 18, 19, 20, 21):
        receipt = json.loads(good)
        receipt["subject"]["record"]["unknown"] = json.loads("[" * depth + "]" * depth)
        made[f"{depth} levels in a record"] = canonical_json(receipt)
    return [Case(name, data, GIVEN[0].given) for name, data in made.items()]


def huge() -> list[Case]:
    """Receipts of about the most bytes that are looked at."""
    values: dict[str, Json] = {
        "the longest string": {"a": "a" * (MAX_RECEIPT_BYTES - len('{"a":""}'))},
        "a longer string": {"a": "a" * (MAX_RECEIPT_BYTES - len('{"a":""}') + 1)},
        "many numbers": {"a": [0] * (MAX_RECEIPT_BYTES // 2 - 10)},
        "many members": {f"{number:07}": 0 for number in range(MAX_RECEIPT_BYTES // 12 - 10)},
    }
    return [Case(name, canonical_json(value), GIVEN[0].given) for name, value in values.items()]


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
