"""What the procedure says of receipts, good and hostile: which step fails, and what is told of the others."""

import contextlib
import inspect
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import InvalidRequest, MalformedReceipt
from provenance.receipts import receipt as receipt_module
from provenance.receipts.media import MediaPixels
from provenance.receipts.procedure import ReceiptVerification, verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import DEPENDS_ON, STEP_NAMES, ReceiptReport, Step
from provenance.statement.record import AssetRegistered, record_id
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.note import VerifierKey
from provenance.transparency.timestamp import TimestampAuthority
from tests.logs.logbook import Logbook
from tests.logs.records import digest as logged_digest
from tests.receipt_vectors import CASES, RECEIPT, REGISTERED, VECTORS, receipt_of

FAILING = [case for case in CASES.values() if case["fails"] not in (None, 1)]
AUTHORITY = TimestampAuthority.from_pem("the authority", VECTORS["authority"].encode())


def digest(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def showing(pixels: MediaPixels | None) -> Callable[[], MediaPixels | None]:
    return lambda: pixels


def run(case: dict[str, Any]) -> ReceiptReport:
    return verify_receipt(
        Receipt.parse(receipt_of(case)),
        trusted_keys=[VerifierKey.parse(key) for key in case["trusted_keys"]],
        media_sha256=digest(case["media_sha256"]),
        pixels=None if case["pixels_sha256"] is None else showing(MediaPixels(bytes.fromhex(case["pixels_sha256"]))),
        authorities=[AUTHORITY] if case["authority"] else [],
    )


def named(name: str) -> ReceiptReport:
    return run(CASES[name])


def step(report: ReceiptReport, number: int) -> Step:
    return report.steps[number - 1]


@pytest.mark.parametrize("case", [case for case in CASES.values() if case["fails"] is None], ids=lambda c: c["name"])
def test_a_good_receipt_holds(case: dict[str, Any]) -> None:
    report = run(case)
    assert report.holds
    assert not [step for step in report.steps if step.outcome == "fails"]
    assert report.log_key_pinned == case.get("log_key_pinned", True)
    flags = {"withdrawn": False, "key_compromised": False, "superseded_by": None, "truncated": False}
    assert {flag: getattr(report, flag) for flag in flags} == {flag: case.get(flag, flags[flag]) for flag in flags}
    if "cosigners" in case:
        assert len(report.cosigners) == case["cosigners"]


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case["name"])
def test_a_hostile_receipt_fails_at_the_step_that_is_meant_for_it(case: dict[str, Any]) -> None:
    report = run(case)
    failed = [step.number for step in report.steps if step.outcome == "fails"]
    assert not report.holds
    assert failed[0] == case["fails"]
    assert not report.withdrawn


@pytest.mark.parametrize("case", [case for case in CASES.values() if "time_stamp" in case], ids=lambda c: c["name"])
def test_a_time_stamp_is_trusted_only_of_a_tree_that_the_log_had_signed_and_has_kept(case: dict[str, Any]) -> None:
    report = run(case)
    assert step(report, 10).outcome == case["time_stamp"]
    assert (report.timestamp is not None) == (case["time_stamp"] == "holds")


def test_what_a_time_stamp_lacks_is_said() -> None:
    detail = step(named("time stamp: without a consistency proof"), 10).detail
    assert detail == "the receipt was made without a proof that its tree begins with the stamped one: fetch it again"
    detail = step(named("time stamp: the log has not signed the tree, a witness has"), 10).detail
    assert detail == "the stamped tree is not one that the log had signed: no signature by the log itself"
    assert "8 entries, more than" in step(named("time stamp: of a larger tree than the receipt's"), 10).detail
    assert step(named("time stamp: of another entry"), 10).detail == "the time stamp is of another entry"


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case["name"])
def test_a_step_whose_ground_has_failed_is_not_checked(case: dict[str, Any]) -> None:
    report = run(case)
    assert [(step.number, step.name) for step in report.steps] == list(STEP_NAMES.items())
    broken = {step.number for step in report.steps if step.outcome == "fails"}
    for number, grounds in DEPENDS_ON.items():
        if broken.intersection(grounds):
            broken.add(number)
            assert step(report, number).outcome == "not checked"


