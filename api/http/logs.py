"""Logs: one JSON object per line on standard error, for events of the server and of its libraries.

Every request gets an id, which its response, problem and log lines carry. A client's own `X-Request-Id` is ignored: ids
must be unique. No log line holds a file's name or metadata, nor, unless the operator enables it, a client's address.
"""

import logging
import secrets
import sys
import time
from collections.abc import Callable
from typing import Literal

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SHARED: tuple[structlog.types.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


LogFormat = Literal["json", "text"]


def configure_logs(level: str, form: LogFormat = "json") -> None:
    """Sends structlog and the standard library's loggers to standard error, from `level` on.

    `form`: a JSON object a line, or text for people.
    """
    text = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(
                (text,)
                if form == "text"
                else (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
            ),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


HEADER = "X-Request-Id"
_SCOPE_KEY = "countermark.request_id"

Observer = Callable[[str, str, int, float, str | None], None]
"""Called after each request with its method, route template, status (0: no response was sent), seconds, and the slug of
the problem that it was answered with."""

_PROBLEM, _REFUSAL = "countermark.problem", "countermark.refusal"

_log = structlog.get_logger("api.request")


def request_id(conn: HTTPConnection) -> str:
    """The id that `RequestIds` gave the request."""
    return str(conn.scope.get(_SCOPE_KEY, "none"))


def note_problem(conn: HTTPConnection, slug: str) -> None:
    """Has the log line of the request, and the metrics, say which problem it is answered with."""
    conn.scope[_PROBLEM] = slug


def note_refusal(conn: HTTPConnection, reason: str) -> None:
    """Has the log line of the request say why it is refused, so that a refusal is one line."""
    conn.scope[_REFUSAL] = {"reason": reason}


class RequestIds:
    """ASGI middleware: gives each request its id, logs it, and reports it to the metrics.

    Args:
        observe: called after each request.
        log_client_addresses: whether log lines hold the client's address.
    """

    def __init__(self, app: ASGIApp, *, observe: Observer, log_client_addresses: bool = False) -> None:
        self.app = app
        self.observe = observe
        self.log_client_addresses = log_client_addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identifier = f"req_{secrets.token_hex(12)}"
        scope[_SCOPE_KEY], scope[_PROBLEM] = identifier, None
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = identifier
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=identifier):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                route = route_template(scope)
                problem = scope[_PROBLEM]
                self.observe(scope["method"], route, status, seconds, problem)
                extra = {"client": scope["client"][0]} if self.log_client_addresses and scope.get("client") else {}
                refusal = scope.get(_REFUSAL, {})
                level = logging.WARNING if refusal and status >= 500 else logging.INFO
                extra |= refusal if problem is None else {"problem": problem, **refusal}
                _log.log(
                    level,
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                    **extra,
                )


def route_template(scope: Scope) -> str:
    """The matched route ("/v1/assets/{id}"), so that neither logs nor metrics hold what a client looked up."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"
