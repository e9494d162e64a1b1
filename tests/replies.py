"""A server on loopback whose replies a test writes: what a service says, and all that can go wrong on the way."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any

from tests.patience import HUNG_SECONDS, POLL_SECONDS

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def listening(take: Answer) -> Iterator[str]:
    """A server that hands each request to `take`, on a free port, until the block ends; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = HUNG_SECONDS

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):  # a client that has left: what some tests are about
                self.close_connection = True

        do_GET = do_POST = do_PUT = take  # noqa: N815  # as http.server calls them

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def says(value: object = None, status: int = 200, media_type: str = "application/json", **headers: str) -> Answer:
    """Bytes as they are, anything else as JSON. Header names are written with underscores."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", media_type)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("X-Request-Id", "req_1")
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def refuses(slug: str, status: int, detail: str = "as it is", **headers: str) -> Answer:
    """A problem document."""
    return says(problem(slug, status, detail), status, "application/problem+json", **headers)


def problem(slug: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:countermark:problem:{slug}",
        "title": "A problem",
        "status": status,
        "detail": detail,
        "instance": "/v1",
        "request_id": "req_1",
    }


def breaks(handler: BaseHTTPRequestHandler) -> None:
    """The connection ends with nothing said."""
    handler.close_connection = True


def stops_half_way(handler: BaseHTTPRequestHandler) -> None:
    """Ten bytes of a hundred."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"0123456789")
    handler.close_connection = True


def babbles(handler: BaseHTTPRequestHandler) -> None:
    """What is no HTTP."""
    handler.wfile.write(b"220 smtp.example ESMTP\r\n")
    handler.close_connection = True


def waits_for(event: threading.Event) -> Answer:
    """An answer that comes when the test says so."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        event.wait(HUNG_SECONDS)
        says({"status": "ok"})(handler)

    return answer


def never_ends(status: int = 200, chunk: bytes = b" " * 65_536) -> Answer:
    """An answer that goes on until the client leaves."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("X-Request-Id", "req_1")
        handler.end_headers()
        handler.close_connection = True
        while True:
            handler.wfile.write(chunk)

    return answer


def drips(head: bytes, drop: bytes) -> Answer:
    """Something that comes a byte at a time, each before the client would give up waiting for it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        handler.close_connection = True
        while True:
            handler.wfile.write(drop)
            sleep(POLL_SECONDS)

    return answer


class WithoutReading:
    """An answer that is given, and the connection closed, before the body has been read."""

    unread = True

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(1000)
        self._answer(handler)
        handler.close_connection = True