def test_the_steps_depend_on_those_that_the_procedure_says() -> None:
    """Its docstring has a paragraph for each step, the last sentence of which may read "Depends on steps 7 and 8."."""
    paragraphs = re.split(r"\n *(?=\d+\. \*\*)", inspect.getdoc(ReceiptVerification) or "")[1:]
    stated = {}
    for number, paragraph in enumerate(paragraphs, 1):
        last = re.search(r"\*Depends\s+on\s+steps?\s+([^*]*)\.\*", paragraph)
        if last is not None:
            stated[number] = tuple(map(int, re.findall(r"\d+", last[1])))
    assert stated == DEPENDS_ON
    assert len(paragraphs) == len(STEP_NAMES)


def test_how_often_the_log_key_changed_is_told() -> None:
    assert step(named("pinned, with the registered bytes"), 4).detail.endswith("and its keys")
    for times, name in (
        (1, "the log key was rotated, and the new one is trusted"),
        (2, "the log key was rotated twice"),
    ):
        assert step(named(name), 4).detail.endswith(f"and its keys, changed {times} times since")


def test_a_report_says_what_was_proven() -> None:
    report = named("pinned, with the registered bytes")
    assert isinstance(report.record, AssetRegistered)
    assert report.record.title == "Straße – «été» 🌒"
    subject = Receipt.parse(RECEIPT).subject.record
    assert subject is not None
    assert report.record_id == record_id(subject)
    assert (report.index, report.checkpoint.size) == (4, 7)
    assert report.signer is not None
    assert report.signer.name == "The Daily"
    assert [each.time for each in report.cosigners] == [1_772_366_400]


def test_an_unpinned_log_is_said_to_be_what_the_receipt_claims() -> None:
    report = named("nothing is pinned")
    assert step(report, 2).outcome == "not checked"
    assert "the receipt claims to be of" in step(report, 2).detail
    assert report.holds
    assert not report.log_key_pinned


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("pinned, with the registered bytes", "these are the registered bytes"),
        ("the bytes of the credentialed copy", "these are the bytes of the credentialed copy"),
        (
            "the registered pixels in other bytes",
            "same decoded pixels, other bytes; not covered: transparency and colour profile of the registered file",
        ),
        (
            "the registered pixels alone",
            "same decoded pixels; not covered: transparency and colour profile of the registered file",
        ),
        ("withdrawn by its publisher", "no media were given"),
    ],
)
def test_the_media_are_said_to_be_what_they_are(name: str, detail: str) -> None:
    assert step(named(name), 9).detail == detail


def test_media_that_nobody_decoded_are_not_the_pixels_of_a_record_without_a_credential() -> None:
    """Neither has pixels to compare, which is no match."""
    log = Logbook()
    receipt = Receipt.parse(log.receipt(log.register("asset")).serialise())
    for pixels in (None, MediaPixels(bytes(32))):
        report = verify_receipt(receipt, media_sha256=bytes(32), pixels=showing(pixels))
        assert (step(report, 9).outcome, report.holds) == ("fails", False)


def test_the_pixels_are_asked_for_once_and_only_if_the_bytes_are_not_registered() -> None:
    case, asked = REGISTERED, []
    other = CASES["a foreign operator"]  # step 5 fails, so that step 9 has no ground

    def pixels() -> None:
        asked.append(True)

    keys = [VerifierKey.parse(key) for key in case["trusted_keys"]]
    registered = bytes.fromhex(case["media_sha256"])
    verify_receipt(Receipt.parse(RECEIPT), trusted_keys=keys, media_sha256=registered, pixels=pixels)
    verify_receipt(Receipt.parse(receipt_of(other)), trusted_keys=keys, media_sha256=bytes(32), pixels=pixels)
    assert not asked
    report = verify_receipt(Receipt.parse(RECEIPT), trusted_keys=keys, media_sha256=bytes(32), pixels=pixels)
    assert (step(report, 9).outcome, len(asked)) == ("fails", 1)


