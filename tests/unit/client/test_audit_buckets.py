"""In which bucket an item is: the precedence, case by case."""

import re
from pathlib import Path
from typing import Any

import pytest
from countermark.audit import AuditPolicy, Bucket, Outcome
from countermark.audit.buckets import Counts, of_error, of_lookup, of_report
from countermark.audit.state import CheckedRecord
from countermark.models import Lookup, Report, read

from provenance.errors import MediaTooCostly, MediaTooLarge, RateLimited, UndecodableMedia, UnsupportedMedia
from provenance.sentences import SENTENCES
from tests.receipt_vectors import RECORD
from tests.unit.client.audited import match, reported

ALL = Counts()
DATA = b"a picture"


def looked_up(*matches: dict[str, Any], counts: Counts = ALL) -> tuple[str, tuple[str, ...]]:
    lookup = read(Lookup, {"sha256": "ab" * 32, "matches": matches, "more": False})
    outcome = of_lookup(lookup, counts)
    return outcome.bucket.value, outcome.also


OTHER = "77" * 32
LOOKUPS: list[tuple[list[dict[str, Any]], str, set[str]]] = [
    ([], "not_compared", set()),
    ([match()], "identical", set()),
    ([match(basis="pixels")], "same_picture", set()),
    ([match(basis="pdq", distance=4)], "lead", {"not_compared"}),
    ([match(basis="phash", distance=4)], "lead", {"not_compared"}),
    ([match(basis="of a newer service")], "lead", {"not_compared"}),
    ([match(standing="superseded")], "identical", {"superseded"}),
    ([match(standing="withdrawn")], "withdrawn_or_disputed", {"identical", "withdrawn"}),
    ([match(standing="disputed")], "withdrawn_or_disputed", {"identical", "disputed"}),
    ([match(standing="conflicting claims")], "withdrawn_or_disputed", {"identical", "conflicting_claims"}),
    (
        [match(standing="key revoked after logging")],
        "withdrawn_or_disputed",
        {"identical", "key_revoked_after_logging"},
    ),
    ([match(standing="of a newer service")], "withdrawn_or_disputed", {"identical", "of_a_newer_service"}),
    ([match(basis="pdq", standing="withdrawn")], "lead", {"not_compared", "withdrawn"}),
    ([match(older=OTHER)], "differs", {"identical", "older_registration_differs"}),
    (
        [match(older=OTHER, standing="withdrawn")],
        "withdrawn_or_disputed",
        {"differs", "identical", "older_registration_differs", "withdrawn"},
    ),
    ([match(compared=False)], "identical", {"comparison_pending"}),
]


@pytest.mark.parametrize(("matches", "bucket", "also"), LOOKUPS)
def test_a_look_up_settles_by_bytes_and_pixels_alone(
    matches: list[dict[str, Any]], bucket: str, also: set[str]
) -> None:
    assert looked_up(*matches) == (bucket, tuple(sorted(also)))


def test_only_publishers_that_count_can_settle_an_item() -> None:
    daily = Counts(publishers=frozenset({"daily"}))
    assert looked_up(match(publisher="weekly"), counts=daily) == ("lead", ("identical", "other_publisher"))
    assert looked_up(match(publisher="weekly"), match(record=OTHER), counts=daily) == ("identical", ())
    report = read(Report, reported(DATA, "EXACT_MATCH"))
    assert of_report(report, daily).bucket is Bucket.IDENTICAL
    outcome = of_report(report, Counts(publishers=frozenset({"weekly"})))
    assert (outcome.bucket, outcome.also) == (Bucket.LEAD, ("identical", "other_publisher"))


REPORTS: list[tuple[dict[str, Any], str, set[str]]] = [
    (reported(DATA, "EXACT_MATCH"), "identical", set()),
    (reported(DATA, "MATCH_NO_DIFFERENCE_FOUND"), "same_picture", set()),
    (reported(DATA, "MATCH_INSIDE_LARGER"), "inside_larger_picture", set()),
    (reported(DATA, "MATCH_WITH_DIFFERENCES"), "differs", set()),
    (reported(DATA, "POSSIBLE_MATCH"), "lead", set()),
    (reported(DATA, "SHARES_LAYOUT"), "lead", set()),
    (reported(DATA, "NO_MATCH_FOUND", matches=[]), "not_found", set()),
    (
        reported(DATA, "EXACT_MATCH", "OLDER_REGISTRATION_DIFFERS"),
        "differs",
        {"identical", "older_registration_differs"},
    ),
    (reported(DATA, "MATCH_WITH_DIFFERENCES", "CREDENTIAL_INVALID"), "credential_invalid", {"differs"}),
    (reported(DATA, "NO_MATCH_FOUND", "CREDENTIAL_INVALID", matches=[]), "credential_invalid", {"not_found"}),
    (reported(DATA, "NOT_CHECKED", matches=[]), "could_not_check", set()),
    (reported(DATA, "A_NEWER_VALUE"), "could_not_check", set()),
]


