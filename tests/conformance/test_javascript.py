"""`clients/js` finds of a receipt what the procedure of Python finds, at each step: good, hostile and changed ones.

But for two things that no browser can check, and that it says it does not: time-stamp tokens, and ML-DSA-44 signatures.
"""

import base64
import json
import random
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import MalformedReceipt
from provenance.receipts.media import MediaPixels
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.transparency.note import ML_DSA_44, VerifierKey
from tests.receipt_vectors import CASES, receipt_of

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node") or ""
TSC = ROOT / ".tools/node_modules/.bin/tsc"
CHANGES = 1500
TIME_STAMP = 10

pytestmark = pytest.mark.skipif(not NODE, reason="Node.js is not installed")


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


def found_by_javascript(cases: Iterable[Case]) -> list[dict[str, Any]]:
    names = ("trusted_keys", "media_sha256", "pixels_sha256")
    asked = [
        {"receipt": base64.b64encode(case.receipt).decode()} | {name: case.given[name] for name in names}
        for case in cases
    ]
    node = subprocess.run(
        [NODE, ROOT / "tests/conformance/receipt_steps.mjs"],
        input="".join(json.dumps(each) + "\n" for each in asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert node.returncode == 0, node.stderr
    return [json.loads(line) for line in node.stdout.splitlines()]


def assert_agreed(cases: list[Case]) -> int:
    """How many of them were well-formed."""
    answers = found_by_javascript(cases)
    well_formed = 0
    for case, found in zip(cases, answers, strict=True):
        steps = found.pop("steps", None)
        outcomes = {} if steps is None else {"steps": [outcome for outcome, _ in steps]}
        expected = found_by_python(case)
        assert {**found, **outcomes} == expected, case.name
        well_formed += "steps" in expected
    return well_formed


def test_every_receipt_of_the_vectors_has_the_same_outcome_at_each_step() -> None:
    assert assert_agreed(GIVEN) > 100


def test_every_step_says_the_same_in_words() -> None:
    good = [case for case in GIVEN if case.given["fails"] is None]
    for case, found in zip(good, found_by_javascript(good), strict=True):
        keys = [VerifierKey.parse(key) for key in case.given["trusted_keys"]]
        sha256 = case.given["media_sha256"]
        report = verify_receipt(
            Receipt.parse(case.receipt),
            trusted_keys=[key for key in keys if key.key_type != ML_DSA_44],
            media_sha256=sha256 and bytes.fromhex(sha256),
        )
        told = [detail for _, detail in found["steps"]]
        expected = [step.detail for step in report.steps]
        without_media = slice(0, 8)
        assert told[without_media] == expected[without_media], case.name
        assert told[TIME_STAMP:] == expected[TIME_STAMP:], case.name


def test_every_changed_receipt_has_the_same_outcome_at_each_step() -> None:
    assert assert_agreed(list(changed(20261129))) > CHANGES / 10


def test_the_vectors_pass_in_javascript() -> None:
    node = subprocess.run(
        [NODE, "--test", "--test-reporter=tap"], cwd=ROOT / "clients/js", capture_output=True, text=True, check=False
    )
    failures = [line for line in node.stdout.splitlines() if line.lstrip().startswith("not ok")]
    assert node.returncode == 0, "\n".join(failures)
    assert int(node.stdout.rpartition("# pass ")[2].split()[0]) > 900


EXAMPLE = """
import { readFileSync } from "node:fs";
import { VerifierKey, verifyReceipt } from "countermark";

const key = await VerifierKey.parse(process.argv[2]);
const report = await verifyReceipt(new Uint8Array(readFileSync("receipt.countermark")), { trustedKeys: [key] });
console.log(report.holds, report.logKeyPinned);
"""
TYPED = """
import { VerifierKey, verifyReceipt } from "countermark";
import type { ReceiptReport } from "countermark";

const key: VerifierKey = await VerifierKey.parse("");
const report: ReceiptReport = await verifyReceipt(new Uint8Array(), { trustedKeys: [key] });
const outcome: "holds" | "fails" | "not checked" | undefined = report.steps[0]?.outcome;
console.log(outcome);
"""


@pytest.mark.skipif(not TSC.exists(), reason="`make check` gets tsc")
def test_the_packed_package_works_and_has_its_types_in_an_empty_folder(tmp_path: Path) -> None:
    def run(*command: str | Path, cwd: Path = tmp_path) -> str:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("npm", "pack", "--silent", "--pack-destination", tmp_path, cwd=ROOT / "clients/js")
    (package,) = tmp_path.glob("*.tgz")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run("npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", package)
    (tmp_path / "receipt.countermark").write_bytes(GIVEN[0].receipt)
    (tmp_path / "example.js").write_text(EXAMPLE)
    assert run(NODE, "example.js", GIVEN[0].given["trusted_keys"][0]) == "true true\n"
    (tmp_path / "typed.ts").write_text(TYPED)
    run(TSC, "--strict", "--noEmit", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,dom", "typed.ts")
