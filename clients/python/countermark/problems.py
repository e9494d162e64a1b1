"""Problem documents (RFC 9457) as exceptions, by the slug of each class."""

from collections.abc import Mapping

from countermark.calls import Reply
from countermark.models import Problem, read
from provenance import errors
from provenance.answers.problems import MEDIA_TYPE, TYPE_PREFIX

BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_MANY_REQUESTS, SERVER_ERRORS = 400, 404, 405, 429, 500

EXCEPTIONS: Mapping[str, type[errors.CountermarkError]] = {
    cls.slug: cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, errors.CountermarkError) and "slug" in vars(cls)
} | {"head-too-large": errors.MalformedRequest}
"""Exception classes by slug; of two classes with one slug the later. A slug unknown to this version becomes
UnexpectedAnswer, with the service's detail."""


def exception_of(reply: Reply, asked: float | None = None, *, route_alone: bool = False) -> errors.CountermarkError:
    """The exception for an unsuccessful reply, with its `request_id`.

    Args:
        asked: seconds of Retry-After; None if the service states none.
        route_alone: the request named nothing that could be missing: a 404 is for the route.
    """
    problem = _problem(reply)
    error: errors.CountermarkError
    no_route = reply.status == METHOD_NOT_ALLOWED or (reply.status == NOT_FOUND and route_alone)
    refused = BAD_REQUEST <= reply.status < SERVER_ERRORS and reply.status != TOO_MANY_REQUESTS  # a proxy may say so
    if no_route or (problem is None and refused):
        error = errors.WrongService(
            f"{reply.service} is not a Countermark service, or one without what was asked for: status {reply.status}"
        )
    elif problem is None:
        error = errors.UnexpectedAnswer(
            f"status {reply.status} without a problem document: the answer is not from a Countermark service, "
            "but perhaps from a proxy in front of it"
        )
    else:
        error = _build(EXCEPTIONS.get(problem.type.removeprefix(TYPE_PREFIX), errors.UnexpectedAnswer), problem, asked)
    error.request_id = reply.request_id
    return error


def _problem(reply: Reply) -> Problem | None:
    if reply.media_type != MEDIA_TYPE:
        return None
    try:
        return read(Problem, reply.body)
    except errors.UnexpectedAnswer:
        return None


def _build(kind: type[errors.CountermarkError], problem: Problem, asked: float | None) -> errors.CountermarkError:
    faults = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in problem.errors)
    text = f"{problem.title}: {faults}" if faults else problem.detail
    if issubclass(kind, errors.RetryLater):
        return kind(text, retry_after=asked or 0.0)
    if issubclass(kind, errors.IdempotencyConflict):
        return kind(text, retry_after=asked)
    return kind(text)
