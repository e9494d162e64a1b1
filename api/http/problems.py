"""Problems: the one table from exceptions to `application/problem+json` (RFC 9457), and to its CBOR form for SCITT.

`PROBLEMS` names every exception that a request can end in. What is not in the table is a fault of ours:
it is logged with its trace, and the client reads only that it happened.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.logs import request_id
from provenance import errors
from provenance.statement.cbor import encode_cbor

MEDIA_TYPE = "application/problem+json"
CONCISE_MEDIA_TYPE = "application/concise-problem-details+cbor"
CONCISE_PATHS = ("/scitt/", "/.well-known/scitt-keys")
"""Below these, problems are concise ones in CBOR (RFC 9290), as SCRAPI has them."""
TYPE_PREFIX = "urn:countermark:problem:"


@dataclass(frozen=True)
class Kind:
    """One problem type.

    Attributes:
        slug: last part of the type URN.
        status: HTTP status code.
        title: the same sentence for every occurrence.
        detail: said instead of the exception's text, where that text is for the operator alone.
    """

    slug: str
    status: int
    title: str
    detail: str | None = None

    @property
    def type(self) -> str:
        return TYPE_PREFIX + self.slug


MALFORMED_REQUEST: Final = Kind("malformed-request", 400, "The request cannot be read")
NOT_AUTHENTICATED: Final = Kind("not-authenticated", 401, "A valid API key is needed")
NOT_PERMITTED: Final = Kind("not-permitted", 403, "This API key may not do that")
SEALED: Final = Kind("sealed", 403, "Its publisher keeps this record back")
METADATA_WITHHELD: Final = Kind("metadata-withheld", 403, "The copy holds metadata that is not public")
KEY_REFUSED: Final = Kind("key-refused", 403, "The signing key is not one in force")
NOT_FOUND: Final = Kind("not-found", 404, "There is no such resource")
METHOD_NOT_ALLOWED: Final = Kind("method-not-allowed", 405, "This resource does not take that method")
REQUEST_TIMEOUT: Final = Kind("request-timeout", 408, "The request did not arrive in time")
CONFLICT: Final = Kind("conflict", 409, "At odds with what is already stored")
IDEMPOTENCY_CONFLICT: Final = Kind("idempotency-conflict", 409, "This Idempotency-Key belongs to another request")
LOG_FROZEN: Final = Kind("log-frozen", 409, "The log is frozen: it takes no more entries")
ERASED: Final = Kind("erased", 410, "The content was erased")
PAYLOAD_TOO_LARGE: Final = Kind("payload-too-large", 413, "The body is too large")
MEDIA_TOO_LARGE: Final = Kind("media-too-large", 413, "The picture is too large to examine")
ENTRY_TOO_LARGE: Final = Kind("entry-too-large", 413, "The statement is too large for a log entry")
UNSUPPORTED_MEDIA: Final = Kind("unsupported-media", 415, "Not a picture format that is taken here")
INVALID_REQUEST: Final = Kind("invalid-request", 422, "The request asks for what cannot be")
UNDECODABLE_MEDIA: Final = Kind("undecodable-media", 422, "The picture is damaged or cut short")
MEDIA_TOO_COSTLY: Final = Kind("media-too-costly", 422, "The picture is too costly to examine")
HEAD_TOO_LARGE: Final = Kind("head-too-large", 431, "The header fields are too large")
RATE_LIMITED: Final = Kind("rate-limited", 429, "Too many requests")
INTERNAL_ERROR: Final = Kind(
    "internal-error", 500, "Something failed here", "The request id leads the operator to the cause."
)
OVERLOADED: Final = Kind("overloaded", 503, "There is more work than can be taken at once")
EXAMINATION_UNAVAILABLE: Final = Kind("examination-unavailable", 503, "The picture could not be examined this time")
SIGNER_UNAVAILABLE: Final = Kind(
    "signer-unavailable", 503, "A signing key cannot be used at the moment", "Reading and verifying still work."
)
STORE_UNAVAILABLE: Final = Kind(
    "store-unavailable", 503, "Nothing can be written at the moment", "Reading and verifying may still work."
)
STORE_CORRUPT: Final = Kind(
    "store-corrupt", 503, "Stored data contradicts the log", "Signing has stopped until the operator has looked at it."
)

PROBLEMS: Final[Mapping[type[errors.CountermarkError], Kind]] = {
    errors.UnsupportedMedia: UNSUPPORTED_MEDIA,
    errors.MediaTooLarge: MEDIA_TOO_LARGE,
    errors.MediaTooCostly: MEDIA_TOO_COSTLY,
    errors.UndecodableMedia: UNDECODABLE_MEDIA,
    errors.EntryTooLarge: ENTRY_TOO_LARGE,
    errors.NotFound: NOT_FOUND,
    errors.Sealed: SEALED,
    errors.MetadataWithheld: METADATA_WITHHELD,
    errors.Erased: ERASED,
    errors.Conflict: CONFLICT,
    errors.IdempotencyConflict: IDEMPOTENCY_CONFLICT,
    errors.FrozenLog: LOG_FROZEN,
    errors.MalformedRequest: MALFORMED_REQUEST,
    errors.InvalidRequest: INVALID_REQUEST,
    errors.PayloadTooLarge: PAYLOAD_TOO_LARGE,
    errors.NotAuthenticated: NOT_AUTHENTICATED,
    errors.NotPermitted: NOT_PERMITTED,
    errors.KeyRefused: KEY_REFUSED,
    errors.RateLimited: RATE_LIMITED,
    errors.Overloaded: OVERLOADED,
    errors.ExaminationUnavailable: EXAMINATION_UNAVAILABLE,
    errors.RequestTimeout: REQUEST_TIMEOUT,
    errors.SignerUnavailable: SIGNER_UNAVAILABLE,
    errors.StoreLocked: STORE_UNAVAILABLE,
    errors.StoreUnavailable: STORE_UNAVAILABLE,
    errors.StoreCorrupt: STORE_CORRUPT,
}

_BY_STATUS: Final = {
    400: MALFORMED_REQUEST,
    401: NOT_AUTHENTICATED,
    403: NOT_PERMITTED,
    404: NOT_FOUND,
    405: METHOD_NOT_ALLOWED,
    408: REQUEST_TIMEOUT,
    413: PAYLOAD_TOO_LARGE,
    415: UNSUPPORTED_MEDIA,
    422: INVALID_REQUEST,
    429: RATE_LIMITED,
}

_log = structlog.get_logger(__name__)


def kind_of(error: Exception) -> Kind:
    """The problem type of an exception: its own line of the table, else that of its nearest ancestor."""
    for cls in type(error).__mro__:
        if cls in PROBLEMS:
            return PROBLEMS[cls]
    return INTERNAL_ERROR


def problem(
    conn: HTTPConnection,
    kind: Kind,
    detail: str,
    *,
    fields: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a request that ended in a problem. `fields`: {pointer, detail} of each faulty part."""
    if conn.url.path.startswith(CONCISE_PATHS):
        data, media_type = encode_cbor({-1: kind.title, -2: kind.detail or detail, -4: kind.status}), CONCISE_MEDIA_TYPE
    else:
        data, media_type = _json(conn, kind, detail, fields), MEDIA_TYPE
    answer = Response(data, kind.status, media_type=media_type)
    answer.headers["Cache-Control"] = "no-store"
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def _json(conn: HTTPConnection, kind: Kind, detail: str, fields: Sequence[Mapping[str, str]]) -> bytes:
    body: dict[str, object] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail or detail,
        "instance": conn.url.path,
        "request_id": request_id(conn),
    }
    if fields:
        body["errors"] = list(fields)
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def answer_countermark_error(request: Request, error: Exception) -> Response:
    """Any exception of our tree."""
    kind = kind_of(error)
    headers: dict[str, str] = {}
    if kind.status >= 500:
        _log.error("request failed", problem=kind.slug, exc_info=error)
    if kind is NOT_AUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="countermark"'
    retry_after = getattr(error, "retry_after", None)
    if retry_after is None and kind in (STORE_UNAVAILABLE, SIGNER_UNAVAILABLE):
        retry_after = 5.0
    if isinstance(retry_after, (int, float)):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if kind.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not wanted
    return problem(request, kind, str(error) or kind.title, headers=headers)


