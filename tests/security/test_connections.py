"""Clients that hold connections instead of asking: a server with one worker goes on answering others."""

import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from provenance.limits import MAX_MEDIA_BYTES
from tests.patience import HUNG_SECONDS, eventually
from tests.served import Served, served

pytestmark = pytest.mark.timing

EVIL, HONEST = "127.0.0.2", "127.0.0.1"
DRIPPING = 200
HALF_OPEN = 1100


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


def test_eleven_hundred_heads_that_never_end_keep_nobody_else_from_an_answer(tmp_path: Path) -> None:
    with served(tmp_path) as server, many_descriptors(), ExitStack() as held:
        server.wait()
        for number in range(HALF_OPEN):
            connection = held.enter_context(
                socket.create_connection(("127.0.0.1", server.port), HUNG_SECONDS, (EVIL, 0))
            )
            with suppress(OSError):  # closed already: it was one too many
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Half: ")
            if number % 100 == 0:
                assert server.ask("/livez", HONEST) == 200
        assert server.ask("/livez", HONEST) == 200
        assert server.ask("/readyz", HONEST) == 200
        eventually(lambda: counted(server, "of_an_address") + counted(server, "head_seconds") == HALF_OPEN)
        assert counted(server, "of_an_address") >= HALF_OPEN / 2
        assert server.ask("/livez", EVIL) == 200


@contextmanager
def many_descriptors() -> Iterator[None]:
    """As many for this process as it needs to hold all those connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * HALF_OPEN:
        pytest.skip(f"this machine lets a process have {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * HALF_OPEN), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("length", "sent", "status"),
    [
        (b"1000", 10, None),  # and then it closes
        (b"5", 1_000, None),  # the rest is no request
        (b"99999999999", 10, 413),
        (b"99999999999999999999", 10, 400),
        (b"-1", 10, 400),
        (b"0x10", 16, 400),
        (b"10, 10", 10, 400),
    ],
)
def test_a_length_that_lies_is_refused_or_ends_with_its_connection(
    lied_to: Served, length: bytes, sent: int, status: int | None
) -> None:
    with socket.create_connection(("127.0.0.1", lied_to.port), HUNG_SECONDS, (EVIL, 0)) as connection:
        head = b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: "
        connection.sendall(head + length + b"\r\n\r\n" + b"x" * sent)
        if status is None:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
                if status is not None:
                    break
        if status is not None:
            assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert lied_to.ask("/livez", HONEST) == 200
    eventually(lambda: list(lied_to.folder.glob("spool/*/upload-*")) == [])


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("lied-to")) as server:
        server.wait()
        yield server


def test_an_upload_of_10_gigabytes_is_refused_at_its_bound_and_leaves_no_file(lied_to: Served) -> None:
    with socket.create_connection(("127.0.0.1", lied_to.port), HUNG_SECONDS, (EVIL, 0)) as connection:
        head = b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        taken = flood(connection, head, b"10000\r\n" + b"x" * 65_536 + b"\r\n", 10**10)
        assert taken < MAX_MEDIA_BYTES + 64 * 1024 * 1024  # and what the kernel's buffers and the sidecar's place take
        assert lied_to.ask("/livez", HONEST) == 200
    eventually(lambda: list(lied_to.folder.glob("spool/*/upload-*")) == [])
    assert list(lied_to.temporary.iterdir()) == []


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
