"""What only a real connection shows: bodies without end, lies about lengths, clients that go away."""

import json
import socket
from typing import Any

import pytest

from tests.patience import HUNG_SECONDS, eventually

LIMIT = 1_000_000  # of the service in conftest.py


def _open(live: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", live.port), timeout=HUNG_SECONDS)


def _answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65_536)
    return int(lines[0].split()[1]), headers, body


def test_an_endless_chunked_body_is_refused_soon_after_its_limit(live: Any) -> None:
    with _open(live) as connection:
        connection.sendall(b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        while sent < 50 * LIMIT:
            try:
                connection.sendall(b"10000\r\n" + bytes(65_536) + b"\r\n")
            except OSError:
                break
            sent += 65_536
        assert sent < 10 * LIMIT  # what the kernel's buffers took on top
        try:
            status, headers, body = _answer(connection)
        except OSError:
            return  # the answer was lost with the connection that it closed
        assert status == 413
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["type"] == "urn:countermark:problem:payload-too-large"


def test_a_stated_length_over_the_limit_is_refused_at_once(live: Any) -> None:
    with _open(live) as connection:
        connection.sendall(b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n")
        status, headers, _ = _answer(connection)
    assert status == 413
    assert headers["connection"] == "close"


@pytest.mark.timing
@pytest.mark.parametrize("path", ["/v1/verifications", "/v1/lookups"])
def test_a_body_that_stops_arriving_is_timed_out(live: Any, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(live.spool.bodies, "seconds", 1.0)
    with _open(live) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n".encode())
        connection.sendall(b"Content-Type: application/json\r\n\r\n" + b'{"a')
        status, _, body = _answer(connection)
    assert status == 408
    assert json.loads(body)["type"] == "urn:countermark:problem:request-timeout"


@pytest.mark.timing
def test_clients_that_go_away_are_survived_and_leave_no_file(live: Any) -> None:
    for _ in range(20):
        with _open(live) as connection:
            connection.sendall(b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
    eventually(lambda: not list(live.spool.folder.iterdir()))
    with _open(live) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _answer(connection)[0] == 200


def test_head_has_the_length_of_the_body_that_get_would_send_and_no_body(live: Any) -> None:
    with _open(live) as connection:
        connection.sendall(b"HEAD /log/checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data = b""
        while chunk := connection.recv(65_536):
            data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\ncontent-length: " in head.lower()
    assert body == b""