def answer_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own: no such route, no such method, a body that cannot be read."""
    if not isinstance(error, HTTPException):
        raise error
    cause = error.__cause__
    if isinstance(cause, errors.CountermarkError):
        return answer_countermark_error(request, cause)
    kind = _BY_STATUS.get(error.status_code, MALFORMED_REQUEST if error.status_code < 500 else INTERNAL_ERROR)
    detail = {
        404: f"Nothing is served at {request.url.path}.",
        405: f"{request.method} is not allowed here.",
    }.get(error.status_code, error.detail)
    headers = {"Allow": ", ".join(_allowed(request))} if kind is METHOD_NOT_ALLOWED else error.headers
    return problem(request, kind, detail, headers=headers)


def answer_validation_error(request: Request, error: Exception) -> Response:
    """What pydantic found wrong. The values sent are not repeated."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem(request, MALFORMED_REQUEST, "The body is not JSON.")
    fields = [{"pointer": _pointer(item["loc"]), "detail": str(item["msg"])} for item in found]
    detail = "; ".join(f"{field['pointer']}: {field['detail']}" for field in fields[:3])
    return problem(request, INVALID_REQUEST, detail, fields=fields)


def answer_disconnect(request: Request, _error: Exception) -> Response:
    """Nobody reads this answer; it closes the request's books."""
    return problem(request, MALFORMED_REQUEST, "The connection was closed before the body was whole.")


def answer_internal_error(conn: HTTPConnection, error: Exception) -> Response:
    """A fault of ours: the trace goes to the log, nothing of it to the client."""
    _log.error("unhandled exception", exc_info=error)
    return problem(conn, INTERNAL_ERROR, INTERNAL_ERROR.title)


class LastResort:
    """ASGI middleware, innermost: turns what nothing else caught into a problem, so that every header is still set."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            await answer_internal_error(HTTPConnection(scope), error)(scope, receive, send)


def install_problems(app: FastAPI) -> None:
    """Makes every error of this application a problem (`LastResort` catches the rest)."""
    app.add_exception_handler(errors.CountermarkError, answer_countermark_error)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(ClientDisconnect, answer_disconnect)


def _allowed(request: Request) -> list[str]:
    """The methods that some route takes at this path; Starlette's own answer names those of the first route alone."""
    return [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def _pointer(location: Sequence[str | int]) -> str:
    """RFC 6901 in its URI form for the body ("#/title"); "query/limit" or "path/sha256" for parameters."""
    place, *path = location
    steps = [str(step).replace("~", "~0").replace("/", "~1") for step in path]
    return "#" + "".join(f"/{step}" for step in steps) if place == "body" else "/".join([str(place), *steps])
