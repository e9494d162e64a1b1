"""The procedure as a whole: what has become of the records that match."""

from provenance.media.media import Media
from provenance.verification.axes import Axis, Basis, Proof, Standing
from provenance.verification.evidence import MatchBasis
from provenance.verification.verdict import HeadlineCode
from tests.unit.verification import pictures
from tests.unit.verification.pictures import COFFEE, DOGS, MOUNTAINS, ROCKET, photo
from tests.unit.verification.said import assert_vouches_for_nothing, standings, values
from tests.unit.verification.simulator import Simulator, open_registry


def test_a_withdrawal_is_told_with_its_reason_and_the_match_stays() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    registry.withdraw("daily", mountains, "the caption names the wrong town")
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert standings(verdict) == [Standing.WITHDRAWN]
    assert "“The Daily” has withdrawn this registration" in verdict.headline_text
    assert "“the caption names the wrong town”" in verdict.headline_text
    told = next(finding for finding in verdict.findings if finding.axis is Axis.STANDING)
    assert (told.code, told.basis) == (Standing.WITHDRAWN, Basis.CRYPTOGRAPHIC)
    assert told.could_be_forged_by == "Whoever holds one of the publisher's keys."


def test_a_withdrawal_that_is_not_published_yet_rests_on_the_registry_alone() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    published = registry.published
    registry.withdraw("daily", mountains, "wrong town")
    registry.published = published
    verdict = registry.verify(photo(MOUNTAINS))
    assert standings(verdict) == [Standing.WITHDRAWN]
    told = next(finding for finding in verdict.findings if finding.axis is Axis.STANDING)
    assert told.basis is Basis.DETERMINISTIC_UNSIGNED
    assert told.could_be_forged_by == "The registry: the receipt does not show it yet."


def test_what_was_registered_anew_after_a_withdrawal_comes_first() -> None:
    registry = open_registry("daily")
    first = registry.register("daily", photo(MOUNTAINS))
    registry.withdraw("daily", first, "the caption names the wrong town")
    second = registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(photo(MOUNTAINS))
    assert [match.record_id for match in verdict.matches] == [second, first]
    assert standings(verdict) == [Standing.CURRENT, Standing.WITHDRAWN]
    assert "withdrawn" not in verdict.headline_text


def test_two_publishers_of_the_same_picture_are_both_listed_in_log_order() -> None:
    registry = open_registry("daily", "weekly")
    for publisher in ("weekly", "daily"):
        registry.register(publisher, photo(MOUNTAINS))
    verdict = registry.verify(photo(MOUNTAINS))
    assert [match.publisher.id for match in verdict.matches] == ["weekly", "daily"]
    assert standings(verdict) == [Standing.CONFLICTING_CLAIMS] * 2
    assert "2 publishers have registered this content" in verdict.headline_text


def test_the_same_pixels_of_another_publisher_are_a_rival_claim_to_the_same_bytes_too() -> None:
    registry = open_registry("daily", "weekly")
    registry.register("daily", pictures.same_pixels(COFFEE))
    registry.register("weekly", photo(COFFEE))
    verdict = registry.verify_known_bytes(photo(COFFEE))
    assert [match.basis for match in verdict.matches] == [MatchBasis.BYTES, MatchBasis.PIXELS]
    assert standings(verdict) == [Standing.CONFLICTING_CLAIMS] * 2


def test_the_pixels_of_the_credentialed_copy_are_not_taken_for_those_of_the_file() -> None:
    registry = open_registry("daily", "weekly")
    registry.register("daily", photo(MOUNTAINS), signed=pictures.recompressed(MOUNTAINS))
    registry.register("weekly", pictures.saved(pictures.opened(pictures.recompressed(MOUNTAINS)), "PNG"))
    assert [match.publisher.id for match in registry.verify(photo(MOUNTAINS)).matches] == ["daily"]
    both = registry.verify(pictures.recompressed(MOUNTAINS))
    assert [match.publisher.id for match in both.matches] == ["daily", "weekly"]


def test_a_rendition_of_the_agencys_record_makes_no_rival_claim() -> None:
    registry = open_registry("agency", "daily")
    agency = registry.register("agency", photo(MOUNTAINS))
    registry.register("daily", photo(MOUNTAINS), rendition_of=agency)
    assert standings(registry.verify(photo(MOUNTAINS))) == [Standing.CURRENT] * 2


def test_a_newspaper_that_names_the_agencys_record_makes_no_rival_claim() -> None:
    registry = open_registry("agency", "daily")
    agency = registry.register("agency", photo(MOUNTAINS))
    registry.register("daily", photo(MOUNTAINS), parents=(agency,))
    assert standings(registry.verify(photo(MOUNTAINS))) == [Standing.CURRENT] * 2


def test_the_same_publisher_twice_is_no_conflict() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    registry.register("daily", photo(MOUNTAINS))
    assert standings(registry.verify(photo(MOUNTAINS))) == [Standing.CURRENT] * 2


def test_a_montage_of_another_publisher_is_no_rival_claim() -> None:
    registry = open_registry("daily", "weekly")
    registry.register("daily", photo(MOUNTAINS))
    registry.register("weekly", pictures.with_a_patch(MOUNTAINS))
    verdict = registry.verify(pictures.recompressed(MOUNTAINS))
    assert [match.publisher.id for match in verdict.matches] == ["daily", "weekly"]
    assert standings(verdict) == [Standing.CURRENT] * 2


def test_a_key_revoked_after_the_record_is_told_and_the_proof_holds() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    registry.revoke("daily")
    verdict = registry.verify(photo(MOUNTAINS))
    assert standings(verdict) == [Standing.KEY_REVOKED_AFTER]
    assert values(verdict)["proof"] == Proof.PUBLISHED
    assert "revoked after it was logged" in verdict.headline_text


def test_a_record_signed_with_a_key_that_was_revoked_before_vouches_for_nothing() -> None:
    registry = open_registry("daily")
    registry.revoke("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(photo(MOUNTAINS))
    assert standings(verdict) == [Standing.KEY_REVOKED_BEFORE]
    assert_vouches_for_nothing(verdict)
    assert "step 6 (Publisher key in force)" in verdict.headline_text


def test_a_key_replaced_in_good_order_is_no_reason_to_doubt_what_it_signed() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    registry.rotate("daily")
    registry.register("daily", photo(ROCKET))
    for picture in (MOUNTAINS, ROCKET):
        assert standings(registry.verify(photo(picture))) == [Standing.CURRENT]


def test_what_else_applies_is_told_beside_the_gravest() -> None:
    registry = open_registry("daily", "weekly")
    mountains = registry.register("daily", photo(MOUNTAINS))
    registry.register("weekly", photo(MOUNTAINS))
    registry.withdraw("daily", mountains, "wrong town")
    registry.revoke("daily")
    match = next(match for match in registry.verify(photo(MOUNTAINS)).matches if match.record_id == mountains)
    assert match.standing is Standing.WITHDRAWN
    for said in ("wrong town", "revoked after", "2 publishers"):
        assert said in match.standing_detail


def test_the_simulated_registry_proves_what_it_holds() -> None:
    registry: Simulator = open_registry("daily", witnessed=True)
    registry.register("daily", photo(DOGS))
    match = registry.verify(photo(DOGS)).matches[0]
    assert match.receipt is not None
    assert match.receipt.holds
    assert Media.from_bytes(photo(DOGS)).sha256 == match.record.media.sha256
