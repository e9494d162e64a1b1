"""Problem documents (RFC 9457) back to exceptions: the reverse of the service's own table."""

import json
from collections.abc import Mapping

from provenance import errors

TYPE_PREFIX = "urn:countermark:problem:"

EXCEPTIONS: Mapping[str, type[errors.CountermarkError]] = {
    "malformed-request": errors.MalformedRequest,
    "not-authenticated": errors.NotAuthenticated,
    "not-permitted": errors.NotPermitted,
    "not-found": errors.NotFound,
    "conflict": errors.Conflict,
    "idempotency-conflict": errors.IdempotencyConflict,
    "payload-too-large": errors.PayloadTooLarge,
    "media-too-large": errors.MediaTooLarge,
    "entry-too-large": errors.EntryTooLarge,
    "unsupported-media": errors.UnsupportedMedia,
    "invalid-request": errors.InvalidRequest,
    "undecodable-media": errors.UndecodableMedia,
    "rate-limited": errors.RateLimited,
    "overloaded": errors.Overloaded,
    "request-timeout": errors.RequestTimeout,
    "store-unavailable": errors.StoreUnavailable,
    "store-corrupt": errors.StoreCorrupt,
}


def exception_of(status: int, headers: Mapping[str, str], body: bytes) -> errors.CountermarkError:
    """The exception that an error answer stands for; its `request_id` leads the operator to the cause."""
    try:
        problem = json.loads(body) if "problem+json" in headers.get("content-type", "") else {}
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    slug = str(problem.get("type", "")).removeprefix(TYPE_PREFIX)
    text = str(problem.get("detail") or problem.get("title") or f"the service answered with status {status}")
    faults = problem.get("errors")
    if isinstance(faults, list):
        named = [f"{fault.get('pointer')}: {fault.get('detail')}" for fault in faults if isinstance(fault, dict)]
        text = "; ".join([text, *named])
    exception = _build(EXCEPTIONS.get(slug, errors.UnexpectedAnswer), text, headers)
    exception.request_id = str(problem.get("request_id") or headers.get("x-request-id") or "") or None
    return exception


def _build(kind: type[errors.CountermarkError], text: str, headers: Mapping[str, str]) -> errors.CountermarkError:
    if kind in (errors.RateLimited, errors.Overloaded):
        try:
            seconds = float(headers.get("retry-after", ""))
        except ValueError:
            seconds = 0.0
        return kind(text, retry_after=seconds)
    return kind(text)
