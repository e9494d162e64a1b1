"""Time stamps over checkpoints: by an authority of another make, by the development one, and by bad ones."""

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import registry.attestation.outbound
import registry.attestation.timestamping
from provenance.credentials.certificates import make_development_authority
from provenance.errors import MalformedReceipt
from provenance.limits import MAX_TIMESTAMP_BYTES
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt, Stamp
from provenance.receipts.report import ReceiptReport
from provenance.statement.canonical_json import canonical_json
from provenance.transparency.checkpoint import cosign_checkpoint
from provenance.transparency.note import COSIGNATURE_V1, VerifierKey
from provenance.transparency.policy import Policy
from provenance.transparency.timestamp import (
    REQUEST_MEDIA_TYPE,
    RESPONSE_MEDIA_TYPE,
    TimestampAuthority,
    TimestampRequest,
    verify_timestamp,
)
from provenance.transparency.tlog_proof import TlogProof
from registry.attestation.attestation import Attestation
from registry.attestation.development_stamps import DevelopmentAuthority, DevelopmentTimestampWarning
from registry.attestation.outbound import OutboundClient
from registry.attestation.timestamping import RemoteAuthority, TimestampSettings
from registry.database import checkpoints
from registry.keys.keystore import Keystore
from registry.log.proofs import Proofs
from registry.usecases.maintenance import fsck
from tests.logs.records import signer
from tests.loopback import Scripted, response, scripted, serving
from tests.openssl_authority import OPENSSL, Authority, needs_openssl
from tests.patience import eventually
from tests.stamper import Stamper
from tests.unit.registry.newsroom import Newsroom
from tests.unit.registry.test_attestation import drip, flood, say_nothing

pytestmark = pytest.mark.timing


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.attestation.attestation.COSIGNING_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(registry.attestation.timestamping, "TIMESTAMP_SECONDS", 1.0)
    monkeypatch.setattr(registry.attestation.outbound, "MIN_BACKOFF_SECONDS", 0.05)


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data") as opened:
        yield opened.found()


@contextmanager
def stamping(newsroom: Newsroom, timestamping: TimestampSettings) -> Iterator[Proofs]:
    attestation = Attestation(newsroom.store, newsroom.sequencer, newsroom.clock, timestamping=timestamping)
    with closing(attestation):
        yield Proofs(newsroom.store, newsroom.blobs.objects, newsroom.sequencer, authorities=timestamping.anchors)


def over_http(authority: Authority, asked: list[float] | None = None) -> Starlette:
    """An authority as a server; `asked` takes the monotonic times of the requests."""

    async def answer(request: Request) -> Response:
        if asked is not None:
            asked.append(time.monotonic())
        assert request.headers["content-type"] == REQUEST_MEDIA_TYPE
        return Response(authority.respond(await request.body()), media_type=RESPONSE_MEDIA_TYPE)

    return Starlette(routes=[Route("/tsa", answer, methods=["POST"])])


def stamped_size(newsroom: Newsroom) -> int:
    with newsroom.store.read() as session:
        row = checkpoints.last_stamped(session)
    return 0 if row is None else row.size


def run(receipt: Receipt, *anchors: TimestampAuthority) -> ReceiptReport:
    return verify_receipt(Receipt.parse(receipt.serialise()), authorities=anchors)


def stamp_of(receipt: Receipt) -> Stamp:
    assert receipt.stamp is not None
    return receipt.stamp


@pytest.fixture
def stamped(newsroom: Newsroom, tmp_path: Path) -> tuple[Newsroom, Receipt, Authority]:
    """A receipt of "harbour", entry 2; openssl stamped the log at two, three and five entries."""
    authority = Authority(tmp_path / "tsa")
    with serving(over_http(authority)) as url:
        timestamping = TimestampSettings(RemoteAuthority(f"{url}/tsa"), [authority.anchor], interval=60)
        with stamping(newsroom, timestamping):
            eventually(lambda: stamped_size(newsroom) == 2)
        harbour = newsroom.register("harbour").result()
        with stamping(newsroom, timestamping):
            eventually(lambda: stamped_size(newsroom) == 3)
            newsroom.register("bridge").result()
            newsroom.register("market").result()
        with stamping(newsroom, timestamping) as proofs:
            eventually(lambda: stamped_size(newsroom) == 5)
            receipt = proofs.receipt(harbour.record_id)
    return newsroom, receipt, authority


@needs_openssl
def test_a_receipt_carries_the_earliest_token_that_covers_its_record(
    stamped: tuple[Newsroom, Receipt, Authority],
) -> None:
    _, receipt, authority = stamped
    assert stamp_of(receipt).proof.signed_checkpoint().checkpoint.size == 3
    assert receipt.subject.proof.signed_checkpoint().checkpoint.size == 5
    report = run(receipt, authority.anchor)
    assert report.holds
    assert report.timestamp is not None
    assert abs(report.timestamp.time - datetime.now(UTC)) < timedelta(minutes=2)
    assert report.steps[9].outcome == "holds"
    assert "tsa" in report.steps[9].detail


