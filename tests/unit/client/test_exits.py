"""What a report or an error means for the exit status."""

import pytest
from countermark import Report
from countermark.cli import exits
from countermark.models import read

from provenance import errors
from provenance.errors import Exit
from provenance.verification.axes import Registration
from tests.unit.client import story


def report_of(registration: str = "EXACT_MATCH", standing: str = "current", **axes: str) -> Report:
    report = story.report(registration, **axes)
    report["matches"][0]["standing"]["value"] = standing
    return read(Report, report)


@pytest.mark.parametrize("registration", ["EXACT_MATCH", "MATCH_NO_DIFFERENCE_FOUND", "MATCH_INSIDE_LARGER"])
@pytest.mark.parametrize("proof", ["PUBLISHED", "PUBLISHED_AND_COSIGNED"])
@pytest.mark.parametrize("declared_origin", ["NONE_FOUND", "SIGNED_CAPTURE", "SIGNED_AI_GENERATED", "UNSIGNED_AI_MARK"])
def test_a_match_without_difference_satisfies_whatever_the_headline_is_about(
    registration: str, proof: str, declared_origin: str
) -> None:
    report = report_of(registration, proof=proof, declared_origin=declared_origin)
    assert exits.of_report(report) is Exit.SATISFIED


@pytest.mark.parametrize(
    "report",
    [
        report_of("MATCH_WITH_DIFFERENCES"),
        report_of("POSSIBLE_MATCH"),
        report_of("SHARES_LAYOUT"),
        report_of("NO_MATCH_FOUND"),
        report_of("A_VALUE_OF_THE_FUTURE"),
        report_of(proof="BROKEN"),
        report_of(proof="A_VALUE_OF_THE_FUTURE"),
        report_of(credential="INVALID"),
        report_of(declared_origin="CONFLICTING"),
        report_of(standing="withdrawn"),
        report_of(standing="key revoked before logging"),
        report_of(standing="conflicting claims"),
    ],
)
def test_all_else_that_was_found_is_a_finding(report: Report) -> None:
    assert exits.of_report(report) is Exit.FINDINGS


def test_a_match_that_was_made_from_what_was_withdrawn_is_a_finding() -> None:
    report = story.report("EXACT_MATCH")
    withdrawn = {"id": "ab" * 32, "index": 3, "code": "ORIGIN_WITHDRAWN", "detail": "It was made from record 3, …"}
    report["matches"][0]["sources"] = [withdrawn]
    assert exits.of_report(read(Report, report)) is Exit.FINDINGS


@pytest.mark.parametrize("report", [report_of("NOT_CHECKED"), report_of(proof="SEQUENCED")])
def test_what_could_not_be_checked_is_incomplete(report: Report) -> None:
    assert exits.of_report(report) is Exit.INCOMPLETE


def test_every_registration_value_has_an_exit_status() -> None:
    assert [exits.of_report(report_of(value)).value for value in Registration] == [0, 0, 1, 0, 1, 1, 1, 3]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ServiceUnreachable(""), 3),
        (errors.UnexpectedAnswer(""), 3),
        (errors.ServiceFailed(""), 3),
        (errors.StoreUnavailable(""), 3),
        (errors.StoreCorrupt(""), 3),
        (errors.RateLimited("", retry_after=1), 3),
        (errors.Overloaded("", retry_after=1), 3),
        (errors.RequestTimeout(""), 3),
        (errors.ExaminationUnavailable("", retry_after=1), 3),
        (errors.MediaTooCostly(""), 3),
        (errors.MissingExtra(""), 3),
        (errors.NotFound(""), 1),
        (errors.MalformedReceipt(""), 1),
        (errors.UnsupportedMedia(""), 2),
        (errors.UndecodableMedia(""), 2),
        (errors.NotAuthenticated(""), 2),
        (errors.InvalidRequest(""), 2),
        (errors.MalformedNote(""), 2),
    ],
)
def test_an_error_is_incomplete_a_finding_or_usage(error: errors.CountermarkError, status: int) -> None:
    assert error.exit_status == status
