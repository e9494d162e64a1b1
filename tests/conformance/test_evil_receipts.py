"""A service that hands out wrong receipts: refused when fetched, or at the step that is wrong when checked."""

import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from countermark import Client, CountermarkError, retries, verify_proof, verify_receipt
from countermark.calls import ReceiptFormat
from countermark.cli import main

from provenance.receipts.receipt import Receipt
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.statement import parse_statement, sign_statement
from tests import replies
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY
from tests.logs.server import Server, serving
from tests.patience import HUNG_SECONDS

SUBJECT, OTHER = 3, 4
STRANGER = LocalSigner.generate(Algorithm.ED25519)
TYPES: dict[ReceiptFormat, str] = {
    "countermark": "application/vnd.countermark.receipt+json",
    "tlog-proof": "text/plain; charset=utf-8",
    "cose": "application/cose",
}


def true_receipt(log: Log, form: ReceiptFormat) -> bytes:
    match form:
        case "countermark":
            return log.receipt(SUBJECT).serialise()
        case "tlog-proof":
            return log.whole_proof(SUBJECT).serialise()
        case "cose":
            return log.transparent(SUBJECT).serialise()


def edited(receipt: Receipt, **proof: object) -> bytes:
    """A receipt whose subject has another proof."""
    changed = replace(receipt.subject.proof, **proof)  # type: ignore[arg-type]  # the tests name fields of a proof
    return replace(receipt, subject=replace(receipt.subject, proof=changed)).serialise()


def of_a_stranger(log: Log) -> Log:
    return replace(log, signer=STRANGER)


def unenrolled(log: Log) -> Log:
    """A log that took in a statement by a key that nobody enrolled."""
    return log.with_entry(SUBJECT, sign_statement(log.records[SUBJECT], STRANGER))


@dataclass(frozen=True)
class Wrong:
    """A receipt that is well-formed and for the right record, and that fails at this step."""

    form: ReceiptFormat
    make: Callable[[Log], bytes]
    step: int


WRONG = {
    "another index": Wrong("countermark", lambda log: edited(log.receipt(SUBJECT), index=2), 8),
    "an index beyond the tree": Wrong("countermark", lambda log: edited(log.receipt(SUBJECT), index=99), 8),
    "the hashes of another": Wrong(
        "countermark", lambda log: edited(log.receipt(SUBJECT), hashes=log.proof(OTHER).hashes), 8
    ),
    "a hash too few": Wrong(
        "countermark", lambda log: edited(log.receipt(SUBJECT), hashes=log.proof(SUBJECT).hashes[1:]), 8
    ),
    "a checkpoint of another size": Wrong(
        "countermark", lambda log: edited(log.receipt(SUBJECT), checkpoint=log.at(4).checkpoint), 3
    ),
    "a checkpoint that nobody signed": Wrong(
        "countermark", lambda log: edited(log.receipt(SUBJECT), checkpoint=of_a_stranger(log).checkpoint), 3
    ),
    "a log of the liar's own": Wrong("countermark", lambda log: of_a_stranger(log).receipt(SUBJECT).serialise(), 2),
    "a key that nobody enrolled": Wrong("countermark", lambda log: unenrolled(log).receipt(SUBJECT).serialise(), 5),
    "a signature of zeros": Wrong(
        "countermark",
        lambda log: log.with_entry(SUBJECT, log.entries[SUBJECT][:-64] + bytes(64)).receipt(SUBJECT).serialise(),
        7,
    ),
    "a tlog-proof with another index": Wrong(
        "tlog-proof", lambda log: replace(log.whole_proof(SUBJECT), index=2).serialise(), 8
    ),
    "a tlog-proof of another log": Wrong(
        "tlog-proof", lambda log: of_a_stranger(log).whole_proof(SUBJECT).serialise(), 3
    ),
    "a tlog-proof of another name": Wrong(
        "tlog-proof", lambda log: replace(log, origin="log.other.example").whole_proof(SUBJECT).serialise(), 2
    ),
    "a COSE receipt for another entry": Wrong("cose", lambda log: log.transparent(OTHER, of=SUBJECT).serialise(), 3),
    "a COSE receipt by another key": Wrong("cose", lambda log: log.transparent(SUBJECT, by=STRANGER).serialise(), 2),
}