@needs_openssl
def test_a_token_is_not_checked_for_who_trusts_no_authority(stamped: tuple[Newsroom, Receipt, Authority]) -> None:
    report = run(stamped[1])
    assert (report.holds, report.steps[9].outcome, report.timestamp) == (True, "not checked", None)


@needs_openssl
def test_a_token_of_an_authority_that_is_not_trusted_fails(
    stamped: tuple[Newsroom, Receipt, Authority], tmp_path: Path
) -> None:
    report = run(stamped[1], Authority(tmp_path / "stranger").anchor)
    assert (report.holds, report.steps[9].outcome, report.timestamp) == (False, "fails", None)


@needs_openssl
def test_a_token_over_another_tree_or_for_another_entry_fails(stamped: tuple[Newsroom, Receipt, Authority]) -> None:
    _, receipt, authority = stamped
    stamp = stamp_of(receipt)
    newest = replace(receipt, stamp=replace(stamp, proof=receipt.subject.proof))
    assert run(newest, authority.anchor).steps[9].outcome == "fails"
    moved = TlogProof(1, stamp.proof.hashes, stamp.proof.checkpoint)
    assert run(replace(receipt, stamp=replace(stamp, proof=moved)), authority.anchor).steps[9].outcome == "fails"
    unproven = TlogProof(stamp.proof.index, (bytes(32),), stamp.proof.checkpoint)
    assert run(replace(receipt, stamp=replace(stamp, proof=unproven)), authority.anchor).steps[9].outcome == "fails"


def stamp_newest(newsroom: Newsroom) -> TimestampAuthority:
    """A token over the newest checkpoint."""
    authority = Stamper("tsa")
    with newsroom.store.read() as session:
        row = checkpoints.latest(session)
    assert row is not None
    token = authority.stamp(row.note[: row.note.index(b"\n\n") + 1], datetime(2026, 3, 1, tzinfo=UTC))
    newsroom.store.write(lambda session: checkpoints.stamp(session, size=row.size, token=token)).result()
    return TimestampAuthority.from_pem("tsa", authority.pem.encode())


def test_a_receipt_proves_that_its_tree_has_grown_from_the_stamped_one(newsroom: Newsroom) -> None:
    harbour = newsroom.register("harbour").result().record_id
    anchor = stamp_newest(newsroom)
    proofs = Proofs(newsroom.store, newsroom.blobs.objects, newsroom.sequencer, authorities=[anchor])
    for name in ("", "bridge", "market", "mill"):
        if name:
            newsroom.register(name).result()
        report = run(proofs.receipt(harbour), anchor)
        assert (report.holds, report.steps[9].outcome) == (True, "holds")
        assert report.checkpoint.size == newsroom.sequencer.size


def test_a_receipt_carries_no_stamp_of_a_larger_tree_than_its_own(newsroom: Newsroom) -> None:
    """The receipt is in the newest tree that was cosigned, and a later one was stamped."""
    harbour = newsroom.register("harbour").result().record_id
    witness = VerifierKey("w.example", COSIGNATURE_V1, signer("a witness").public_key.raw)
    sign = signer("a witness").sign
    note = cosign_checkpoint(newsroom.sequencer.checkpoint(), witness.name, sign, witness.public, time=1)
    newsroom.store.write(lambda session: checkpoints.cosign(session, size=3, note=note, cosigned_at_ms=1)).result()
    newsroom.register("bridge").result()
    anchor = stamp_newest(newsroom)
    proofs = Proofs(
        newsroom.store,
        newsroom.blobs.objects,
        newsroom.sequencer,
        policy=Policy.parse(f"witness w {witness}\nquorum w\n".encode()),
        authorities=[anchor],
    )
    receipt = proofs.receipt(harbour)
    assert (receipt.subject.proof.signed_checkpoint().checkpoint.size, receipt.stamp) == (3, None)
    assert run(receipt, anchor).holds


@needs_openssl
def test_a_time_stamp_has_one_form(stamped: tuple[Newsroom, Receipt, Authority]) -> None:
    _, receipt, _ = stamped
    document = json.loads(receipt.serialise())
    stamp = document["timestamp"]
    extra = replace(stamp_of(receipt).proof, extra=b"x").serialise().decode()
    wrong: list[object] = [
        None,
        [],
        {"token": stamp["token"]},
        stamp | {"time": "now"},
        stamp | {"token": ""},
        stamp | {"token": 7},
        stamp | {"token": stamp["token"] + "="},
        stamp | {"proof": "none"},
        stamp | {"proof": extra},
        stamp | {"token": base64.b64encode(bytes(MAX_TIMESTAMP_BYTES + 1)).decode()},
    ]
    for value in wrong:
        with pytest.raises(MalformedReceipt):
            Receipt.parse(canonical_json(document | {"timestamp": value}))
    del document["timestamp"]
    assert Receipt.parse(canonical_json(document)) == replace(receipt, stamp=None)


