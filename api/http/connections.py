"""Bounds on connections: their number, in total and per client address, and the size and time of a request's head.

Without these bounds, clients that send incomplete requests could exhaust the process's file descriptors. The protocol
is uvicorn's, on httptools; this module adds the bounds that uvicorn lacks, and refuses what httptools takes against
RFC 9112.
"""

import asyncio
import ipaddress
import json
import re
import resource
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http import problems
from api.http.limits import counted_address
from api.http.problems import Kind
from provenance.answers.problems import MEDIA_TYPE
from provenance.errors import CountermarkError

MAX_HEAD_BYTES = 32 * 1024
"""Bytes of a request line and header fields, and of the framing between two parts of a body: browsers send a few KB,
with cookies; other servers allow 8 to 64 KB."""

HEAD_SECONDS = 10.0
"""Seconds from the connection, or from the first byte of a later head, to the end of the head: usually one packet."""

MAX_PIPELINED = 16
"""Requests that may wait for the one before on their connection (RFC 9112 §9.3.2): hardly a client sends any. One takes
some 3 KB, and nearly two thousand of them arrive at once: of a hundred connections they took 470 MB."""

RETRY_AFTER = 2
"""Seconds: a connection without a request is closed after `HEAD_SECONDS`, most others in less."""

_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")

Reason = Literal["in_all", "of_an_address", "head_bytes", "head_seconds", "malformed", "pipelined"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class HeadRefusedError(CountermarkError):
    """Raised through the parser, so that it stops parsing."""


class Connections:
    """Counts the open connections of one server. Not thread-safe: the event loop is its only caller.

    Args:
        max_total: concurrent connections.
        max_per_address: concurrent connections of one client address (`counted_address`).
        proxies: addresses and networks shared by many clients: bounded by `max_total` alone.
        refused: called with the reason for each connection that is refused or closed early.
        head_seconds: see `HEAD_SECONDS`; shorter in tests.
    """

    def __init__(
        self,
        *,
        max_total: int,
        max_per_address: int,
        proxies: Sequence[str] = (),
        refused: Callable[[Reason], None] = lambda _: None,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
        self.max_total = min(max_total, descriptors() // 2)
        self.max_per_address = min(max_per_address, max(1, self.max_total // 2))
        self.head_seconds = head_seconds
        self.refused = refused
        self._proxies: list[Network] = [ipaddress.ip_network(each, strict=False) for each in proxies]
        self.open = 0
        self._by_address: dict[str, int] = {}

    def enter(self, host: str) -> Reason | None:
        """Counts a connection from this address; returns a reason, and does not count it, if a bound is reached."""
        address = counted_address(host)
        if self.open >= self.max_total:
            return "in_all"
        count = self._by_address.get(address, 0)
        if count >= self.max_per_address and not self._is_proxy(host):
            return "of_an_address"
        self.open += 1
        self._by_address[address] = count + 1
        return None

    def leave(self, host: str) -> None:
        """Counts a connection from this address as closed."""
        address = counted_address(host)
        self.open -= 1
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]

    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol class for `uvicorn.Config(http=…)`."""
        return cast(type[asyncio.Protocol], partial(BoundedProtocol, self))

    def _is_proxy(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


def descriptors() -> int:
    """The file descriptors that this process may have open at once: at most half of them are for connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_048_576 if soft == resource.RLIM_INFINITY else soft


class BoundedProtocol(HttpToolsProtocol):
    """One connection. It bounds the size and time of a request's head; the application bounds those of the body."""

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = connections
        self._host: str | None = None
        """The address under which the connection is counted; None if it is not."""
        self._in_head = True
        self._begun = False
        """Whether a part of the head has arrived."""
        self._unframed = 0
        """Bytes received since the last complete head or part of a body."""
        self._packet = 0
        """Bytes of the last `data_received`."""
        self._too_large = False
        self._fault = ""
        """What is wrong with a head that the parser takes."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        host = self.client[0] if self.client else "unknown"
        reason = self._bounds.enter(host)
        if reason is not None:
            self._refuse(reason, problems.OVERLOADED, "Too many connections are open; retry in a moment.")
            return
        self._host = host
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._host is not None:
            self._bounds.leave(self._host)
            self._host = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._packet = len(data)
        self._unframed += self._packet
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unframed > MAX_HEAD_BYTES:
            self._refuse_large()
        elif self._in_head and self._timer is None and (self._begun or not self._is_answering()):
            self._arm()

    def send_400_response(self, msg: str) -> None:
        if self._too_large:
            self._refuse_large()
        elif self._is_full():
            self._refuse("pipelined", problems.OVERLOADED, "Too many requests wait on this connection.")
        else:
            self._refuse("malformed", problems.MALFORMED_REQUEST, self._fault or "The request is not valid HTTP/1.1.")

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # Usually fewer bytes have arrived than a head may have: then its parts need not be added up.
        if self._unframed + self._packet > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            self._too_large = True
            raise HeadRefusedError
        self._fault = _fault(self.parser.get_http_version(), self.headers)
        if self._fault or self._is_full():
            raise HeadRefusedError
        self._in_head = self._begun = False
        self._unframed = 0
        if self._timer is not None:
            self._disarm()
        super().on_headers_complete()
        self.headers = []  # fields that follow the body are none of the request's (RFC 9110 §6.5.1): no key, no address

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._unframed = 0
        if self._timer is not None:
            self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and not self.transport.is_closing():
            self._arm()  # for the rest of an unread body

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _is_full(self) -> bool:
        return len(self.pipeline) >= MAX_PIPELINED

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def _arm(self) -> None:
        self._disarm()
        self._timer = self.loop.call_later(self._bounds.head_seconds, self._expire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._is_answering():  # a pipelined request's head may wait for the response in progress
            self._arm()
        elif self._begun:
            seconds = self._bounds.head_seconds
            detail = f"The header fields must arrive within {seconds:g} seconds."
            self._refuse("head_seconds", problems.REQUEST_TIMEOUT, detail)
        else:
            self.transport.close()

    def _refuse_large(self) -> None:
        detail = f"The request line and the header fields may have at most {MAX_HEAD_BYTES} bytes."
        self._refuse("head_bytes", problems.HEAD_TOO_LARGE, detail)

    def _refuse(self, reason: Reason, kind: Kind, detail: str) -> None:
        """Sends a problem, unless a response is in progress, and closes the connection."""
        self._bounds.refused(reason)
        if not self._is_answering():
            self.transport.write(_problem(kind, detail))
        self.transport.close()


def _fault(version: str, headers: list[tuple[bytes, bytes]]) -> str:
    """What RFC 9112 has a server refuse and the parser takes: a proxy may take it for something else; "" if nothing."""
    if version not in ("1.1", "1.0"):
        return "The version of HTTP is not 1.1 or 1.0."
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                return "The Host header is not the name of a host."
        elif name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked"):
            return "The only transfer coding is chunked, in HTTP/1.1."
    return "" if hosts == 1 or (version == "1.0" and not hosts) else "A request has one Host header."


def _problem(kind: Kind, detail: str) -> bytes:
    """A complete HTTP response, for a request without a parsed path and request id."""
    body = json.dumps(
        {
            "type": kind.type,
            "title": kind.title,
            "status": kind.status,
            "detail": detail,
            "instance": "about:blank",
            "request_id": "none",
        }
    ).encode()
    fields = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "connection": "close",
    }
    if kind is problems.OVERLOADED:
        fields["retry-after"] = str(RETRY_AFTER)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return STATUS_LINE[kind.status] + head.encode("ascii") + b"\r\n" + body
