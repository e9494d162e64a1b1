"""`clients/js` finds of a receipt what the procedure of Python finds, at each step: good, hostile and changed ones.

But for two things that no browser can check, and that it says it does not: time-stamp tokens, and ML-DSA-44 signatures.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from api.pages.rendering import without_comments
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.transparency.note import ML_DSA_44, VerifierKey
from tests.conformance.receipt_cases import CHANGES, GIVEN, Case, asked, assert_agreed, changed, earlier, huge, odd

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node") or ""
SOURCES = ROOT / "clients/js/src"
TSC = ROOT / ".tools/node_modules/.bin/tsc"
TIME_STAMP = 10

pytestmark = pytest.mark.skipif(not NODE, reason="Node.js is not installed")


def found_by_javascript(cases: Iterable[Case]) -> list[dict[str, Any]]:
    node = subprocess.run(
        [NODE, ROOT / "tests/conformance/read_receipts.mjs"],
        input="".join(json.dumps(each) + "\n" for each in map(asked, cases)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert node.returncode == 0, node.stderr
    return [json.loads(line) for line in node.stdout.splitlines()]


def test_every_receipt_of_the_vectors_has_the_same_outcome_at_each_step() -> None:
    assert assert_agreed(GIVEN, found_by_javascript(GIVEN)) > 100


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
    cases = list(changed(20261129))
    assert assert_agreed(cases, found_by_javascript(cases)) > CHANGES / 10


def test_receipts_of_earlier_versions_hold() -> None:
    cases = earlier()
    answers = found_by_javascript(cases)
    assert all(answer["steps"][2][0] == "holds" for answer in answers)
    assert assert_agreed(cases, answers) == len(cases) > 5


def test_every_odd_receipt_is_refused_as_python_refuses_it() -> None:
    cases = odd()
    well_formed = assert_agreed(cases, found_by_javascript(cases))
    assert 0 < well_formed < len(cases) / 4


def test_the_largest_receipts_are_refused_as_python_refuses_them() -> None:
    cases = huge()
    assert assert_agreed(cases, found_by_javascript(cases)) == 0


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


WATCHED = """
import { PinnedLog, Policy, type AlarmKind, type Remembered } from "countermark/log";
import { fingerprint, type Fingerprints } from "countermark/fingerprint";

const store = { get: async () => undefined, set: async (origin: string, value: Remembered) => {} };
const log = new PinnedLog("log.example", store, async (path: string) => null);
const policy: Policy = await Policy.parse(new Uint8Array());
const kind: AlarmKind = "fork";
const found: Fingerprints = await fingerprint(new Blob());
console.log(log.origin, policy.quorum, kind, found.pdq.quality);
"""


def emitted(folder: Path, into: Path) -> dict[str, str]:
    """What the compiler makes of modules, by name, without the comments."""
    options = ["--allowJs", "--removeComments", "--target", "es2023", "--module", "nodenext", "--outDir", str(into)]
    compiled = subprocess.run(
        [TSC, *options, *sorted(folder.glob("*.js"))], capture_output=True, text=True, check=False
    )
    made = {path.name: path.read_text() for path in into.rglob("*.js")}
    assert made, compiled.stdout
    return made


@pytest.mark.skipif(not TSC.exists(), reason="`make check` gets tsc")
def test_the_service_leaves_out_the_comments_of_the_modules_and_nothing_else(tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    for module in SOURCES.glob("*.js"):
        (served / module.name).write_bytes(without_comments(module.read_text()))
    for folder in (SOURCES, served):
        shutil.copytree(folder, tmp_path / f"module-{folder.name}")
        (tmp_path / f"module-{folder.name}/package.json").write_text('{"type": "module"}')
    assert emitted(tmp_path / "module-served", tmp_path / "a") == emitted(tmp_path / "module-src", tmp_path / "b")
    assert not [path.name for path in served.iterdir() if "/**" in path.read_text() or "@type" in path.read_text()]


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
    (tmp_path / "watched.ts").write_text(WATCHED)
    strict = ("--strict", "--noEmit", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,dom")
    run(TSC, *strict, "typed.ts", "watched.ts")