@needs_openssl
def test_a_log_whose_checkpoints_are_stamped_passes_its_audit_and_a_damaged_token_does_not(
    stamped: tuple[Newsroom, Receipt, Authority],
) -> None:
    newsroom, receipt, authority = stamped
    key = newsroom.sequencer.key

    def audit() -> list[str]:
        found = fsck.check(newsroom.store, newsroom.blobs, key, authorities=[authority.anchor])
        return [f"{each.name}: {each.detail}" for each in found]

    assert audit() == []
    token = bytearray(stamp_of(receipt).token)
    token[-1] ^= 1
    newsroom.store.write(lambda session: checkpoints.stamp(session, size=3, token=bytes(token))).result()
    assert [line.partition(":")[0] for line in audit()] == ["checkpoint 3"]
    proofs = Proofs(newsroom.store, newsroom.blobs.objects, newsroom.sequencer, authorities=[authority.anchor])
    assert proofs.receipt(receipt.subject.parsed_statement.record_id).stamp is None


@needs_openssl
def test_one_token_is_asked_for_in_an_interval(newsroom: Newsroom, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    asked: list[float] = []
    with serving(over_http(authority, asked)) as url:
        timestamping = TimestampSettings(RemoteAuthority(f"{url}/tsa"), [authority.anchor], interval=1.0)
        with stamping(newsroom, timestamping):
            eventually(lambda: stamped_size(newsroom) == 2)
            newsroom.register("harbour").result()
            eventually(lambda: stamped_size(newsroom) == 3)
    first, second = asked
    assert second - first >= 1.0


BAD = {
    "garbage": response(200, b"\x30garbage", f"Content-Type: {RESPONSE_MEDIA_TYPE}"),
    "an empty answer": response(200, b"", f"Content-Type: {RESPONSE_MEDIA_TYPE}"),
    "a web page": response(200, b"<html>", "Content-Type: text/html"),
    "a fault": response(500),
    "a rejection": response(200, bytes.fromhex("30053003020102"), f"Content-Type: {RESPONSE_MEDIA_TYPE}"),
    "a flood": flood,
    "a drip": drip,
    "nothing": say_nothing,
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
def test_a_bad_authority_holds_up_nothing(
    newsroom: Newsroom, reply: bytes, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    anchor = TimestampAuthority.from_pem("nobody", make_development_authority(datetime.now(UTC)).chain_pem.encode())
    with (
        scripted(reply) as bad,
        stamping(newsroom, TimestampSettings(RemoteAuthority(bad.url), [anchor], 60)) as proofs,
    ):
        eventually(lambda: bad.requests)
        appended = newsroom.register("harbour").result()
        eventually(lambda: "no time stamp" in caplog.text)
        assert proofs.receipt(appended.record_id).stamp is None
        assert stamped_size(newsroom) == 0
    assert_rarer(bad)


def assert_rarer(server: Scripted) -> None:
    """Whoever fails is asked again after a pause at least."""
    times = [at for at, _ in server.requests]
    assert all(later - sooner >= 0.05 for sooner, later in pairwise(times))


def test_the_development_authority_warns_and_makes_tokens_that_hold(newsroom: Newsroom, tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    keystore = Keystore.open(tmp_path / "service", b"a passphrase for tests", lambda: datetime.now(UTC))
    anchor = TimestampAuthority.from_pem("development", keystore.development_authority.encode())
    with pytest.warns(DevelopmentTimestampWarning, match="bound no time for anybody"):
        authority = DevelopmentAuthority(keystore.development_stamper(), lambda: datetime.now(UTC))
    with stamping(newsroom, TimestampSettings(authority, [anchor], 60)) as proofs:
        eventually(lambda: stamped_size(newsroom) == 2)
        with newsroom.store.read() as session:
            genesis = checkpoints.find(session, 2)
        assert genesis is not None
        receipt = proofs.receipt(newsroom.register("harbour").result().record_id)
        assert receipt.stamp is None  # the tree that was stamped is older
    token = genesis.timestamp
    assert token is not None
    text = genesis.note[: genesis.note.index(b"\n\n") + 1]
    stamp = verify_timestamp(token, text, [anchor])
    assert abs(stamp.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert stamp.policy == "1.2.3.4"


@needs_openssl
def test_tokens_of_the_development_authority_are_read_by_another_program(tmp_path: Path) -> None:
    keystore = Keystore.open(tmp_path, b"a passphrase for tests", lambda: datetime.now(UTC))
    with pytest.warns(DevelopmentTimestampWarning):
        authority = DevelopmentAuthority(keystore.development_stamper(), lambda: datetime.now(UTC))
    for nonce in (0, 1, 128, 2**64 - 1):
        message = f"message {nonce}".encode()
        answer = asyncio.run(authority.respond(TimestampRequest.of(message, nonce), OutboundClient()))
        for name, data in {
            "message": message,
            "answer": answer,
            "root": keystore.development_authority.encode(),
        }.items():
            (tmp_path / name).write_bytes(data)
        command = f"{OPENSSL} ts -verify -data message -in answer -CAfile root"
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
        assert "Verification: OK" in done.stdout + done.stderr, done.stderr