def test_a_picture_that_cannot_be_read_is_no_failure_of_the_receipt() -> None:
    def pixels() -> None:
        raise InvalidRequest("the file is gone")

    with pytest.raises(InvalidRequest, match="is gone"):
        verify_receipt(Receipt.parse(RECEIPT), media_sha256=bytes(32), pixels=pixels)


def test_each_part_of_a_receipt_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its picture has other bytes, so that its pixels are compared."""
    case = CASES["the registered pixels in other bytes"]
    parsed: Counter[str] = Counter()

    def counting(name: str, parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def counted(data: bytes) -> Any:
            parsed[name] += 1
            return parse(data)

        return counted

    for name in ("parse_record", "parse_statement"):
        monkeypatch.setattr(f"provenance.receipts.receipt.{name}", counting(name, getattr(receipt_module, name)))
    monkeypatch.setattr(SignedCheckpoint, "parse", counting("checkpoint", SignedCheckpoint.parse))
    assert run(case).holds
    count = len(Receipt.parse(receipt_of(case)).entries)
    assert {name: number / 2 for name, number in parsed.items()} == dict.fromkeys(parsed, count), "once a parsing"
    assert set(parsed) == {"parse_record", "parse_statement", "checkpoint"}


def test_what_key_records_cannot_show_is_said() -> None:
    assert "in this receipt" in step(named("pinned, with the registered bytes"), 6).detail
    assert "revoked at index 3, after this record" in step(named("the key was revoked after the record"), 6).detail


def test_a_record_of_the_operators_own_has_no_signer() -> None:
    report = named("the genesis record itself")
    assert report.signer is None
    assert "operator" in step(report, 5).detail


def test_a_report_cannot_be_taken_for_a_truth_value() -> None:
    with pytest.raises(TypeError):
        bool(named("nothing is pinned"))


def test_a_receipt_put_together_from_broken_parts_is_malformed() -> None:
    receipt = Receipt.parse(RECEIPT)
    for broken in (
        replace(receipt, log_key="nobody"),
        replace(receipt, subject=replace(receipt.subject, record=None)),
        replace(receipt, subject=replace(receipt.subject, record=b"{}")),
        replace(receipt, subject=replace(receipt.subject, statement=b"")),
        replace(receipt, subject=replace(receipt.subject, statement=bytes(70_000))),
        replace(receipt, genesis=replace(receipt.genesis, proof=replace(receipt.genesis.proof, checkpoint=b""))),
    ):
        with pytest.raises(MalformedReceipt):
            broken.serialise()
        with pytest.raises(MalformedReceipt):
            verify_receipt(broken)


@given(st.integers(0, 8 * len(RECEIPT) - 1))
@settings(max_examples=400)
def test_every_changed_bit_of_a_receipt_is_refused(bit: int) -> None:
    case = REGISTERED
    changed = bytearray(RECEIPT)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        receipt = Receipt.parse(bytes(changed))
    except MalformedReceipt:
        return
    keys = [VerifierKey.parse(key) for key in case["trusted_keys"]]
    if not verify_receipt(receipt, trusted_keys=keys).holds:
        return
    if receipt.log_key == Receipt.parse(RECEIPT).log_key:
        _only_a_witness_became_a_stranger(receipt)
    else:  # the hex of its key ID is read in either case
        assert VerifierKey.parse(receipt.log_key) == VerifierKey.parse(Receipt.parse(RECEIPT).log_key)


def _only_a_witness_became_a_stranger(receipt: Receipt) -> None:
    """A change that may pass: a cosignature line whose name or key ID is now nobody's is ignored."""
    good = Receipt.parse(RECEIPT)
    strangers = [
        (old, new)
        for before, after in zip(good.entries, receipt.entries, strict=True)
        for old, new in zip(
            before.proof.signed_checkpoint().note.signatures,
            after.proof.signed_checkpoint().note.signatures,
            strict=True,
        )
        if old != new
    ]
    assert len(strangers) == 1
    assert strangers[0][0].name == "witness.example/w1"
    assert (strangers[0][1].name, strangers[0][1].key_id) != (strangers[0][0].name, strangers[0][0].key_id)


