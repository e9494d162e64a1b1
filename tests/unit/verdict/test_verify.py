"""Stories: publishers register and withdraw, a reader verifies, and things go wrong."""

from collections.abc import Sequence

import pytest

from provenance.errors import CountermarkError, Overloaded, StoreUnavailable, UndecodableMedia
from provenance.media.comparison import Comparison
from provenance.media.local_features import LOCAL_FEATURES
from provenance.media.media import Media, Pixels
from provenance.verdict import Verdict, examine, verify_file
from provenance.verdict.axes import Axis, Basis, Proof, Registration, Standing
from provenance.verdict.evidence import MatchBasis
from provenance.verdict.registrations import Reference
from provenance.verdict.search import MAX_COMPARED_CANDIDATES, MAX_MATCHES, MIN_PDQ_QUALITY
from provenance.verdict.verdict import HeadlineCode
from registry.index import MIN_QUALITY
from tests.unit.verdict import pictures
from tests.unit.verdict.pictures import COFFEE, DOGS, MOUNTAINS, ROCKET, photo
from tests.unit.verdict.simulator import NOBODY, Eyes, Simulator, open_registry


def values(verdict: Verdict) -> dict[str, str]:
    return {axis.value: str(value.value) for axis, value in verdict.axes.items()}


def left_out(verdict: Verdict) -> str:
    return " | ".join(f"{item.what}: {item.why}" for item in verdict.not_checked)


# Registration ------------------------------------------------------------------------------------


def test_the_very_file_is_an_exact_match_and_names_its_publisher() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert verdict.headline_text == "These bytes are those of record 2, registered by The Daily."
    assert values(verdict)["proof"] == Proof.PUBLISHED
    assert [match.basis for match in verdict.matches] == [MatchBasis.BYTES]
    assert not verdict.matches[0].signed_copy
    assert standings(verdict) == [Standing.CURRENT]
    assert not any(finding.axis is Axis.STANDING for finding in verdict.findings)


def test_registered_bytes_need_neither_decoding_nor_the_similarity_index() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify_known_bytes(photo(MOUNTAINS))
    assert values(verdict)["registration"] == Registration.EXACT_MATCH
    assert "fingerprint" not in registry.asked
    assert verdict.evidence.searched is not None
    assert verdict.evidence.searched.fingerprints == ("sha-256", "countermark-pixels-1")
    assert "similar pictures: these bytes are registered" in left_out(verdict)


def test_a_picture_that_was_not_decoded_is_not_said_to_have_no_match() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify_known_bytes(photo(ROCKET))
    assert verdict.headline is HeadlineCode.NOT_CHECKED
    assert values(verdict)["registration"] == Registration.NOT_CHECKED


def test_the_credentialed_copy_matches_exactly_and_is_called_so() -> None:
    registry = open_registry("daily")
    copy = pictures.saved(pictures.opened(photo(COFFEE)), "PNG", compress_level=1)
    registry.register("daily", photo(COFFEE), signed=copy)
    verdict = registry.verify(copy)
    assert values(verdict)["registration"] == Registration.EXACT_MATCH
    assert verdict.matches[0].signed_copy
    assert "the credentialed copy in record 2" in verdict.headline_text


def test_the_same_pixels_in_another_file_match_without_difference() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(COFFEE))
    verdict = registry.verify(pictures.saved(pictures.opened(photo(COFFEE)), "TIFF"))
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert [match.basis for match in verdict.matches] == [MatchBasis.PIXELS]
    assert "Every decoded pixel is that of record 2" in verdict.headline_text
    assert verdict.findings[0].basis is Basis.CRYPTOGRAPHIC


