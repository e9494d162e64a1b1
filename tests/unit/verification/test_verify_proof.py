"""The procedure as a whole: what is proven of a match, and what vouches for nothing."""

import pytest

from provenance.verification import examine
from provenance.verification.axes import Axis, Proof, Registration
from provenance.verification.verdict import HeadlineCode
from tests.logs.records import START
from tests.unit.verification import pictures
from tests.unit.verification.pictures import MOUNTAINS, ROCKET, photo
from tests.unit.verification.said import assert_vouches_for_nothing, left_out, values
from tests.unit.verification.simulator import NOBODY, open_registry


def test_a_witness_whom_the_reader_knows_is_counted() -> None:
    registry = open_registry("daily", witnessed=True)
    registry.register("daily", photo(MOUNTAINS))
    assert values(registry.verify(photo(MOUNTAINS)))["proof"] == Proof.PUBLISHED_AND_COSIGNED
    registry.reader_trusts = registry.reader_trusts[:1]
    assert values(registry.verify(photo(MOUNTAINS)))["proof"] == Proof.PUBLISHED


def test_a_record_that_no_checkpoint_covers_yet_is_called_sequenced() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS), publish=False)
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert values(verdict)["proof"] == Proof.SEQUENCED
    assert "no published checkpoint" in verdict.axes[Axis.PROOF].summary


def test_without_a_pinned_log_key_the_report_says_that_the_log_is_unknown() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    assert "whose log this is" not in left_out(registry.verify(photo(MOUNTAINS)))
    registry.reader_trusts = ()
    assert "whose log this is" in left_out(registry.verify(photo(MOUNTAINS)))


def test_a_broken_proof_takes_the_headline_and_names_the_step_that_fails() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    registry.spoil_statement(mountains)
    for picture in (photo(MOUNTAINS), pictures.recompressed(MOUNTAINS), pictures.with_a_patch(MOUNTAINS)):
        verdict = registry.verify(picture)
        assert_vouches_for_nothing(verdict)
        assert "does not hold at step 7 (Statement)" in verdict.headline_text
        assert "whose proof does not hold" in verdict.axes[Axis.REGISTRATION].summary


def test_a_sound_record_of_the_same_bytes_comes_before_a_broken_one() -> None:
    registry = open_registry("daily")
    broken = registry.register("daily", photo(MOUNTAINS))
    sound = registry.register("daily", photo(MOUNTAINS))
    registry.spoil_statement(broken)
    verdict = registry.verify(photo(MOUNTAINS))
    assert [match.record_id for match in verdict.matches] == [sound, broken]
    assert verdict.headline is HeadlineCode.EXACT_MATCH


def test_a_withdrawn_record_that_is_proven_comes_before_one_that_is_not() -> None:
    registry = open_registry("daily")
    broken = registry.register("daily", photo(MOUNTAINS))
    withdrawn = registry.register("daily", photo(MOUNTAINS))
    registry.withdraw("daily", withdrawn, "wrong town")
    registry.spoil_statement(broken)
    assert [match.record_id for match in registry.verify(photo(MOUNTAINS)).matches] == [withdrawn, broken]


def test_a_record_that_the_registry_has_lost_is_neither_a_match_nor_not_found() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    registry.lose(mountains)
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.PROOF_BROKEN
    assert values(verdict)["registration"] == Registration.NOT_CHECKED
    assert "the stored record is damaged" in verdict.headline_text
    assert "the stored record is damaged" in left_out(verdict)


def test_a_lost_record_does_not_hide_a_sound_one() -> None:
    registry = open_registry("daily")
    lost = registry.register("daily", photo(MOUNTAINS))
    registry.register("daily", photo(MOUNTAINS))
    registry.lose(lost)
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert "the stored record is damaged" in left_out(verdict)


@pytest.mark.parametrize("digest", ["bytes", "pixels"])
def test_an_index_that_leads_to_the_wrong_record_makes_no_match(digest: str) -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    examination = examine(photo(ROCKET), NOBODY, now=START)
    assert examination.fingerprints is not None
    lookup = examination.subject.sha256 if digest == "bytes" else examination.fingerprints.pixels_sha256
    registry.mislead(lookup, mountains)
    verdict = registry.verify(photo(ROCKET))
    assert verdict.matches == ()
    assert values(verdict)["registration"] == Registration.NOT_CHECKED
    assert values(verdict)["proof"] == Proof.BROKEN


def test_the_receipt_of_another_record_proves_nothing() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    registry.mix_up_receipts(mountains, registry.register("daily", photo(ROCKET)))
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.matches == ()
    assert verdict.headline is HeadlineCode.PROOF_BROKEN
    assert "its receipt is of another record" in verdict.headline_text
