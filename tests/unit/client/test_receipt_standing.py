"""What a receipt says of how its registration stands: flags, the last line, the exit status."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from countermark.cli import main

from provenance.receipts.receipt import Receipt, Stamp
from tests.logs.logbook import Logbook
from tests.logs.records import KEY, START
from tests.stamper import Stamper

BEFORE, AFTER = START - timedelta(hours=1), START + timedelta(hours=1)


class Desk:
    """Somebody who checks receipts with the command."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys

    def check(self, receipt: Receipt, *options: str) -> tuple[int, str, dict[str, Any]]:
        """Exit status, last line, and the answer in JSON."""
        file = self._folder / "kept.countermark"
        file.write_bytes(receipt.serialise())
        shown = [self._run(str(file), "--vkey", str(KEY), *options, *more) for more in ((), ("--json",))]
        assert shown[0][0] == shown[1][0]
        last = " ".join(shown[0][1].strip().splitlines()[-4:])
        return shown[0][0], " ".join(last.split()), json.loads(shown[1][1])

    def _run(self, *arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(["receipt", "verify", *arguments])
        assert isinstance(left.value.code, int)
        return left.value.code, self._capsys.readouterr().out


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv("COUNTERMARK_VKEY", raising=False)
    return Desk(tmp_path, capsys)


@pytest.fixture
def log() -> Logbook:
    return Logbook()


def test_a_registration_that_stands_satisfies(desk: Desk, log: Logbook) -> None:
    status, last, answer = desk.check(log.receipt(log.register("asset")))
    assert (status, last.endswith("The receipt holds.")) == (0, True)
    assert (answer["key_compromised"], answer["superseded_by"]) == (False, None)
    assert (answer["contested_origins"], answer["truncated"]) == ([], False)


# A key in other hands


def test_what_a_stolen_key_signed_is_a_finding(desk: Desk, log: Logbook) -> None:
    asset = log.register("asset")
    log.state_key("daily", "revoke", invalid_since=BEFORE)
    status, last, answer = desk.check(log.receipt(asset))
    assert (status, answer["holds"], answer["key_compromised"]) == (1, True, True)
    assert "the key that signed it may have been compromised before it was made (step 6)" in last
    assert "in other hands since 2026-03-01 11:00:00 UTC" in answer["steps"][5]["detail"]


def test_the_moment_since_when_it_is_stolen_counts_as_stolen(desk: Desk, log: Logbook) -> None:
    asset = log.register("asset")
    log.state_key("daily", "revoke", invalid_since=START)
    assert desk.check(log.receipt(asset))[0] == 1


def test_a_stolen_key_that_was_replaced_first_is_a_finding_too(desk: Desk, log: Logbook) -> None:
    """The rotation ends the key; that it was stolen, its revocation says later."""
    asset = log.register("asset")
    log.state_key("daily", "revoke")
    log.state_key("daily", "revoke", invalid_since=BEFORE)
    assert desk.check(log.receipt(asset))[0] == 1


def test_that_a_record_was_made_before_the_theft_is_only_its_own_word(desk: Desk, log: Logbook) -> None:
    """Whoever holds the key can date back what they sign."""
    asset = log.register("asset")
    log.state_key("daily", "revoke", invalid_since=AFTER)
    status, last, answer = desk.check(log.receipt(asset))
    assert (status, answer["key_compromised"]) == (3, None)
    assert "only a time stamp by an authority that you trust can prove" in last


@pytest.mark.parametrize(("stamped_at", "status", "compromised"), [(START, 0, False), (AFTER, 3, None)])
def test_a_time_stamp_shows_that_it_was_made_before_the_theft(
    desk: Desk, log: Logbook, tmp_path: Path, stamped_at: Any, status: int, compromised: bool | None
) -> None:
    asset = log.register("asset")
    log.state_key("daily", "revoke", invalid_since=AFTER)
    receipt, authority = log.receipt(asset), Stamper("tsa")
    token = authority.stamp(receipt.subject.proof.signed_checkpoint().note.text.encode(), stamped_at)
    (tmp_path / "tsa.pem").write_text(authority.pem)
    found = desk.check(
        replace(receipt, stamp=Stamp(receipt.subject.proof, token)), "--authority", f"{tmp_path}/tsa.pem"
    )
    assert (found[0], found[2]["key_compromised"]) == (status, compromised)


def test_a_key_that_was_lost_and_in_nobodys_hands_took_nothing_away(desk: Desk, log: Logbook) -> None:
    asset = log.register("asset")
    log.state_key("daily", "revoke")
    assert desk.check(log.receipt(asset))[0] == 0


# What came in its place


def test_what_superseded_a_registration_is_named(desk: Desk, log: Logbook) -> None:
    asset = log.register("asset")
    second = log.register("second", supersedes=asset)
    third = log.register("third", supersedes=asset)
    status, last, answer = desk.check(log.receipt(asset, [second, third]))
    assert (status, answer["superseded_by"]) == (0, log.index(third))
    assert f"its publisher has superseded the registration by entry {log.index(third)}." in last
    withdrawn = log.withdraw(third)
    assert desk.check(log.receipt(asset, [second, third, withdrawn]))[2]["superseded_by"] == log.index(second)


def test_nobody_else_supersedes_a_registration(desk: Desk, log: Logbook) -> None:
    asset = log.register("asset")
    theirs = log.register("theirs", supersedes=asset, publisher="rival")
    made_from = log.register("made from it", [asset])
    status, last, answer = desk.check(log.receipt(asset, [theirs, made_from]))
    assert (status, answer["superseded_by"], last.endswith("The receipt holds.")) == (0, None, True)


# What it was made from


@pytest.mark.parametrize("how", ["withdrawn", "disputed", "stolen"])
def test_an_origin_that_no_longer_stands_is_named_and_is_a_finding(desk: Desk, log: Logbook, how: str) -> None:
    raw = log.register("raw", publisher="rival")
    middle = log.register("middle", [raw])
    top = log.register("top", [middle])
    said = []
    match how:
        case "withdrawn":
            said.append(log.withdraw(raw, publisher="rival"))
        case "disputed":
            said.append(log.dispute(raw, publisher="daily"))
        case _:
            log.state_key("rival", "revoke", invalid_since=BEFORE)
    status, last, answer = desk.check(log.receipt(top, [raw, middle, *said]))
    step = answer["steps"][10]
    assert (status, answer["holds"], step["outcome"]) == (1, True, "fails")
    assert answer["contested_origins"] == [raw.hex()]
    assert (answer["withdrawn"], answer["disputed"], answer["key_compromised"]) == (False, False, False)
    told = {
        "withdrawn": "its publisher has withdrawn it",
        "disputed": "another publisher disputes it",
        "stolen": "its key may have been in other hands since 2026-03-01 11:00:00 UTC, before it was made",
    }
    assert f"record {raw.hex()[:16]}… (parentOf): {told[how]}" in step["detail"]
    assert "a source of the picture was" in last


def test_a_dispute_of_an_origin_that_was_retracted_is_over(desk: Desk, log: Logbook) -> None:
    raw = log.register("raw")
    top = log.register("top", [raw])
    dispute = log.dispute(raw)
    retraction = log.answer(dispute, "retracted", publisher="rival")
    assert desk.check(log.receipt(top, [raw, dispute]))[0] == 1
    assert desk.check(log.receipt(top, [raw, dispute, retraction]))[0] == 0


def test_whether_an_origin_was_made_before_a_theft_is_not_taken_at_its_word(desk: Desk, log: Logbook) -> None:
    raw = log.register("raw", publisher="rival")
    top = log.register("top", [raw])
    log.state_key("rival", "revoke", invalid_since=AFTER)
    status, _, answer = desk.check(log.receipt(top, [raw]))
    assert (status, answer["steps"][10]["outcome"], answer["contested_origins"]) == (3, "not checked", [])


# What it could not hold


def test_a_receipt_that_could_not_hold_everything_is_incomplete(desk: Desk, log: Logbook) -> None:
    receipt = replace(log.receipt(log.register("asset")), truncated=True)
    status, last, answer = desk.check(receipt)
    assert (status, answer["holds"], answer["truncated"]) == (3, True, True)
    assert last.endswith("It is truncated: more belongs to the registration. Ask the registry.")


def test_origins_whose_receipt_could_not_hold_everything_are_not_checked(desk: Desk, log: Logbook) -> None:
    raw = log.register("raw")
    receipt = replace(log.receipt(log.register("top", [raw]), [raw]), truncated=True)
    status, _, answer = desk.check(receipt)
    assert (status, answer["steps"][10]["outcome"]) == (3, "not checked")


def test_a_finding_counts_more_than_what_could_not_be_held(desk: Desk, log: Logbook) -> None:
    asset = log.register("asset")
    receipt = replace(log.receipt(asset, [log.dispute(asset)]), truncated=True)
    assert desk.check(receipt)[0] == 1


def test_a_time_stamp_that_was_asked_for_and_is_not_there_leaves_it_incomplete(
    desk: Desk, log: Logbook, tmp_path: Path
) -> None:
    (tmp_path / "tsa.pem").write_text(Stamper("tsa").pem)
    status, last, _ = desk.check(log.receipt(log.register("asset")), "--authority", f"{tmp_path}/tsa.pem")
    assert (status, last.endswith("The time stamp could not be checked (step 10).")) == (3, True)
