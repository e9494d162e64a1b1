"""Whom a caller trusts: a C2SP policy with a quorum, witnesses that are named, and how old a checkpoint may be."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from countermark import InvalidRequest, audit_log, verify_proof, verify_receipt
from countermark.trust import Trust

from provenance.receipts.receipt import LoggedRecord
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.transparency.checkpoint import Cosigner, cosign_checkpoint
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey
from provenance.transparency.policy import Policy, WitnessRequirement
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY, ORIGIN, signer
from tests.logs.server import Server
from tests.unit.client.commands import Run

pytestmark = pytest.mark.usefixtures("at_home")


NAMES = ("alpha", "beta", "gamma")
WITNESSES = {name: signer(f"witness {name}") for name in NAMES}
KEYS = {name: VerifierKey(f"{name}.example", COSIGNATURE_V1, WITNESSES[name].public_key.raw) for name in NAMES}
SUBJECT = 2

POLICY = "".join(
    f"{line}\n"
    for line in (
        f"log {KEY} https://log.newsroom.example/log",
        *(f"witness {name} {KEYS[name]}" for name in NAMES),
        "group enough 2 alpha beta gamma",
        "quorum enough",
    )
)


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(5)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy"
    path.write_text(POLICY)
    return path


def cosigned(log: Log, *names: str, age: float = 5, wrong: str | None = None) -> bytes:
    """The checkpoint with cosignatures of so many seconds ago; that of `wrong` is over something else."""
    note = log.checkpoint
    for name in names:
        key, witness = KEYS[name], WITNESSES[name]

        def sign(message: bytes, name: str = name, witness: LocalSigner = witness) -> bytes:
            return witness.sign(b"another" if name == wrong else message)

        note = cosign_checkpoint(note, key.name, sign, key.public, time=int(time.time() - age))
    return note


Ask = Callable[..., tuple[int, str]]


@pytest.fixture(params=["receipt", "tlog-proof", "audit", "watch"])
def ask(request: pytest.FixtureRequest, run: Run, log: Log, server: Server, tmp_path: Path) -> Ask:
    """Runs the command on something under a checkpoint: its exit status, and what it says."""

    def ask(note: bytes, *options: object) -> tuple[int, str]:
        server.publish(log)
        server.serve("checkpoint", note)
        file = tmp_path / f"picture.{request.param}"
        match request.param:
            case "receipt":
                whole = log.receipt(SUBJECT)
                proof = replace(whole.subject.proof, checkpoint=note)
                subject = LoggedRecord(whole.subject.record, whole.subject.statement, proof)
                file.write_bytes(replace(whole, subject=subject).serialise())
                done = run("receipt", "verify", file, *options)
            case "tlog-proof":
                proof = replace(log.whole_proof(SUBJECT), checkpoint=note)
                file.write_bytes(proof.serialise())
                done = run("receipt", "verify", file, *options)
            case "audit":
                done = run("log", "audit", server.log_url, *options)
            case _:
                done = run("log", "watch", server.log_url, "--key", "00" * 32, "--once", *options)
        return int(done.returncode), " ".join((done.stdout + done.stderr).split())

    return ask


def test_a_quorum_that_is_there_satisfies(ask: Ask, log: Log, policy: Path) -> None:
    assert ask(cosigned(log, "alpha", "gamma"), "--policy", policy)[0] == 0


@pytest.mark.parametrize("names", [(), ("alpha",)])
def test_a_quorum_that_is_missing_is_incomplete(ask: Ask, log: Log, policy: Path, names: tuple[str, ...]) -> None:
    status, said = ask(cosigned(log, *names), "--policy", policy)
    assert status == 3
    assert "still without" in said
    assert "beta" in said


def test_a_false_cosignature_of_a_known_witness_is_a_finding(ask: Ask, log: Log, policy: Path) -> None:
    note = cosigned(log, *NAMES, wrong="beta")  # the two others would be enough
    assert ask(note, "--policy", policy)[0] == 1
    assert ask(note, "--vkey", KEY, "--vkey", KEYS["beta"])[0] == 1


def test_each_witness_that_is_named_has_to_have_cosigned(ask: Ask, log: Log, policy: Path) -> None:
    note = cosigned(log, "alpha")
    assert ask(note, "--vkey", KEY, "--vkey", KEYS["alpha"])[0] == 0
    status, said = ask(note, "--vkey", KEY, "--vkey", KEYS["alpha"], "--vkey", KEYS["beta"])
    assert status == 3
    assert "still without: beta.example" in said


def test_a_checkpoint_that_is_too_old_is_incomplete(ask: Ask, log: Log, policy: Path) -> None:
    note = cosigned(log, "alpha", "beta", age=7_200)
    assert ask(note, "--policy", policy, "--max-age", "3h")[0] == 0
    status, said = ask(note, "--policy", policy, "--max-age", "1h")
    assert status == 3
    assert "the newest cosignature is 7,2" in said
    status, said = ask(log.checkpoint, "--vkey", KEY, "--max-age", "1h")
    assert status == 3
    assert "its age is not known" in said


def test_a_policy_of_another_log_makes_this_one_unknown(ask: Ask, log: Log, policy: Path) -> None:
    stranger = VerifierKey(ORIGIN, ED25519, LocalSigner.generate(Algorithm.ED25519).public_key.raw)
    policy.write_text(POLICY.replace(str(KEY), str(stranger)))
    assert ask(cosigned(log, *NAMES), "--policy", policy)[0] == 1


@pytest.mark.parametrize("options", [("--max-age", "soon"), ("--max-age", "-1"), ("--max-age", "1.5h")])
def test_an_invalid_age_is_refused(ask: Ask, log: Log, options: tuple[str, str]) -> None:
    assert ask(log.checkpoint, "--vkey", KEY, *options)[0] == 2


def test_a_policy_that_cannot_be_read_is_refused(ask: Ask, log: Log, policy: Path) -> None:
    policy.write_text("quorum nobody\n")
    status, said = ask(log.checkpoint, "--vkey", KEY, "--policy", policy)
    assert status == 2
    assert "line 1" in said


# The SDK


def test_the_sdk_says_the_same(log: Log, server: Server, policy: Path) -> None:
    server.publish(log)
    server.serve("checkpoint", cosigned(log, "alpha"))
    audited = audit_log(server.log_url, policy=policy)
    assert audited.is_sound
    assert audited.witnessing is not None
    assert not audited.witnessing.enough
    proof = replace(log.whole_proof(SUBJECT), checkpoint=cosigned(log, "alpha", "beta"))
    checked = verify_proof(proof.serialise(), policy=policy, max_age=60)
    assert checked.holds
    assert checked.witnessing is not None
    assert checked.witnessing.enough
    receipt = verify_receipt(log.receipt(SUBJECT).serialise(), policy=policy)
    assert receipt.log_key_pinned
    assert receipt.witnessing is not None
    assert not receipt.witnessing.enough
    assert verify_receipt(log.receipt(SUBJECT).serialise(), log_keys=[str(KEY)]).witnessing is None
    with pytest.raises(InvalidRequest):
        verify_receipt(log.receipt(SUBJECT).serialise(), max_age=float("nan"))


def test_a_cose_receipt_carries_no_cosignatures(log: Log, policy: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "picture.cose"
    file.write_bytes(log.transparent(SUBJECT).serialise())
    done = run("receipt", "verify", file, "--policy", policy, "--json")
    assert done.returncode == 3
    answer = json.loads(done.stdout)
    assert (answer["holds"], answer["witnessing"]["enough"]) == (True, False)


def test_of_several_logs_the_one_with_the_address_is_meant(log: Log, server: Server, tmp_path: Path) -> None:
    other = VerifierKey("other.example", ED25519, LocalSigner.generate(Algorithm.ED25519).public_key.raw)
    server.publish(log)
    path = tmp_path / "policy"
    path.write_text(f"log {other} https://other.example/log\nlog {KEY} {server.log_url}/\nquorum none\n")
    assert audit_log(server.log_url, policy=path).origin == ORIGIN
    path.write_text(f"log {other}\nlog {KEY}\nquorum none\n")
    with pytest.raises(InvalidRequest, match="one log"):
        audit_log(server.log_url, policy=path)
    assert audit_log(server.log_url, policy=path, log_keys=[str(KEY)]).origin == ORIGIN


def test_where_the_log_grows_a_later_checkpoint_has_the_cosignatures(log: Log, server: Server, policy: Path) -> None:
    server.publish(log)
    for name, data in log.at(4).files.items():
        server.serve(name, data)
    server.serve("cosigned-checkpoint", cosigned(log, "alpha", "beta"))  # what comes while the witnesses are asked
    report = audit_log(server.log_url, policy=policy)
    assert report.is_sound, report.findings
    assert report.checkpoint is not None
    assert report.checkpoint.size == 5
    assert report.witnessing is not None
    assert report.witnessing.enough


def test_an_older_cosigned_checkpoint_hides_no_newer_entry(log: Log, server: Server, policy: Path) -> None:
    server.publish(log)
    server.serve("cosigned-checkpoint", cosigned(log.at(4), "alpha", "beta"))
    report = audit_log(server.log_url, policy=policy)
    assert report.is_sound, report.findings
    assert report.checkpoint is not None
    assert report.checkpoint.size == 5
    assert report.witnessing is not None
    assert not report.witnessing.enough


def test_only_cosignatures_that_are_asked_for_make_a_checkpoint_young() -> None:
    policy = Policy.parse(POLICY.replace("group enough 2 alpha beta gamma", "group enough 2 alpha beta").encode())
    old = [Cosigner(KEYS["alpha"], 1_000), Cosigner(KEYS["beta"], 1_100)]
    requirement = WitnessRequirement(policy, max_age=60)
    assert requirement.judge(old, now=1_150) is not None
    judged = requirement.judge([*old, Cosigner(KEYS["gamma"], 2_000)], now=2_000)
    assert judged is not None
    assert not judged.enough
    timeless = [Cosigner(each.key, 0) for each in old]
    assert "not known" in str(requirement.judge(timeless, now=1_150))


def test_the_second_key_of_a_log_is_no_witness() -> None:
    ml_dsa = VerifierKey(ORIGIN, 0x06, bytes(1312))
    witness = VerifierKey("w.example", 0x06, bytes(1312))
    trust = Trust.of([str(KEY), str(ml_dsa), str(witness)])
    assert trust.requirement(ORIGIN).named == (witness,)
