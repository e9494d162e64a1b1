"""Problems: exceptions as `application/problem+json` (RFC 9457), as CBOR (RFC 9290) for SCITT, as a page for who reads.

The slug is that of the exception's class (`provenance.errors`), the title is in `provenance.sentences`, the HTTP status
in this module. Any other exception is an internal error: its traceback is logged, and the client gets no detail.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.logs import note_problem, note_refusal, request_id
from provenance import errors
from provenance.answers.problems import MEDIA_TYPE, TYPE_PREFIX
from provenance.sentences import SENTENCES
from provenance.statement.cbor import encode_cbor

CONCISE_MEDIA_TYPE = "application/concise-problem-details+cbor"
CONCISE_PATHS = ("/scitt/", "/.well-known/scitt-keys")
"""Paths below which problems are concise problem details in CBOR (RFC 9290), as SCRAPI requires."""


@dataclass(frozen=True)
class Kind:
    """One problem type.

    Attributes:
        slug: last part of the type URN.
        status: HTTP status code.
    """

    slug: str
    status: int

    @property
    def type(self) -> str:
        return TYPE_PREFIX + self.slug

    @property
    def title(self) -> str:
        """The same sentence for every occurrence."""
        return SENTENCES.problems[self.slug]["title"]

    @property
    def detail(self) -> str | None:
        """Replaces the exception's text, if that is for the operator alone."""
        return SENTENCES.problems[self.slug].get("detail")


MALFORMED_REQUEST: Final = Kind(errors.MalformedRequest.slug, 400)
NOT_AUTHENTICATED: Final = Kind(errors.NotAuthenticated.slug, 401)
NOT_PERMITTED: Final = Kind(errors.NotPermitted.slug, 403)
SEALED: Final = Kind(errors.Sealed.slug, 403)
METADATA_WITHHELD: Final = Kind(errors.MetadataWithheld.slug, 403)
KEY_REFUSED: Final = Kind(errors.KeyRefused.slug, 403)
NOT_FOUND: Final = Kind(errors.NotFound.slug, 404)
METHOD_NOT_ALLOWED: Final = Kind("method-not-allowed", 405)
REQUEST_TIMEOUT: Final = Kind(errors.RequestTimeout.slug, 408)
CONFLICT: Final = Kind(errors.Conflict.slug, 409)
IDEMPOTENCY_CONFLICT: Final = Kind(errors.IdempotencyConflict.slug, 409)
LOG_FROZEN: Final = Kind(errors.FrozenLog.slug, 409)
ERASED: Final = Kind(errors.Erased.slug, 410)
PAYLOAD_TOO_LARGE: Final = Kind(errors.PayloadTooLarge.slug, 413)
MEDIA_TOO_LARGE: Final = Kind(errors.MediaTooLarge.slug, 413)
ENTRY_TOO_LARGE: Final = Kind(errors.EntryTooLarge.slug, 413)
UNSUPPORTED_MEDIA: Final = Kind(errors.UnsupportedMedia.slug, 415)
INVALID_REQUEST: Final = Kind(errors.InvalidRequest.slug, 422)
UNDECODABLE_MEDIA: Final = Kind(errors.UndecodableMedia.slug, 422)
MEDIA_TOO_COSTLY: Final = Kind(errors.MediaTooCostly.slug, 422)
HEAD_TOO_LARGE: Final = Kind("head-too-large", 431)
RATE_LIMITED: Final = Kind(errors.RateLimited.slug, 429)
INTERNAL_ERROR: Final = Kind(errors.CountermarkError.slug, 500)
OVERLOADED: Final = Kind(errors.Overloaded.slug, 503)
EXAMINATION_UNAVAILABLE: Final = Kind(errors.ExaminationUnavailable.slug, 503)
SIGNER_UNAVAILABLE: Final = Kind(errors.SignerUnavailable.slug, 503)
STORE_UNAVAILABLE: Final = Kind(errors.StoreUnavailable.slug, 503)
STORE_CORRUPT: Final = Kind(errors.StoreCorrupt.slug, 503)

Page = Callable[[HTTPConnection, Kind, str, Mapping[str, str]], bytes | None]
"""The page of a problem, from its detail and the headers of the answer; None for a client that prefers JSON."""

KINDS: Final[Mapping[str, Kind]] = {kind.slug: kind for kind in list(globals().values()) if isinstance(kind, Kind)}

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

_UNFORESEEN: Final = (INTERNAL_ERROR, STORE_CORRUPT)
"""Failures whose traceback is logged; any other is a refusal, which the line of its request tells."""

_log = structlog.get_logger(__name__)


