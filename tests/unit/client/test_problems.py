"""Problem documents back to exceptions, against the service's own table."""

import json
from typing import Any

import pytest
from countermark import problems
from countermark.calls import Reply
from countermark.problems import exception_of

from api.http import problems as service
from provenance import errors
from provenance.answers.problems import MEDIA_TYPE
from tests import replies


def reply(body: object, *, media_type: str = MEDIA_TYPE, request_id: str = "req_1") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(404, {"content-type": media_type, "x-request-id": request_id}, data)


def test_every_exception_of_the_services_table_comes_back_as_itself() -> None:
    for slug, cls in problems.EXCEPTIONS.items():
        assert cls.slug == slug or slug == "head-too-large", slug
    assert problems.EXCEPTIONS["store-unavailable"] is errors.StoreUnavailable  # and not StoreLocked
    assert problems.EXCEPTIONS["internal-error"] is errors.ServiceFailed


def test_no_type_is_known_that_the_service_has_not() -> None:
    assert problems.EXCEPTIONS.keys() <= service.KINDS.keys()
    assert service.KINDS.keys() - problems.EXCEPTIONS.keys() == {"method-not-allowed"}


@pytest.mark.parametrize("slug", sorted(problems.EXCEPTIONS))
def test_a_problem_keeps_its_words_and_its_request_id(slug: str) -> None:
    error = exception_of(reply(replies.problem(slug, service.KINDS[slug].status, "as it is")))
    assert type(error) is problems.EXCEPTIONS[slug]
    assert str(error) == "as it is"
    assert error.request_id == "req_1"


def test_each_faulty_part_of_a_request_is_named_once() -> None:
    faults = [{"pointer": "#/title", "detail": "too long"}, {"pointer": "#/credit", "detail": "no controls"}]
    body = replies.problem("invalid-request", 422, "#/title: too long; #/credit: no controls") | {"errors": faults}
    assert str(exception_of(reply(body))) == "A problem: #/title: too long; #/credit: no controls"


def test_a_type_that_a_newer_service_has_is_unexpected_and_keeps_its_words() -> None:
    error = exception_of(reply(replies.problem("out-of-tea", 418, "no tea")))
    assert type(error) is errors.UnexpectedAnswer
    assert str(error) == "no tea"


@pytest.mark.parametrize("cls", [errors.RateLimited, errors.Overloaded, errors.IdempotencyConflict])
def test_what_can_be_asked_again_says_when(cls: type[Any]) -> None:
    assert exception_of(reply(replies.problem(cls.slug, 429, "busy")), 3.0).retry_after == 3.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b"[" * 60_000,
        b"\xff",
        {"type": 7},
        {"title": "only"},
        replies.problem("not-found", 404, "no") | {"detail": ["no"]},
        replies.problem("not-found", 404, "no") | {"errors": "none"},
        replies.problem("not-found", 404, "no") | {"status": "four hundred"},
    ],
)
def test_a_document_of_another_form_is_unexpected_and_says_the_status(body: object) -> None:
    error = exception_of(reply(body))
    assert type(error) is errors.WrongService
    assert "404" in str(error)
    assert error.request_id == "req_1"


def test_an_error_page_of_something_in_front_is_not_taken_for_the_services_word() -> None:
    error = exception_of(reply(replies.problem("not-found", 404, "no"), media_type="text/html"))
    assert type(error) is errors.WrongService
    assert error.exit_status == 2


@pytest.mark.parametrize("stated", ["", "a b", "req\x1b[31m", "ä", "x" * 201])
def test_a_malformed_request_id_is_left_out(stated: str) -> None:
    assert exception_of(reply(b"", request_id=stated)).request_id is None
