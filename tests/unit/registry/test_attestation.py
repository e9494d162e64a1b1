"""Cosignatures: what the log makes of good witnesses and of bad ones, and that it never waits for them."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

import registry.attestation.cosigning
import registry.attestation.outbound
from demo.port import kept_port
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.transparency.checkpoint import SignedCheckpoint, open_checkpoint
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey
from provenance.transparency.policy import Policy, is_cosigned
from provenance.transparency.witness import SIZE_MEDIA_TYPE, AddCheckpoint
from registry.attestation.attestation import Attestation
from registry.database import checkpoints
from registry.log.proofs import Proofs
from registry.usecases.maintenance import fsck
from tests.logs.records import ORIGIN, signer
from tests.loopback import Scripted, response, running_witness, scripted
from tests.patience import HUNG_SECONDS, MOMENT_SECONDS, POLL_SECONDS, eventually
from tests.unit.registry.newsroom import Newsroom

pytestmark = pytest.mark.timing

WITNESS_KEY = VerifierKey("w.example", COSIGNATURE_V1, signer("a witness").public_key.raw)


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Newsroom]:
    with Newsroom(tmp_path / "data") as opened:
        yield opened.found()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.attestation.attestation.COSIGNING_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(registry.attestation.outbound, "MIN_BACKOFF_SECONDS", 0.05)


def policy_of(*lines: str) -> Policy:
    return Policy.parse("".join(f"{line}\n" for line in lines).encode())


def one_witness(url: str) -> Policy:
    return policy_of(f"witness w {WITNESS_KEY} {url}", "quorum w")


@contextmanager
def attesting(newsroom: Newsroom, policy: Policy) -> Iterator[Proofs]:
    attestation = Attestation(newsroom.store, newsroom.sequencer, newsroom.clock, policy=policy)
    with closing(attestation):
        yield Proofs(newsroom.store, newsroom.blobs.objects, newsroom.sequencer, policy=policy)


def cosigned_size(newsroom: Newsroom) -> int:
    with newsroom.store.read() as session:
        row = checkpoints.latest_cosigned(session)
    return 0 if row is None else row.size


def asked(server: Scripted) -> list[int]:
    """The old sizes that a scripted witness was asked from."""
    return [AddCheckpoint.parse(body).old_size for _, body in server.requests]


def cosigners(receipt: Receipt, proofs: Proofs) -> list[str]:
    report = verify_receipt(receipt, trusted_keys=proofs.trusted_keys)
    assert report.holds
    return [each.key.name for each in report.cosigners]


# A witness that does what it should


def test_a_witness_with_two_keys_is_asked_once_and_cosigns_with_both(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness:
        asked: list[bytes] = []
        add_checkpoint = witness.witness.add_checkpoint
        monkeypatch.setattr(
            witness.witness, "add_checkpoint", lambda body: (asked.append(body), add_checkpoint(body))[1]
        )
        lines = (witness.line("first"), witness.second_line("second"), "group both all first second", "quorum both")
        with attesting(newsroom, policy_of(*lines)):
            eventually(lambda: cosigned_size(newsroom) == newsroom.sequencer.size)
        assert len(asked) == 1
        keys = [newsroom.sequencer.key, *witness.witness.keys]
        cosigned = open_checkpoint(newsroom.sequencer.checkpoint(), keys, ORIGIN)[1]
        assert [each.key for each in cosigned] == list(witness.witness.keys)


def test_a_witness_that_leaves_out_one_of_its_keys_is_not_asked_without_end(
    newsroom: Newsroom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness:
        missing = f"witness other {WITNESS_KEY} {witness.url}/"
        with attesting(newsroom, policy_of(witness.line("w"), missing, "quorum w")):
            eventually(lambda: cosigned_size(newsroom) == 2)
            appended = newsroom.register("harbour").result()
            eventually(lambda: cosigned_size(newsroom) == appended.index + 1)
    assert caplog.text.count("does not cosign with its key") == 1


def test_the_cosignatures_of_a_log_that_does_not_grow_are_refreshed(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.attestation.cosigning, "COSIGNATURE_REFRESH_SECONDS", 0.2)
    with running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness:
        keys = [newsroom.sequencer.key, witness.witness.key]

        def times() -> list[int]:
            return [each.time for each in open_checkpoint(newsroom.sequencer.checkpoint(), keys, ORIGIN)[1]]

        with attesting(newsroom, policy_of(witness.line("w"), "quorum w")):
            eventually(times)
            first, size = times(), newsroom.sequencer.size
            eventually(lambda: times() > first)
            assert newsroom.sequencer.size == size
            assert newsroom.sequencer.tiles.checkpoint() == newsroom.sequencer.checkpoint()


def test_a_log_that_restarts_asks_for_cosignatures_of_today(newsroom: Newsroom, tmp_path: Path) -> None:
    with running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness:
        policy = policy_of(witness.line("w"), "quorum w")
        with attesting(newsroom, policy):
            eventually(lambda: b"w.example" in newsroom.sequencer.checkpoint())
        before, seconds = newsroom.sequencer.checkpoint(), int(time.time())
        eventually(lambda: int(time.time()) > seconds)  # a cosignature states whole seconds
        with attesting(newsroom, policy):
            eventually(lambda: newsroom.sequencer.checkpoint() != before)


def test_the_others_do_not_wait_for_the_slow_witness(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.attestation.cosigning, "COSIGNING_SECONDS", 600.0)
    with (
        scripted(say_nothing) as slow,
        running_witness(tmp_path / "good", "good.example", newsroom.sequencer.key) as good,
    ):
        lines = (f"witness slow {WITNESS_KEY} {slow.url}", good.line("good"), "group g any slow good", "quorum g")
        with attesting(newsroom, policy_of(*lines)):
            for number in range(3):
                size = newsroom.register(f"picture {number}").result().index + 1
                eventually(lambda size=size: cosigned_size(newsroom) == size)
            assert len(slow.requests) == 1


def test_a_quorum_that_cannot_come_together_does_not_keep_the_others_from_cosigning(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.attestation.cosigning, "COSIGNING_SECONDS", 600.0)
    monkeypatch.setattr("registry.attestation.attestation.ROUND_SECONDS", 0.2)
    with (
        scripted(say_nothing) as slow,
        running_witness(tmp_path / "good", "good.example", newsroom.sequencer.key) as good,
    ):
        lines = (f"witness slow {WITNESS_KEY} {slow.url}", good.line("good"), "group g all slow good", "quorum g")
        with attesting(newsroom, policy_of(*lines)):
            for number in range(3):
                newsroom.register(f"picture {number}").result()
                eventually(lambda: b"good.example" in newsroom.sequencer.checkpoint())
            assert cosigned_size(newsroom) == 0


def test_a_published_checkpoint_is_cosigned_stored_and_shown(newsroom: Newsroom, tmp_path: Path) -> None:
    with running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness:
        policy = policy_of(witness.line("w"), "quorum w")
        with attesting(newsroom, policy) as proofs:
            appended = newsroom.register("harbour").result()
            eventually(lambda: cosigned_size(newsroom) == newsroom.sequencer.size)
            eventually(lambda: b"w.example" in newsroom.sequencer.checkpoint())
            note = newsroom.sequencer.checkpoint()
            assert newsroom.sequencer.tiles.checkpoint() == note
            keys = [newsroom.sequencer.key, witness.witness.key]
            assert is_cosigned(policy, open_checkpoint(note, keys, ORIGIN)[1])
            assert cosigners(proofs.receipt(appended.record_id), proofs) == ["w.example"]
            assert proofs.tlog_proof(appended.record_id).checkpoint == note


def test_every_growth_of_the_log_is_cosigned_in_the_end(newsroom: Newsroom, tmp_path: Path) -> None:
    with (
        running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness,
        attesting(newsroom, policy_of(witness.line("w"), "quorum w")),
    ):
        for number in range(40):
            newsroom.register(f"picture {number}", wait="sequenced").result()
        newsroom.register("last").result()
        eventually(lambda: cosigned_size(newsroom) == 43 and b"w.example" in newsroom.sequencer.checkpoint())


def test_a_log_that_restarts_learns_from_the_witness_where_it_was(tmp_path: Path) -> None:
    log_key = VerifierKey(ORIGIN, ED25519, signer("log").public_key.raw)
    with running_witness(tmp_path / "w", "w.example", log_key) as witness:
        policy = policy_of(witness.line("w"), "quorum w")
        with Newsroom(tmp_path / "data") as first, attesting(first.found(), policy):
            eventually(lambda: b"w.example" in first.sequencer.checkpoint())
            shown = first.sequencer.checkpoint()
        with Newsroom(tmp_path / "data") as again:
            assert again.sequencer.checkpoint() == shown
            with attesting(again, policy):
                again.register("harbour").result()
                eventually(lambda: cosigned_size(again) == 3)


def test_a_cosigned_log_passes_its_audit(newsroom: Newsroom, tmp_path: Path) -> None:
    with (
        running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness,
        attesting(newsroom, policy_of(witness.line("w"), "quorum w")),
    ):
        eventually(lambda: b"w.example" in newsroom.sequencer.checkpoint())
    assert list(fsck.check(newsroom.store, newsroom.blobs, newsroom.sequencer.key)) == []


# The quorum


def test_the_quorum_decides_whether_a_checkpoint_counts_as_cosigned(newsroom: Newsroom, tmp_path: Path) -> None:
    with (
        running_witness(tmp_path / "a", "a.example", newsroom.sequencer.key) as a,
        running_witness(tmp_path / "b", "b.example", newsroom.sequencer.key) as b,
        running_witness(tmp_path / "stranger", "c.example") as stranger,
    ):
        witnesses = (a.line("a"), b.line("b"), stranger.line("c"))
        with attesting(newsroom, policy_of(*witnesses, "group g 3 a b c", "quorum g")) as proofs:
            eventually(lambda: {b"a.example", b"b.example"} <= set(newsroom.sequencer.checkpoint().split()))
            assert cosigned_size(newsroom) == 0
            assert proofs.cosigned_tree() is None
        with attesting(newsroom, policy_of(*witnesses, "group g 2 a b c", "quorum g")) as proofs:
            newsroom.register("harbour").result()
            eventually(lambda: cosigned_size(newsroom) == 3)
            assert proofs.cosigned_tree() is not None


def test_a_policy_that_asks_for_nobody_calls_nothing_cosigned(newsroom: Newsroom, tmp_path: Path) -> None:
    with (
        running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness,
        attesting(newsroom, policy_of(witness.line("w"), "quorum none")) as proofs,
    ):
        eventually(lambda: b"w.example" in newsroom.sequencer.checkpoint())
        assert cosigned_size(newsroom) == 0
        assert proofs.cosigned_tree() is None


def test_a_receipt_is_under_the_cosigned_tree_unless_that_would_leave_something_out(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    with running_witness(tmp_path / "w", "w.example", newsroom.sequencer.key) as witness:
        policy = policy_of(witness.line("w"), "quorum w")
        with attesting(newsroom, policy) as proofs:
            first = newsroom.register("harbour").result()
            second = newsroom.register("bridge").result()
            eventually(lambda: cosigned_size(newsroom) == 4)
    newsroom.withdraw(second.record_id).result()  # nobody cosigns any more
    assert cosigners(proofs.receipt(first.record_id), proofs) == ["w.example"]
    assert proofs.receipt(first.record_id).subject.proof.signed_checkpoint().checkpoint.size == 4
    withdrawn = proofs.receipt(second.record_id)
    assert cosigners(withdrawn, proofs) == []
    assert verify_receipt(withdrawn).withdrawn
    newest = newsroom.register("market").result()
    assert cosigners(proofs.receipt(newest.record_id), proofs) == []


# Witnesses that answer otherwise


def conflict(size: str) -> bytes:
    return response(409, size.encode(), f"Content-Type: {SIZE_MEDIA_TYPE}")


def test_after_409_the_log_proves_from_the_size_in_the_answer(newsroom: Newsroom) -> None:
    with scripted(conflict("1\n"), response(422)) as server, attesting(newsroom, one_witness(server.url)):
        eventually(lambda: len(server.requests) == 2)
    assert asked(server) == [0, 1]
    assert len(AddCheckpoint.parse(server.requests[1][1]).proof) == 1


def test_a_witness_that_names_another_size_each_time_is_left_alone_for_a_while(newsroom: Newsroom) -> None:
    with (
        scripted(conflict("1\n"), conflict("2\n"), conflict("0\n"), conflict("1\n")) as server,
        attesting(newsroom, one_witness(server.url)),
    ):
        eventually(lambda: len(server.requests) >= 4)
    assert asked(server)[:4] == [0, 1, 2, 0]
    assert server.requests[3][0] - server.requests[2][0] >= 0.05


def test_a_witness_that_has_seen_a_larger_tree_is_an_alarm(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted(conflict("9\n")) as server, attesting(newsroom, one_witness(server.url)):
        eventually(lambda: "older copy" in caplog.text)
        newsroom.register("harbour").result()
    assert "CRITICAL" in caplog.text


@pytest.mark.parametrize(
    ("status", "level"), [(400, "ERROR"), (403, "ERROR"), (404, "ERROR"), (409, "CRITICAL"), (422, "CRITICAL")]
)
def test_a_refusal_is_told_to_the_operator_and_not_repeated_soon(
    newsroom: Newsroom, status: int, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted(response(status, b"I will \x1b[31m not\n")) as server, attesting(newsroom, one_witness(server.url)):
        eventually(lambda: "I will [31m not" in caplog.text)
        newsroom.register("harbour").result()
        time.sleep(MOMENT_SECONDS)
        assert len(server.requests) == 1
    assert [record.levelname for record in caplog.records if "declines" in record.message] == [level]


def test_a_busy_witness_is_asked_again_when_it_said(newsroom: Newsroom) -> None:
    with (
        scripted(response(429, b"busy", "Retry-After: 0.6"), response(422)) as server,
        attesting(newsroom, one_witness(server.url)),
    ):
        eventually(lambda: len(server.requests) == 1)
        newsroom.register("harbour").result()
        eventually(lambda: len(server.requests) == 2)
    assert server.requests[1][0] - server.requests[0][0] >= 0.6


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        time.sleep(POLL_SECONDS)
        connection.sendall(b"x")


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1_000):
        connection.sendall(bytes(65_536))


def say_nothing(_connection: socket.socket) -> None:
    """The connection stays open."""


BAD = {
    "garbage": response(200, b"\x00\xffgarbage"),
    "an empty answer": response(200),
    "somebody else's cosignature": response(200, "— other.example AAAAAAAAAAA=\n".encode()),
    "a cosignature that does not verify": response(200, f"— w.example {'AAAA'}\n".encode()),
    "a malformed size": conflict("many\n"),
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "a redirect": response(302, b"", "Location: http://127.0.0.1:1/"),
    "a fault of its own": response(500),
    "a flood": flood,
    "a drip": drip,
    "nothing": say_nothing,
}


@pytest.mark.parametrize("reply", BAD.values(), ids=BAD.keys())
def test_a_bad_witness_holds_up_neither_the_log_nor_the_good_ones(
    newsroom: Newsroom,
    tmp_path: Path,
    reply: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry.attestation.cosigning, "COSIGNING_SECONDS", 1.0)
    with (
        scripted(reply) as bad,
        running_witness(tmp_path / "good", "good.example", newsroom.sequencer.key) as good,
    ):
        lines = (f"witness bad {WITNESS_KEY} {bad.url}", good.line("good"), "group g any bad good", "quorum g")
        with attesting(newsroom, policy_of(*lines)) as proofs:
            eventually(lambda: bad.requests)
            appended = newsroom.register("harbour").result()
            eventually(lambda: cosigned_size(newsroom) == 3)
            assert cosigners(proofs.receipt(appended.record_id), proofs) == ["good.example"]
            eventually(lambda: "witness bad" in caplog.text)


def test_a_witness_that_is_not_there_is_asked_ever_more_rarely(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    with kept_port() as port, attesting(newsroom, one_witness(f"http://127.0.0.1:{port}")):
        eventually(lambda: caplog.text.count("did not cosign") == 4)
    times = [record.created for record in caplog.records if "did not cosign" in record.message]
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[0] >= 0.05
    assert pauses[1] >= 0.1
    assert pauses[2] >= 0.2


def test_neither_the_log_nor_closing_waits_for_a_witness(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.attestation.cosigning, "COSIGNING_SECONDS", 100 * HUNG_SECONDS)
    with (
        scripted(say_nothing) as server,
        attesting(newsroom, one_witness(server.url)),
    ):
        eventually(lambda: server.requests)
        newsroom.register("harbour").result(HUNG_SECONDS)


def test_a_cosignature_that_comes_late_is_not_put_on_a_newer_checkpoint(newsroom: Newsroom) -> None:
    first = newsroom.sequencer.checkpoint()
    newsroom.register("harbour").result()
    newest = newsroom.sequencer.checkpoint()
    newsroom.sequencer.attach(first)
    assert newsroom.sequencer.checkpoint() == newsroom.sequencer.tiles.checkpoint() == newest
    assert SignedCheckpoint.parse(newest).checkpoint.size == 3