def kind_of(error: Exception) -> Kind:
    """The problem type of an exception; an internal error for any that is not a CountermarkError."""
    return KINDS[error.slug] if isinstance(error, errors.CountermarkError) else INTERNAL_ERROR


def problem(
    conn: HTTPConnection,
    kind: Kind,
    detail: str,
    *,
    fields: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    also: Mapping[str, str] | None = None,
) -> Response:
    """The response for a problem. `fields`: {pointer, detail} of each invalid field; `also`: further members."""
    note_problem(conn, kind.slug)
    if conn.url.path.startswith(CONCISE_PATHS):
        data, media_type = encode_cbor({-1: kind.title, -2: kind.detail or detail, -4: kind.status}), CONCISE_MEDIA_TYPE
    elif (page := conn.app.state.problem_page(conn, kind, kind.detail or detail, headers or {})) is not None:
        data, media_type = page, "text/html; charset=utf-8"
    else:
        data, media_type = _json(conn, kind, detail, fields, also or {}), MEDIA_TYPE
    answer = Response(data, kind.status, media_type=media_type)
    answer.headers["Cache-Control"] = "no-store"
    for name, value in (headers or {}).items():
        answer.headers[name] = value
    return answer


def _json(
    conn: HTTPConnection, kind: Kind, detail: str, fields: Sequence[Mapping[str, str]], also: Mapping[str, str]
) -> bytes:
    body: dict[str, object] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail or detail,
        "instance": conn.url.path,
        "request_id": request_id(conn),
        **also,
    }
    if fields:
        body["errors"] = list(fields)
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def answer_countermark_error(request: Request, error: Exception) -> Response:
    """The response for any CountermarkError."""
    kind = kind_of(error)
    headers: dict[str, str] = {}
    if kind in _UNFORESEEN:
        _log.error("request failed", problem=kind.slug, exc_info=error)
    elif kind.status >= 500 or kind is RATE_LIMITED:
        note_refusal(request, str(error))
    if kind is NOT_AUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="countermark"'
    retry_after = getattr(error, "retry_after", None)
    if retry_after is None and kind in (STORE_UNAVAILABLE, SIGNER_UNAVAILABLE):
        retry_after = 5.0
    if isinstance(retry_after, (int, float)):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if kind.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return problem(request, kind, str(error) or kind.title, headers=headers, also=_exceeded(error))


def _exceeded(error: Exception) -> dict[str, str]:
    """Which limit is exceeded, and until when."""
    if not isinstance(error, errors.RateLimited) or error.policy is None:
        return {}
    until = datetime.now(UTC) + timedelta(seconds=math.ceil(error.retry_after))
    return {"policy": error.policy, "until": until.strftime("%Y-%m-%dT%H:%M:%SZ")}


def answer_http_exception(request: Request, error: Exception) -> Response:
    """The response for Starlette's exceptions: no such route, no such method, an unreadable body."""
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
    headers = {"Allow": ", ".join(_allowed_methods(request))} if kind is METHOD_NOT_ALLOWED else error.headers
    return problem(request, kind, detail, headers=headers)


def answer_validation_error(request: Request, error: Exception) -> Response:
    """The response for pydantic's validation errors, without the values that the client sent."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem(request, MALFORMED_REQUEST, "The body is not JSON.")
    fields = [{"pointer": _pointer(item["loc"]), "detail": str(item["msg"])} for item in found]
    detail = "; ".join(f"{field['pointer']}: {field['detail']}" for field in fields[:3])
    return problem(request, INVALID_REQUEST, detail, fields=fields)


def answer_disconnect(request: Request, _error: Exception) -> Response:
    """The response to a client that has disconnected: nobody reads it, but the request is logged and counted."""
    return problem(request, MALFORMED_REQUEST, "The connection was closed before the body was complete.")


def answer_internal_error(conn: HTTPConnection, error: Exception) -> Response:
    """The response for an unhandled exception: the traceback is logged, and the client gets no detail."""
    _log.error("unhandled exception", exc_info=error)
    return problem(conn, INTERNAL_ERROR, INTERNAL_ERROR.title)


class LastResort:
    """ASGI middleware, innermost: makes an unhandled exception a problem, to which outer middleware adds headers."""

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


def install_problems(app: FastAPI, page: Page) -> None:
    """Registers the exception handlers, which answer with problems (`LastResort` catches the rest)."""
    app.state.problem_page = page
    app.add_exception_handler(errors.CountermarkError, answer_countermark_error)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(ClientDisconnect, answer_disconnect)


def _allowed_methods(request: Request) -> list[str]:
    """The methods allowed at this path by any route; Starlette's own response names those of the first route alone."""
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