STAMPED = receipt_of(CASES["time stamp: of an earlier tree"])
STAMP_AT = STAMPED.index(b'"timestamp"')


@given(st.integers(STAMP_AT, len(STAMPED) - 1), st.integers(0, 7))
@settings(max_examples=400)
def test_no_changed_bit_of_a_time_stamp_states_another_time(at: int, bit: int) -> None:
    """Not even in the parts of a token, and of a checkpoint's cosignatures, that nobody has signed."""
    changed = bytearray(STAMPED)
    changed[at] ^= 1 << bit
    try:
        receipt = Receipt.parse(bytes(changed))
    except MalformedReceipt:
        return
    good = named("time stamp: of an earlier tree").timestamp
    report = verify_receipt(
        receipt, trusted_keys=[VerifierKey.parse(VECTORS["cases"][0]["trusted_keys"][0])], authorities=[AUTHORITY]
    )
    assert report.timestamp == (good if step(report, 10).outcome == "holds" else None)


@given(st.integers(0, len(RECEIPT)), st.integers(0, 40), st.binary(max_size=40))
@settings(max_examples=300)
def test_nothing_but_our_own_exceptions_escapes(at: int, remove: int, insert: bytes) -> None:
    with contextlib.suppress(MalformedReceipt):
        verify_receipt(Receipt.parse(RECEIPT[:at] + insert + RECEIPT[at + remove :]))


# The picture, by its pixels ----------------------------------------------------------------------


def seen_with(
    shown: bytes | None, file: bytes | None, *beside: str, media_type: str = "image/jpeg", method: str | None = None
) -> Step:
    """Step 9 for a record that states `shown`, and a file of the same pixels that has `file`."""
    log = Logbook()
    record = log.register("flood", shown=shown, media_type=media_type, method=method)
    report = verify_receipt(
        Receipt.parse(log.receipt(record).serialise()),
        media_sha256=bytes(32),
        pixels=showing(MediaPixels(logged_digest("pixels flood"), file, beside)),
    )
    return step(report, 9)


def test_the_registered_pixels_shown_otherwise_are_not_the_registered_picture() -> None:
    assert seen_with(b"1" * 32, b"1" * 32).outcome == "holds"
    assert "not covered" not in seen_with(b"1" * 32, b"1" * 32).detail
    assert seen_with(b"1" * 32, b"2" * 32).outcome == "fails"
    assert seen_with(b"1" * 32, b"2" * 32, "colour values").outcome == "fails"  # the record's file is a JPEG


def test_of_a_png_in_a_record_from_before_step_9_names_colour_values_as_not_covered() -> None:
    for method, said in (
        (None, "not covered: colour values of the registered file"),
        ("countermark-pixels-3", "bytes"),
    ):
        plain = seen_with(b"1" * 32, b"1" * 32, media_type="image/png", method=method)
        assert plain.outcome == "holds"
        assert plain.detail.endswith(said)
    before = seen_with(b"1" * 32, b"2" * 32, "colour values", media_type="image/png")
    assert before.outcome == "holds"
    assert before.detail.endswith("not covered: colour values")
    assert seen_with(b"1" * 32, b"2" * 32, media_type="image/png").outcome == "fails"
    covered = seen_with(b"1" * 32, b"2" * 32, "colour values", media_type="image/png", method="countermark-pixels-3")
    assert covered.outcome == "fails"


def test_of_a_record_that_states_pixels_alone_step_9_names_what_is_not_covered() -> None:
    plain = seen_with(None, b"1" * 32)
    assert plain.outcome == "holds"
    assert "not covered: transparency and colour profile of the registered file" in plain.detail
    assert seen_with(None, b"1" * 32, "colour profile").detail.endswith("not covered: colour profile")
    assert seen_with(b"1" * 32, None, "a gain map").detail.endswith("not covered: a gain map")
