"""Clients that hold connections instead of asking: a server with one worker goes on answering others."""

import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.patience import HUNG_SECONDS, eventually
from tests.served import Served, served

pytestmark = pytest.mark.timing

EVIL, HONEST = "127.0.0.2", "127.0.0.1"
DRIPPING = 200


def drip(server: Served, path: str, length: str = "Content-Length: 1000") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), HUNG_SECONDS, (EVIL, 0))
    kind = "application/json" if path == "/v1/lookups" else "image/png"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{length}\r\n\r\n"
    connection.sendall(head.encode() + b"1")
    return connection


def counted(server: Served, reason: str) -> int:
    found = re.search(rf'connections_refused_total{{reason="{reason}"}} (\d+)', server.metrics(HONEST))
    return int(found[1]) if found else 0


@pytest.mark.parametrize("path", ["/v1/verifications", "/v1/lookups", "/v1/verifications#chunked"])
def test_dripping_bodies_of_an_address_are_few_and_end_and_others_are_answered(tmp_path: Path, path: str) -> None:
    path, _, chunked = path.partition("#")
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
    with served(tmp_path, verification_rate="100000/minute") as server, ExitStack() as held:
        server.wait()
        for _ in range(DRIPPING):
            held.enter_context(drip(server, path, length))
        assert server.ask("/livez", HONEST) == 200
        assert server.ask("/readyz", HONEST) == 200
        eventually(lambda: counted(server, "bodies_of_an_address") + counted(server, "body_rate") == DRIPPING)
        assert counted(server, "bodies_of_an_address") > 0
        assert counted(server, "body_rate") >= 32
        assert server.ask("/livez", EVIL) == 200
        assert [each.name for each in server.folder.glob("spool/*/upload-*")] == []


def test_a_head_of_100_mebibytes_and_a_body_of_10_gigabytes_cost_the_server_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.wait()
        before = resident(server)
        for head in (b"GET /livez HTTP/1.1\r\nHost: x\r\nA: ", b"GET /", b"POST /v1/lookups HTTP/1.1\r\nHost: x\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), HUNG_SECONDS, (EVIL, 0)) as connection:
                sent = flood(connection, head, b"x" * 65_536, 100 * 1024 * 1024)
                assert sent < 16 * 1024 * 1024  # what the kernel's buffers take
                assert server.ask("/livez", HONEST) == 200
        with socket.create_connection(("127.0.0.1", server.port), HUNG_SECONDS, (EVIL, 0)) as connection:
            head = b"POST /v1/lookups HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            assert flood(connection, head, b"10000\r\n" + b"x" * 65_536 + b"\r\n", 10**10) < 64 * 1024 * 1024
        assert server.ask("/livez", EVIL) == 200
        assert resident(server) - before <= 64 * 1024 * 1024


def flood(connection: socket.socket, head: bytes, part: bytes, most: int) -> int:
    """How many bytes were taken before the connection was closed."""
    connection.sendall(head)
    sent = 0
    with suppress(OSError):
        while sent < most:
            connection.sendall(part)
            sent += len(part)
    return sent


def resident(server: Served) -> int:
    """Bytes of the server's memory."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096