@pytest.mark.parametrize(("report", "bucket", "also"), REPORTS)
def test_a_report_is_in_the_bucket_that_its_headline_and_match_say(
    report: dict[str, Any], bucket: str, also: set[str]
) -> None:
    outcome = of_report(read(Report, report), ALL)
    assert (outcome.bucket.value, set(outcome.also)) == (bucket, also)


def axes(report: dict[str, Any], **values: str) -> dict[str, Any]:
    return report | {"axes": report["axes"] | {name: {"value": value, "summary": ""} for name, value in values.items()}}


def with_standing(report: dict[str, Any], standing: str) -> dict[str, Any]:
    return report | {"matches": [report["matches"][0] | {"standing": {"value": standing, "detail": ""}}]}


def test_what_a_report_says_besides_is_kept_beside_the_bucket() -> None:
    exact = reported(DATA, "EXACT_MATCH")
    told = axes(exact, credential="INVALID", declared_origin="CONFLICTING")
    outcome = of_report(read(Report, with_standing(told, "superseded")), ALL)
    assert outcome.bucket is Bucket.IDENTICAL  # every pixel is the record's: then the match leads
    assert outcome.also == ("credential_invalid", "origin_conflicting", "superseded")
    for standing in ("withdrawn", "disputed", "conflicting claims", "key revoked before logging"):
        outcome = of_report(read(Report, with_standing(exact, standing)), ALL)
        assert (outcome.bucket, outcome.record) == (Bucket.WITHDRAWN_OR_DISPUTED, RECORD)


def test_a_proof_that_does_not_hold_comes_before_everything() -> None:
    outcome = of_report(read(Report, axes(reported(DATA, "EXACT_MATCH", "PROOF_BROKEN"), proof="BROKEN")), ALL)
    assert (outcome.bucket, outcome.reason, outcome.also) == (Bucket.COULD_NOT_CHECK, "proof", ("identical",))
    told = with_standing(axes(reported(DATA, "EXACT_MATCH", "CREDENTIAL_INVALID"), proof="BROKEN"), "withdrawn")
    outcome = of_report(read(Report, told), ALL)
    assert outcome.bucket is Bucket.COULD_NOT_CHECK
    assert set(outcome.also) >= {"credential_invalid", "withdrawn_or_disputed", "identical"}


def test_an_invalid_credential_in_the_headline_comes_before_what_became_of_the_record() -> None:
    told = with_standing(reported(DATA, "MATCH_WITH_DIFFERENCES", "CREDENTIAL_INVALID"), "withdrawn")
    outcome = of_report(read(Report, told), ALL)
    assert outcome.bucket is Bucket.CREDENTIAL_INVALID
    assert set(outcome.also) == {"differs", "withdrawn", "withdrawn_or_disputed"}


def test_the_page_on_audits_has_the_buckets_in_the_order_of_precedence() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/audit-files.md").read_text()
    _, _, table = page.partition("| bucket | |\n|---|---|\n")
    rows, _, _ = table.partition("\n\n")
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == [bucket.value for bucket in Bucket]


@pytest.mark.parametrize("standing", ["withdrawn", "disputed", "key_revoked"])
def test_a_receipt_that_shows_what_became_of_its_record_takes_back_a_match_and_leaves_a_lead(standing: str) -> None:
    facts = {"standing": standing, "sha256": ["ab" * 32]}
    checked = CheckedRecord(RECORD, "holds", "", "", True, facts)
    for bucket in (Bucket.IDENTICAL, Bucket.SAME_PICTURE, Bucket.INSIDE_LARGER_PICTURE, Bucket.DIFFERS):
        judged = AuditPolicy().judge(Outcome(bucket, record=RECORD, index=7), "ab" * 32, checked)
        assert (judged.bucket, judged.index) == (Bucket.WITHDRAWN_OR_DISPUTED, 7)
        assert set(judged.also) == {bucket.value, standing}
    lead = Outcome(Bucket.LEAD, record=RECORD)
    assert AuditPolicy().judge(lead, "ab" * 32, checked) == lead


def test_only_trust_lists_that_count_are_told() -> None:
    signed = axes(reported(DATA, "EXACT_MATCH"), credential="TRUSTED")
    assert of_report(read(Report, signed), ALL).also == ("credential_trusted",)
    assert of_report(read(Report, signed), Counts(trust_lists=frozenset({"Ours"}))).also == ()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UnsupportedMedia("x"), "no_picture"),
        (MediaTooLarge("x"), "too_large"),
        (MediaTooCostly("x"), "not_in_time"),
        (UndecodableMedia("x"), "truncated"),
        (RateLimited("x", retry_after=1.0), "server"),
    ],
)
def test_a_refusal_has_its_reason(error: Any, reason: str) -> None:
    outcome = of_error(error)
    assert (outcome.bucket, outcome.reason) == (Bucket.COULD_NOT_CHECK, reason)


def test_every_bucket_and_reason_has_its_words() -> None:
    from typing import get_args

    from countermark.audit import Reason

    assert SENTENCES.buckets.keys() == {bucket.value for bucket in Bucket}
    assert SENTENCES.reasons.keys() == set(get_args(Reason))