def answers(data: bytes, form: ReceiptFormat = "countermark", **headers: str) -> replies.Answer:
    return replies.says(data, media_type=TYPES[form], **headers)


DRIPPING = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"

REFUSED: dict[str, tuple[Callable[[Log], replies.Answer], str]] = {
    "the receipt of another record": (lambda log: answers(log.receipt(OTHER).serialise()), "of another record"),
    "a receipt with a byte after it": (lambda log: answers(log.receipt(SUBJECT).serialise() + b"\n"), "not a receipt"),
    "half a receipt": (lambda log: answers(log.receipt(SUBJECT).serialise()[:999]), "not a receipt"),
    "garbage": (lambda _: answers(b'{"format":"countermark-receipt"}'), "not a receipt"),
    "deeply nested garbage": (lambda _: answers(b"[" * 1_000_000), "not a receipt"),
    "another format": (lambda log: answers(log.transparent(SUBJECT).serialise(), "cose"), "not of type"),
    "another format under the right name": (
        lambda log: answers(log.transparent(OTHER).serialise()),
        "of another record",
    ),
    "a web page": (lambda _: replies.says(b"<html>", media_type="text/html"), "not of type"),
    "no end": (lambda _: replies.never_ends(), "more than"),
    "a bomb": (lambda _: answers(gzip.compress(bytes(300_000_000), 1), Content_Encoding="gzip"), "more than"),
    "a drip": (lambda _: replies.drips(DRIPPING, b" "), "too slow"),
    "a redirect": (lambda _: replies.says(b"", 302, "text/plain", Location="http://127.0.0.1:9/"), "status 302"),
}


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(9)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def record(log: Log) -> str:
    return parse_statement(log.entries[SUBJECT]).record_id.hex()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.delenv("COUNTERMARK_VKEY", raising=False)


def check(form: ReceiptFormat, data: bytes) -> list[int]:
    """The steps that fail."""
    if form == "countermark":
        steps = verify_receipt(data, log_keys=[str(KEY)]).steps
    else:
        steps = verify_proof(data, log_keys=[str(KEY)]).steps
    return [step.number for step in steps if step.outcome == "fails"]


@pytest.mark.parametrize("form", TYPES)
def test_the_true_receipt_is_fetched_and_holds(log: Log, server: Server, record: str, form: ReceiptFormat) -> None:
    server.answers[f"/v1/records/{record}/receipt"] = answers(true_receipt(log, form), form)
    with Client(server.url) as client:
        data = client.receipt(record, form)
    assert server.asked == [f"/v1/records/{record}/receipt?format={form}"]
    assert check(form, data) == []


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_receipt_fails_at_its_step(
    log: Log, server: Server, record: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = WRONG[name]
    server.answers[f"/v1/records/{record}/receipt"] = answers(wrong.make(log), wrong.form)
    with Client(server.url) as client:
        data = client.receipt(record, wrong.form)
    assert check(wrong.form, data) == [wrong.step]

    file = tmp_path / "kept"
    with pytest.raises(SystemExit) as left:
        main(["receipt", "get", record, "--url", server.url, "--format", wrong.form, "--out", str(file)])
    assert left.value.code == 0
    with pytest.raises(SystemExit) as left:
        main(["receipt", "verify", str(file), "--vkey", str(KEY)])
    shown = capsys.readouterr().out
    assert left.value.code == 1
    assert re.search(rf"^{wrong.step} +fails ", shown, re.MULTILINE), shown
    assert "does not hold" in shown


@pytest.mark.timing
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_the_receipt_that_was_asked_for_is_refused(
    log: Log, server: Server, record: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, told = REFUSED[name]
    server.answers[f"/v1/records/{record}/receipt"] = make(log)
    with (
        Client(server.url, timeout=0.5 if name == "a drip" else HUNG_SECONDS) as client,
        pytest.raises(CountermarkError, match=told),
    ):
        client.receipt(record)
    if name == "a drip":
        return  # the command would wait for a minute
    with pytest.raises(SystemExit) as left:
        main(["receipt", "get", record, "--url", server.url, "--out", "/nonexistent/file"])
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (3, "")
    assert re.search(told, err)