def test_a_recompressed_copy_leads_back_to_its_record() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(pictures.recompressed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert [match.index for match in verdict.matches] == [3]
    assert verdict.findings[0].basis is Basis.MEASURED
    assert verdict.findings[0].error_rates
    assert verdict.matches[0].distance is not None


def test_a_mirrored_copy_is_found_and_said_to_be_mirrored() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(pictures.mirrored(MOUNTAINS))
    assert values(verdict)["registration"] == Registration.MATCH_NO_DIFFERENCE_FOUND
    assert "it is mirrored" in verdict.headline_text


def test_a_painted_over_copy_matches_with_differences() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(pictures.with_a_patch(MOUNTAINS))
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert "differ" in verdict.headline_text
    assert verdict.findings[0].error_rates
    assert "nothing else was changed" in verdict.findings[0].does_not_show


def test_a_strangers_picture_is_not_found_and_all_that_was_and_was_not_looked_at_is_said() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(photo(ROCKET))
    assert verdict.headline is HeadlineCode.NOTHING_FOUND
    assert values(verdict)["registration"] == Registration.NO_MATCH_FOUND
    assert values(verdict)["proof"] == Proof.NO_RECORD
    for said in ("among 1 registration (", "sha-256", "countermark-pixels-1", "org.countermark.pdq.v1", "SynthID"):
        assert said in verdict.headline_text
    assert "never registered here" in verdict.findings[0].does_not_show


def test_a_picture_too_plain_for_a_fingerprint_is_not_said_to_have_no_match_at_all() -> None:
    registry = open_registry("daily")
    registry.register("daily", pictures.plain(90))
    verdict = registry.verify(pictures.plain(120))
    assert "fingerprint" not in registry.asked
    assert verdict.evidence.searched is not None
    assert verdict.evidence.searched.fingerprints == ("sha-256", "countermark-pixels-1")
    assert "similar pictures were not searched for" in verdict.axes[Axis.REGISTRATION].summary
    assert "similar pictures: the picture is too plain" in left_out(verdict)


def test_the_index_and_the_procedure_agree_on_what_is_too_plain() -> None:
    assert MIN_PDQ_QUALITY == MIN_QUALITY


def test_of_an_animation_only_the_first_frame_is_vouched_for() -> None:
    registry = open_registry("daily")
    registry.register("daily", pictures.same_pixels(COFFEE))
    verdict = registry.verify(pictures.animated(COFFEE))
    assert verdict.evidence.subject.frames == 2
    assert "Every decoded pixel of the first frame is that of record 2" in verdict.headline_text
    assert "the frames or pages after the first: only the first is decoded" in left_out(verdict)
    assert "frames" not in left_out(registry.verify(pictures.same_pixels(COFFEE)))


def with_a_collision() -> tuple[Simulator, bytes]:
    """A registry whose fingerprint of the mountains leads to the rocket, and the record of the mountains."""
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    rocket = registry.register("daily", photo(ROCKET))
    registry.prints[rocket] = registry.prints.pop(mountains)
    return registry, mountains


def test_a_picture_whose_fingerprint_leads_astray_is_found_by_its_parts() -> None:
    registry, mountains = with_a_collision()
    verdict = registry.verify(pictures.recompressed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert [match.record_id for match in verdict.matches] == [mountains]
    assert verdict.evidence.searched is not None
    assert LOCAL_FEATURES in verdict.evidence.searched.fingerprints


@pytest.mark.parametrize("around", [True, False])
def test_a_picture_within_another_is_found_where_it_is_whether_the_other_is_registered_or_not(around: bool) -> None:
    registry = open_registry("daily")
    dogs = registry.register("daily", photo(DOGS))
    mountains = registry.register("daily", photo(MOUNTAINS)) if around else None
    verdict = registry.verify(pictures.inset(DOGS, MOUNTAINS))
    assert {match.record_id for match in verdict.matches} == {dogs, *([mountains] if mountains else [])}
    comparison = next(match.comparison for match in verdict.matches if match.record_id == dogs)
    assert comparison is not None
    assert comparison.transform is not None
    assert 0.1 < comparison.transform.scale < 0.3


def test_a_fingerprint_that_no_comparison_confirms_stays_a_lead() -> None:
    registry, mountains = with_a_collision()
    registry.features.pop(mountains)
    verdict = registry.verify(pictures.recompressed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.POSSIBLE_MATCH
    assert "a lead, not a match" in verdict.headline_text
    assert verdict.matches[0].comparison is None
    assert verdict.findings[0].basis is Basis.HEURISTIC


def test_a_far_candidate_is_a_match_or_nothing() -> None:
    registry = open_registry("daily")
    registry.reach = 256
    registry.register("daily", photo(MOUNTAINS))
    assert registry.verify(photo(ROCKET)).headline is HeadlineCode.NOTHING_FOUND
    assert registry.verify_digests(photo(ROCKET)).headline is HeadlineCode.NOTHING_FOUND
    copy = registry.verify(pictures.recompressed(MOUNTAINS))
    assert values(copy)["registration"] == Registration.MATCH_NO_DIFFERENCE_FOUND


def test_a_lead_is_left_out_where_another_record_matches() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    rocket = registry.register("daily", photo(ROCKET))
    registry.prints[rocket] = registry.prints[mountains]
    for copy in (pictures.recompressed(MOUNTAINS), pictures.same_pixels(MOUNTAINS)):
        assert [match.record_id for match in registry.verify(copy).matches] == [mountains]


def test_a_sketch_that_is_damaged_costs_the_comparison_and_not_the_verification() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    del registry.sketches[mountains]
    verdict = registry.verify(pictures.recompressed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.POSSIBLE_MATCH
    assert "the blob has other bytes" in left_out(verdict)


def test_a_sketch_other_than_the_records_own_proves_nothing() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    other = registry.register("daily", pictures.recompressed(MOUNTAINS))
    del registry.prints[other]
    registry.sketches[mountains] = registry.sketches[other]
    verdict = registry.verify(pictures.saved(pictures.opened(photo(MOUNTAINS)), quality=50))
    assert values(verdict)["registration"] == Registration.NOT_CHECKED
    assert values(verdict)["proof"] == Proof.BROKEN
    assert "another sketch" in verdict.headline_text


class Failing(Eyes):
    """Cannot compare anything."""

    def __init__(self, failure: CountermarkError) -> None:
        super().__init__()
        self.failure = failure

    def compare(
        self, query: Pixels, references: Sequence[Reference], part: int | None = None
    ) -> Sequence[Comparison | CountermarkError]:
        if isinstance(self.failure, StoreUnavailable | Overloaded):
            raise self.failure
        return [self.failure for _ in references]


def test_a_comparison_that_fails_becomes_an_entry_of_what_was_not_checked() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    examination = examine(pictures.recompressed(MOUNTAINS), NOBODY)
    verdict = verify_file(examination, registry, Failing(UndecodableMedia("not within its limits")))
    assert verdict.headline is HeadlineCode.POSSIBLE_MATCH
    assert "the comparison with record" in left_out(verdict)
    assert "not within its limits" in left_out(verdict)


@pytest.mark.parametrize("failure", [StoreUnavailable("busy"), Overloaded("busy", retry_after=1)])
def test_a_registry_that_is_merely_busy_fails_the_request_for_the_next_try_may_know_more(
    failure: CountermarkError,
) -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    examination = examine(pictures.recompressed(MOUNTAINS), NOBODY)
    with pytest.raises(type(failure)):
        verify_file(examination, registry, Failing(failure))


def test_only_the_nearest_candidates_are_compared_and_the_report_says_so() -> None:
    registry = open_registry("daily")
    for _ in range(MAX_COMPARED_CANDIDATES + 1):
        registry.register("daily", photo(ROCKET))
    compared: list[Reference] = []

    class Counting(Eyes):
        def compare(
            self, query: Pixels, references: Sequence[Reference], part: int | None = None
        ) -> Sequence[Comparison | CountermarkError]:
            compared.extend(references)
            return super().compare(query, references, part)

    verdict = verify_file(examine(pictures.recompressed(ROCKET), NOBODY), registry, Counting())
    assert len(compared) == MAX_COMPARED_CANDIDATES
    assert f"further candidates: only the nearest {MAX_COMPARED_CANDIDATES}" in left_out(verdict)


def test_a_picture_registered_very_often_is_cut_and_the_report_says_so() -> None:
    registry = open_registry("daily")
    for _ in range(MAX_MATCHES + 1):
        registry.register("daily", photo(ROCKET))
    verdict = registry.verify(photo(ROCKET))
    assert len(verdict.matches) == MAX_MATCHES
    assert "further matching records" in left_out(verdict)


# Digests alone -----------------------------------------------------------------------------------


def test_digests_alone_find_the_file_and_say_nothing_of_its_credential() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify_digests(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert values(verdict)["credential"] == values(verdict)["declared_origin"] == "NOT_CHECKED"
    assert "the file itself: only digests were handed in" in left_out(verdict)


def test_a_fingerprint_alone_gives_a_lead_and_never_a_match() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify_digests(pictures.recompressed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.POSSIBLE_MATCH
    assert "mirrored and turned copies" in left_out(verdict)


def test_a_digest_without_a_fingerprint_makes_no_claim_about_similar_pictures() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify_digests(pictures.recompressed(MOUNTAINS), with_pdq=False)
    assert values(verdict)["registration"] == Registration.NO_MATCH_FOUND
    assert "none has exactly these bytes (sha-256); similar pictures were not searched for" in verdict.headline_text
    assert "similar pictures: no fingerprint was handed in" in left_out(verdict)


# Proof -------------------------------------------------------------------------------------------


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


def assert_vouches_for_nothing(verdict: Verdict) -> None:
    assert verdict.headline is HeadlineCode.PROOF_BROKEN
    assert values(verdict)["proof"] == Proof.BROKEN
    assert "registered by" not in verdict.headline_text
    assert "registered by" not in verdict.axes[Axis.REGISTRATION].summary


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
    examination = examine(photo(ROCKET), NOBODY)
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


# Standing ----------------------------------------------------------------------------------------


def standings(verdict: Verdict) -> list[Standing]:
    return [match.standing for match in verdict.matches]


def test_a_withdrawal_is_told_with_its_reason_and_the_match_stays() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    registry.withdraw("daily", mountains, "the caption names the wrong town")
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert standings(verdict) == [Standing.WITHDRAWN]
    assert "The Daily has withdrawn this registration" in verdict.headline_text
    assert "“the caption names the wrong town”" in verdict.headline_text
    told = next(finding for finding in verdict.findings if finding.axis is Axis.STANDING)
    assert (told.code, told.basis) == (Standing.WITHDRAWN, Basis.CRYPTOGRAPHIC)


def test_a_withdrawal_that_is_not_published_yet_is_the_registrys_word() -> None:
    registry = open_registry("daily")
    mountains = registry.register("daily", photo(MOUNTAINS))
    published, tree, note = registry.published, registry.nodes, registry.note
    registry.withdraw("daily", mountains, "wrong town")
    registry.published, registry.nodes, registry.note = published, tree, note
    verdict = registry.verify(photo(MOUNTAINS))
    assert standings(verdict) == [Standing.WITHDRAWN]
    told = next(finding for finding in verdict.findings if finding.axis is Axis.STANDING)
    assert told.basis is Basis.DETERMINISTIC_UNSIGNED


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
