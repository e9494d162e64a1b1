"""Receipts through the SDK, and their reference page."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from countermark import InvalidRequest, MalformedReceipt, ReceiptReport, verify_receipt
from countermark.cli.exits import MEDIA_STEP
from PIL import Image

from provenance.errors import MalformedNote
from provenance.receipts.procedure import ReceiptVerification
from provenance.receipts.report import DEPENDS_ON, STEP_NAMES
from tests.receipt_vectors import CASES, REGISTERED, receipt_of

ROOT = Path(__file__).parents[3]


def outcome(report: ReceiptReport, number: int) -> str:
    return report.steps[number - 1].outcome


def test_a_receipt_is_checked_as_a_file_or_as_bytes(tmp_path: Path) -> None:
    file = tmp_path / "picture.countermark"
    file.write_bytes(receipt_of(REGISTERED))
    for source in (file, str(file), file.read_bytes()):
        report = verify_receipt(source, log_keys=REGISTERED["trusted_keys"])
        assert report.holds
        assert report.log_key_pinned
        assert outcome(report, MEDIA_STEP) == "not checked"


def test_a_picture_with_other_pixels_is_not_what_the_receipt_is_about(tmp_path: Path) -> None:
    file = tmp_path / "other.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file)
    report = verify_receipt(receipt_of(REGISTERED), file)
    assert not report.holds
    assert outcome(report, MEDIA_STEP) == "fails"


def test_a_copy_with_the_registered_pixels_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = bytes.fromhex(CASES["the registered pixels alone"]["pixels_sha256"])
    monkeypatch.setattr("provenance.media.fingerprints.digest_drawn", lambda _: pixels)
    file = tmp_path / "copy.png"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file)
    report = verify_receipt(receipt_of(CASES["the registered pixels alone"]), file)
    assert report.steps[MEDIA_STEP - 1].detail.startswith("same decoded pixels, other bytes; not covered: ")


def test_what_is_no_picture_is_compared_by_its_bytes_alone() -> None:
    assert not verify_receipt(receipt_of(REGISTERED), b"no picture").holds


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 10_000, b"\xff", receipt_of(REGISTERED) + b"\n"])
def test_what_is_no_receipt_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedReceipt):
        verify_receipt(data)


def test_a_malformed_log_key_is_named() -> None:
    with pytest.raises(MalformedNote):
        verify_receipt(receipt_of(REGISTERED), log_keys=["nonsense"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"none\.countermark"):
        verify_receipt(tmp_path / "none.countermark")
    with pytest.raises(InvalidRequest, match=r"none\.jpg"):
        verify_receipt(receipt_of(REGISTERED), tmp_path / "none.jpg")


def test_the_reference_page_has_the_steps_of_the_procedure() -> None:
    page = (ROOT / "docs" / "reference" / "receipts.md").read_text()
    steps = re.findall(r"^(\d+)\. \*\*(.+?)\*\*", page, re.MULTILINE)
    assert {int(number): name.rstrip(".") for number, name in steps} == STEP_NAMES


def test_the_reference_page_and_the_procedures_docstring_have_the_same_steps_and_dependencies() -> None:
    page = (ROOT / "docs" / "reference" / "receipts.md").read_text()
    procedure = page.split("## The procedure")[1].split("The receipt **holds**")[0]
    assert steps_of(procedure) == steps_of(inspect.cleandoc(ReceiptVerification.__doc__ or ""))
    assert steps_of(procedure) == {number: (name, DEPENDS_ON.get(number, ())) for number, name in STEP_NAMES.items()}


def steps_of(procedure: str) -> dict[int, tuple[str, tuple[int, ...]]]:
    """Name of each step, and the steps that it depends on."""
    steps = re.findall(r"^(\d+)\. \*\*(.+?)\*\*(.+?)(?=^\S)", f"{procedure}\n\n.", re.MULTILINE | re.DOTALL)
    grounds = {int(number): re.search(r"\*Depends\s+on\s+steps?([^*]+)\.\*", text) for number, _, text in steps}
    return {
        int(number): (name, tuple(map(int, re.findall(r"\d+", ground[1]))) if (ground := grounds[int(number)]) else ())
        for number, name, _ in steps
    }


def test_the_media_step_is_the_one_about_media() -> None:
    assert STEP_NAMES[MEDIA_STEP] == "Media"


def test_a_retired_log_key_is_trusted_for_trees_up_to_its_size() -> None:
    log, *others = REGISTERED["trusted_keys"]  # the receipt's tree has 7 entries
    for size, holds in ((7, True), (100, True), (6, False), (0, False)):
        report = verify_receipt(receipt_of(REGISTERED), log_keys=[f"{log}@{size}", *others])
        assert (report.holds, outcome(report, 2)) == (holds, "holds" if holds else "fails")


def test_a_retired_log_key_leads_to_no_other_key() -> None:
    rotated = CASES["the log key was rotated, and the old one is trusted"]
    log, *others = rotated["trusted_keys"]
    assert verify_receipt(receipt_of(rotated), log_keys=[log, *others]).log_key_pinned
    assert outcome(verify_receipt(receipt_of(rotated), log_keys=[f"{log}@3", *others]), 2) == "fails"


@pytest.mark.parametrize("size", ["", "x", "-1", "01", " 7", "9" * 30])
def test_a_malformed_size_is_refused(size: str) -> None:
    with pytest.raises(MalformedNote):
        verify_receipt(receipt_of(REGISTERED), log_keys=[f"{REGISTERED['trusted_keys'][0]}@{size}"])
