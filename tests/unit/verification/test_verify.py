"""Stories: publishers register and withdraw, a reader verifies, and things go wrong."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import ImageOps

from provenance.errors import CountermarkError, Overloaded, StoreUnavailable, UndecodableMedia
from provenance.media.calibration import other_frames
from provenance.media.comparison import Comparison
from provenance.media.local_features import LOCAL_FEATURES
from provenance.media.media import Pixels
from provenance.verification import examine, verify_digests, verify_file
from provenance.verification.axes import Axis, Basis, Proof, Registration, Standing
from provenance.verification.evidence import MatchBasis, Subject
from provenance.verification.lookups import MAX_COMPARED_CANDIDATES, MAX_MATCHES, MIN_PDQ_QUALITY, Lookups
from provenance.verification.matcher import SimilaritySearch
from provenance.verification.registrations import Reference
from provenance.verification.verdict import HeadlineCode
from registry.search.codes import MIN_QUALITY
from tests.logs.records import START
from tests.unit.verification import pictures
from tests.unit.verification.pictures import COFFEE, DOGS, MOUNTAINS, ROCKET, photo
from tests.unit.verification.said import left_out, standings, values
from tests.unit.verification.simulator import NOBODY, Eyes, Simulator, open_registry

# Registration ------------------------------------------------------------------------------------


def test_the_very_file_is_an_exact_match_and_names_its_publisher() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(photo(MOUNTAINS))
    assert verdict.headline is HeadlineCode.EXACT_MATCH
    assert verdict.axes[Axis.REGISTRATION].summary == "These bytes are those of record 2, registered by “The Daily”."
    assert "“The Daily” registered on 1 March 2026" in verdict.headline_text
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
    assert "the credentialed copy in record 2" in verdict.axes[Axis.REGISTRATION].summary


def test_the_same_pixels_in_another_file_match_without_difference() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(COFFEE))
    verdict = registry.verify(pictures.saved(pictures.opened(photo(COFFEE)), "TIFF"))
    assert verdict.headline is HeadlineCode.MATCH_NO_DIFFERENCE_FOUND
    assert [match.basis for match in verdict.matches] == [MatchBasis.PIXELS]
    assert "Every decoded pixel is that of record 2" in verdict.axes[Axis.REGISTRATION].summary
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


def test_no_difference_does_not_show_that_it_is_the_same_frame_and_says_how_often_that_is_missed() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    told = registry.verify(pictures.recompressed(ROCKET)).findings[0].does_not_show
    missed = other_frames("sketch")
    assert "another frame of the same camera, a moment before or after" in told
    assert f"{missed.unseen} of {missed.n} pairs of frames measured were taken for copies" in told
    assert missed.n >= 100


def test_a_mirrored_copy_is_found_and_said_to_be_mirrored() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(pictures.mirrored(MOUNTAINS))
    assert values(verdict)["registration"] == Registration.MATCH_NO_DIFFERENCE_FOUND
    assert "it is mirrored" in verdict.axes[Axis.REGISTRATION].summary


def test_a_copy_with_inverted_colours_is_found_and_said_to_be_inverted() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    registry.register("daily", photo(MOUNTAINS))
    negative = pictures.saved(ImageOps.invert(pictures.opened(photo(MOUNTAINS))), quality=85)
    verdict = registry.verify(negative)
    assert [match.index for match in verdict.matches] == [3]
    assert values(verdict)["registration"] == Registration.MATCH_NO_DIFFERENCE_FOUND
    assert "its colours are inverted" in verdict.axes[Axis.REGISTRATION].summary


def test_a_copy_of_64_pixels_is_found() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(ROCKET))
    registry.register("daily", photo(MOUNTAINS))
    small = pictures.opened(photo(MOUNTAINS))
    small.thumbnail((64, 64))
    verdict = registry.verify(pictures.saved(small, quality=85))
    assert [match.index for match in verdict.matches] == [3]
    assert values(verdict)["registration"] == Registration.MATCH_NO_DIFFERENCE_FOUND


def test_a_painted_over_copy_matches_with_differences() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(pictures.with_a_patch(MOUNTAINS))
    assert verdict.headline is HeadlineCode.MATCH_WITH_DIFFERENCES
    assert "differ" in verdict.headline_text
    assert verdict.findings[0].error_rates
    assert "nothing else was changed" in verdict.findings[0].does_not_show


def test_a_framed_copy_is_shown_inside_a_larger_picture_and_is_not_said_to_differ() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(pictures.framed(MOUNTAINS))
    assert verdict.headline is HeadlineCode.MATCH_INSIDE_LARGER
    assert "inside a larger picture" in verdict.axes[Axis.REGISTRATION].summary
    assert "differ from" not in verdict.headline_text
    comparison = verdict.matches[0].comparison
    assert comparison is not None
    assert {region.kind for region in comparison.regions} == {"outside"}


def test_a_framed_copy_that_is_painted_over_matches_with_differences() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    assert registry.verify(pictures.framed(MOUNTAINS, patched=True)).headline is HeadlineCode.MATCH_WITH_DIFFERENCES


def test_a_strangers_picture_is_not_found_and_all_that_was_and_was_not_looked_at_is_said() -> None:
    registry = open_registry("daily")
    registry.register("daily", photo(MOUNTAINS))
    verdict = registry.verify(photo(ROCKET))
    assert verdict.headline is HeadlineCode.NOTHING_FOUND
    assert values(verdict)["registration"] == Registration.NO_MATCH_FOUND
    assert values(verdict)["proof"] == Proof.NO_RECORD
    for said in ("among 1 registration (", "sha-256", "countermark-pixels-1", "org.countermark.pdq.v1"):
        assert said in verdict.axes[Axis.REGISTRATION].summary
    assert "SynthID" in left_out(verdict)
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
    assert "Every decoded pixel of the first frame is that of record 2" in verdict.axes[Axis.REGISTRATION].summary
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


@pytest.mark.parametrize(("bits", "found"), [(31, HeadlineCode.POSSIBLE_MATCH), (32, HeadlineCode.NOTHING_FOUND)])
def test_a_fingerprint_is_a_lead_up_to_31_bits_of_difference_and_none_beyond(bits: int, found: HeadlineCode) -> None:
    registry = open_registry("daily")
    registry.reach = 256
    pdq = registry.prints[registry.register("daily", photo(MOUNTAINS))].pdq
    differs = (int.from_bytes(pdq) ^ ((1 << bits) - 1)).to_bytes(len(pdq))
    assert verify_digests(Subject(bytes(32), None), differs, 100, registry).headline is found


@pytest.mark.parametrize(("quality", "searched"), [(50, True), (49, False)])
def test_a_picture_is_searched_for_by_its_fingerprint_from_a_quality_of_50_on(quality: int, searched: bool) -> None:
    registry = open_registry("daily")
    pdq = registry.prints[registry.register("daily", photo(MOUNTAINS))].pdq
    verdict = verify_digests(Subject(bytes(32), None), pdq, quality, registry)
    assert (verdict.headline is HeadlineCode.POSSIBLE_MATCH) is searched
    assert ("the picture is too plain" in left_out(verdict)) is not searched


@pytest.mark.parametrize(("features", "searched"), [(8, True), (7, False)])
def test_a_picture_is_searched_for_by_its_parts_from_eight_features_on(features: int, searched: bool) -> None:
    class Describing(Eyes):
        def describe(self, _canonical: Pixels) -> Any:
            return SimpleNamespace(count=features)

    registry = open_registry("daily")
    examination = examine(photo(MOUNTAINS), NOBODY, now=START)
    SimilaritySearch(Lookups(registry), Describing(), examination.canonical).search_by_local_features()
    assert ("local features" in registry.asked) is searched


def test_what_a_search_by_local_features_left_out_is_told_once() -> None:
    registry = open_registry("daily")
    registry.left_out = "the index is being made, and has 10 registrations so far"
    told = left_out(registry.verify(photo(MOUNTAINS)))
    assert told.count(registry.left_out) == 1


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
    examination = examine(pictures.recompressed(MOUNTAINS), NOBODY, now=START)
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
    examination = examine(pictures.recompressed(MOUNTAINS), NOBODY, now=START)
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

    verdict = verify_file(examine(pictures.recompressed(ROCKET), NOBODY, now=START), registry, Counting())
    assert len(compared) == MAX_COMPARED_CANDIDATES
    assert (
        f"further candidates: only the nearest {MAX_COMPARED_CANDIDATES} of {MAX_COMPARED_CANDIDATES + 1} are"
        in left_out(verdict)
    )


def test_as_many_candidates_and_matches_as_are_listed_are_not_said_to_be_cut() -> None:
    registry = open_registry("daily")
    for _ in range(MAX_COMPARED_CANDIDATES):
        registry.register("daily", photo(ROCKET))
    verdict = registry.verify(pictures.recompressed(ROCKET))
    assert len(verdict.matches) == MAX_COMPARED_CANDIDATES
    assert "further candidates" not in left_out(verdict)
    for _ in range(MAX_MATCHES - MAX_COMPARED_CANDIDATES):
        registry.register("daily", photo(ROCKET))
    verdict = registry.verify(photo(ROCKET))
    assert len(verdict.matches) == MAX_MATCHES
    assert "further matching records" not in left_out(verdict)


def test_a_picture_registered_very_often_is_cut_and_the_report_says_so() -> None:
    registry = open_registry("daily")
    for _ in range(MAX_MATCHES + 5):
        registry.register("daily", photo(ROCKET))
    verdict = registry.verify(photo(ROCKET))
    assert len(verdict.matches) == MAX_MATCHES
    assert f"further matching records: {MAX_MATCHES + 5} match, and {MAX_MATCHES} are listed" in left_out(verdict)


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
    assert (
        "none has exactly these bytes (sha-256); similar pictures were not searched for"
        in verdict.axes[Axis.REGISTRATION].summary
    )
    assert "similar pictures: no fingerprint was handed in" in left_out(verdict)
