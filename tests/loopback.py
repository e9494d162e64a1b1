"""Servers on a loopback port for the time of a test: a real witness, and one that answers what it was told to."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from provenance.transparency.note import VerifierKey
from registry.attestation.witness import Witness
from registry.times import utc_now
from tests.patience import POLL_SECONDS
from tests.replies import listening, says

PASSPHRASE = b"a passphrase for tests"


@contextmanager
def serving(app: ASGIApp, **options: Any) -> Iterator[str]:
    """The application under uvicorn, with these options of its `Config`; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none", **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(POLL_SECONDS)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class RunningWitness:
    """A witness, its key and its address."""

    witness: Witness
    url: str

    def line(self, name: str) -> str:
        """Its line in a policy file."""
        return f"witness {name} {self.witness.key} {self.url}"

    def second_line(self, name: str) -> str:
        """The line of its ML-DSA-44 key."""
        return f"witness {name} {self.witness.keys[1]} {self.url}"


@contextmanager
def plainly(witness: Witness) -> Iterator[str]:
    """The witness's decisions over HTTP, and nothing of its application."""

    def take(handler: BaseHTTPRequestHandler) -> None:
        decision = witness.add_checkpoint(handler.rfile.read(int(handler.headers["Content-Length"])))
        says(decision.body(), decision.status, decision.media_type)(handler)

    with listening(take) as url:
        yield url


@contextmanager
def running_witness(
    folder: Path, name: str, *logs: VerifierKey, serve: Callable[[Witness], AbstractContextManager[str]] = plainly
) -> Iterator[RunningWitness]:
    """Our witness for these logs, over HTTP."""
    known = {key.name: (key,) for key in logs}
    with closing(Witness.open(folder, name, PASSPHRASE, known, utc_now)) as witness, serve(witness) as url:
        yield RunningWitness(witness, url)


@dataclass
class Scripted:
    """A server that answers each request with the next of its answers, the last again and again.

    An answer is all bytes of an HTTP response, or a function that is given the connection. `requests` are the bodies
    that came, with the time they came at.
    """

    url: str
    requests: list[tuple[float, bytes]] = field(default_factory=list)


Reply = bytes | Callable[[socket.socket], None]


def response(status: int, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def received(connection: socket.socket) -> bytes:
    """What comes next; a connection that ends before its request is whole is no request.

    Raises:
        ConnectionError: it ended.
    """
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("ended before its request was whole")
    return data


@contextmanager
def scripted(*replies: Reply) -> Iterator[Scripted]:
    """A server of raw answers; connections that it keeps open end with it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Scripted(f"http://127.0.0.1:{listener.getsockname()[1]}")
    kept: list[socket.socket] = []

    def handle(connection: socket.socket) -> None:
        try:
            data = b""
            while b"\r\n\r\n" not in data:
                data += received(connection)
            head, _, body = data.partition(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
            length = int(fields.get(b"content-length", b"0"))
            while len(body) < length:
                body += received(connection)
            server.requests.append((time.monotonic(), body))
            reply = replies[min(len(server.requests), len(replies)) - 1]
            if callable(reply):
                reply(connection)
            else:
                connection.sendall(reply)
                connection.close()
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            kept.append(connection)
            handle(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in kept:
            connection.close()
        thread.join()
