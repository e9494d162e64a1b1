"""`countermark receipt verify` on the formats of others: a tlog-proof, a transparent statement with a COSE receipt."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from countermark import InvalidRequest, MalformedReceipt, verify_proof

from provenance.receipts.report import STEP_NAMES
from provenance.statement.statement import parse_statement
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY
from tests.unit.client.commands import Run, fits

INDEX = 3


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(9)


@pytest.fixture(params=["tlog-proof", "cose"])
def proof(request: pytest.FixtureRequest, log: Log, tmp_path: Path) -> Path:
    file = tmp_path / f"picture.{request.param}"
    file.write_bytes(
        log.whole_proof(INDEX).serialise() if request.param == "tlog-proof" else log.transparent(INDEX).serialise()
    )
    return file


def test_a_proof_that_holds_satisfies_and_says_what_it_does_not_show(run: Run, proof: Path, log: Log) -> None:
    done = run("receipt", "verify", proof, "--vkey", KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert fits(done.stdout)
    assert done.stdout.endswith("The log has this statement. Checking its signer needs a .countermark file.\n")
    assert parse_statement(log.entries[INDEX]).record_id.hex() in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if line[:1].isdigit()] == [
        str(number) for number in sorted(STEP_NAMES)
    ]


def test_json_has_all_steps(run: Run, proof: Path) -> None:
    answer = json.loads(run("receipt", "verify", proof, "--vkey", KEY, "--json").stdout)
    assert answer["holds"] is True
    assert (answer["index"], answer["tree_size"]) == (INDEX, 9)
    assert [step["number"] for step in answer["steps"]] == sorted(STEP_NAMES)


def test_without_a_log_key_it_is_incomplete(run: Run, proof: Path) -> None:
    done = run("receipt", "verify", proof)
    assert done.returncode == 3
    assert "could not be checked" in done.stdout


def test_a_picture_cannot_be_compared_with_it(run: Run, proof: Path, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"a picture")
    done = run("receipt", "verify", proof, "picture.jpg", "--vkey", KEY)
    assert (done.returncode, done.stdout) == (2, "")
    assert ".countermark" in done.stderr


def test_an_entry_that_the_file_does_not_carry_can_be_given(run: Run, log: Log, tmp_path: Path) -> None:
    file, entry = tmp_path / "bare.tlog-proof", tmp_path / "entry.cose"
    file.write_bytes(replace(log.whole_proof(INDEX), extra=None).serialise())
    entry.write_bytes(log.entries[INDEX])
    assert run("receipt", "verify", file, "--vkey", KEY).returncode == 3
    assert run("receipt", "verify", file, "--vkey", KEY, "--entry", entry).returncode == 0
    entry.write_bytes(log.entries[2])
    assert run("receipt", "verify", file, "--vkey", KEY, "--entry", entry).returncode == 1
    assert run("receipt", "verify", file, "--vkey", KEY, "--entry", tmp_path / "none").returncode == 2


def test_a_damaged_file_is_a_finding(run: Run, proof: Path) -> None:
    proof.write_bytes(proof.read_bytes()[:-1])
    done = run("receipt", "verify", proof, "--vkey", KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(proof) in done.stderr


def test_programs_have_a_function_for_each_kind(log: Log, tmp_path: Path) -> None:
    with pytest.raises(MalformedReceipt, match="verify_receipt"):
        verify_proof(log.receipt(INDEX).serialise(), log_keys=[str(KEY)])
    with pytest.raises(InvalidRequest):
        verify_proof(tmp_path / "none", log_keys=[str(KEY)])
    report = verify_proof(log.transparent(INDEX).serialise(), log_keys=[str(KEY)])
    with pytest.raises(TypeError, match="holds"):
        bool(report)
