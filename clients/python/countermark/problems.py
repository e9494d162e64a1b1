"""Problem documents (RFC 9457) back to exceptions: the reverse of the service's own table."""

from collections.abc import Mapping

from countermark.calls import Reply
from countermark.models import Problem, read
from provenance import errors

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:countermark:problem:"

EXCEPTIONS: Mapping[str, type[errors.CountermarkError]] = {
    "malformed-request": errors.MalformedRequest,
    "not-authenticated": errors.NotAuthenticated,
    "not-permitted": errors.NotPermitted,
    "key-refused": errors.KeyRefused,
    "not-found": errors.NotFound,
    "sealed": errors.Sealed,
    "metadata-withheld": errors.MetadataWithheld,
    "erased": errors.Erased,
    "conflict": errors.Conflict,
    "idempotency-conflict": errors.IdempotencyConflict,
    "log-frozen": errors.FrozenLog,
    "payload-too-large": errors.PayloadTooLarge,
    "media-too-large": errors.MediaTooLarge,
    "entry-too-large": errors.EntryTooLarge,
    "unsupported-media": errors.UnsupportedMedia,
    "invalid-request": errors.InvalidRequest,
    "undecodable-media": errors.UndecodableMedia,
    "media-too-costly": errors.MediaTooCostly,
    "head-too-large": errors.MalformedRequest,
    "rate-limited": errors.RateLimited,
    "overloaded": errors.Overloaded,
    "examination-unavailable": errors.ExaminationUnavailable,
    "request-timeout": errors.RequestTimeout,
    "signer-unavailable": errors.SignerUnavailable,
    "store-unavailable": errors.StoreUnavailable,
    "store-corrupt": errors.StoreCorrupt,
    "internal-error": errors.ServiceFailed,
}
"""By the last part of the type. What a newer service adds becomes UnexpectedAnswer, with the service's own words."""


def exception_of(reply: Reply, asked: float | None = None) -> errors.CountermarkError:
    """The exception that an answer without success stands for, with its `request_id`.

    Args:
        asked: seconds after which the service asks to try again, where it does.
    """
    problem = _problem(reply)
    if problem is None:
        error: errors.CountermarkError = errors.UnexpectedAnswer(
            f"status {reply.status} without a problem document: no Countermark service answered, "
            "or something in front of it did"
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
    if issubclass(kind, errors.RateLimited | errors.Overloaded | errors.ExaminationUnavailable):
        return kind(text, retry_after=asked or 0.0)
    if issubclass(kind, errors.IdempotencyConflict):
        return kind(text, retry_after=asked)
    return kind(text)
