"""How many connections there may be, and how long a head may take: with real sockets, and limits of the tests' own."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from starlette.types import Receive, Scope, Send

from api.http import connections as module
from api.http.connections import MAX_HEAD_BYTES, MAX_PIPELINED, Connections, Reason
from tests.loopback import serving
from tests.patience import EXPIRING_SECONDS, HUNG_SECONDS, POLL_SECONDS, eventually

pytestmark = pytest.mark.timing


SHORT = 2 * EXPIRING_SECONDS
"""Seconds that a head may take where none is whole in time."""

LONG = 1000.0
"""Seconds, until a test has sent what is to be in time: however slow the machine is."""

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


released = threading.Event()
"""What the answers at /slow wait for."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body; at /early without having read it, at /slow when it is released.

    At /fields it answers with the names of the header fields.
    """
    length = 0
    while scope["path"] == "/slow" and not released.is_set():
        await asyncio.sleep(POLL_SECONDS)
    more = scope["path"] != "/early"
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    if scope["path"] == "/fields":
        body = b" ".join(name for name, _ in scope["headers"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    """The server, what it counted, and connections to it."""

    port: int
    bounds: Connections
    refused: list[Reason]
    closing: ExitStack = field(default_factory=ExitStack)

    def connect(self, address: str = "127.0.0.1", sent: bytes = b"") -> socket.socket:
        """A connection from this address (all of 127.0.0.0/8 is this machine's), on which something was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), HUNG_SECONDS, (address, 0))
        self.closing.enter_context(connection)
        connection.sendall(sent)
        return connection

    def reconnect(self) -> socket.socket:
        """A connection that has served a request; from now on heads may take only `SHORT`."""
        connection = self.connect(sent=GET + b"\r\n")
        assert status_of(read_answer(connection)) == 200
        self.bounds.head_seconds = SHORT
        return connection

    def ask(self, address: str = "127.0.0.1") -> int:
        return status_of(read_answer(self.connect(address, GET + b"Connection: close\r\n\r\n")))


@contextmanager
def running(
    max_total: int = 100, max_per_address: int = 100, proxies: tuple[str, ...] = (), head_seconds: float = LONG
) -> Iterator[Running]:
    refused: list[Reason] = []
    bounds = Connections(
        max_total=max_total,
        max_per_address=max_per_address,
        proxies=proxies,
        refused=refused.append,
        head_seconds=head_seconds,
    )
    with serving(application, http=bounds.protocol(), lifespan="off") as url:
        server = Running(int(url.rpartition(":")[2]), bounds, refused)
        with server.closing:
            yield server


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    data = b""
    try:
        while part := connection.recv(65_536):
            data += part
    except ConnectionError:  # closed while something of ours was not read yet
        pass
    return data


def read_answer(connection: socket.socket) -> bytes:
    """One answer, and nothing of the next; what there was of it where the connection has ended."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (octet := connection.recv(1)):
            return head
        head += octet
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    return head + (connection.recv(length, socket.MSG_WAITALL) if length else b"")


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert problem["status"] == status_of(answer)
    return problem["status"], problem["type"].rpartition(":")[2]


# How many ----------------------------------------------------------------------------------------


def test_one_address_cannot_take_every_place_with_requests_that_it_never_ends() -> None:
    with running(max_total=20, max_per_address=5) as server:
        for _ in range(5):
            server.connect("127.0.0.1", GET)
        for _ in range(3):
            answer = read_all(server.connect("127.0.0.1"))
            assert problem_of(answer) == (503, "overloaded")
            assert b"\r\nretry-after: 2\r\n" in answer
        assert server.ask("127.0.0.2") == 200
        assert server.refused == ["of_an_address"] * 3


def test_more_connections_than_there_are_places_are_answered_503_and_places_come_back() -> None:
    with running(max_total=6, max_per_address=3) as server:
        held = [server.connect(f"127.0.0.{number}", GET) for number in (1, 1, 1, 2, 2, 2)]
        eventually(lambda: server.bounds.open == 6)
        assert problem_of(read_all(server.connect("127.0.0.3"))) == (503, "overloaded")
        assert server.refused == ["in_all"]
        for connection in held[:3]:
            connection.close()
        eventually(lambda: server.bounds.open == 3)
        assert server.ask("127.0.0.3") == 200
        assert server.ask("127.0.0.1") == 200


def test_a_trusted_proxy_brings_as_many_as_there_are_places() -> None:
    with running(max_total=8, max_per_address=2, proxies=("127.0.0.8/30",)) as server:
        for _ in range(7):
            server.connect("127.0.0.9", GET)
        assert server.ask("127.0.0.9") == 200
        assert server.refused == []


def test_half_of_the_descriptors_are_for_connections_and_half_of_these_for_one_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "descriptors", lambda: 1024)
    bounds = Connections(max_total=2048, max_per_address=2048)
    assert (bounds.max_total, bounds.max_per_address) == (512, 256)
    bounds = Connections(max_total=100, max_per_address=20)
    assert (bounds.max_total, bounds.max_per_address) == (100, 20)


def test_an_ipv6_subscriber_is_one_address() -> None:
    bounds = Connections(max_total=100, max_per_address=2)
    assert [bounds.enter(f"2001:db8::{number}") for number in range(3)] == [None, None, "of_an_address"]
    bounds.leave("2001:db8::7")
    assert bounds.enter("2001:db8::3") is None


# How long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [GET, b"G", GET + b"X-Part: of a val"])
def test_a_head_that_is_not_whole_in_time_ends_the_connection(sent: bytes) -> None:
    with running() as server:
        connection = server.reconnect()
        connection.sendall(sent)
        assert problem_of(read_all(connection)) == (408, "request-timeout")
        assert server.refused == ["head_seconds"]
        eventually(lambda: server.bounds.open == 0)


def test_a_connection_that_asks_nothing_is_closed_without_a_word() -> None:
    with running(head_seconds=SHORT) as server:
        assert read_all(server.connect()) == b""
        assert server.refused == []
        eventually(lambda: server.bounds.open == 0)


@pytest.mark.parametrize("drop", [b"X-Drop: x\r\n", b"\r\n"])
@pytest.mark.parametrize("again", [True, False])
def test_dripping_does_not_gain_time(drop: bytes, again: bool) -> None:
    with running(head_seconds=LONG if again else SHORT) as server:
        connection = server.reconnect() if again else server.connect()
        with pytest.raises(OSError, match=r"."):  # noqa: PT012 (at some drop the server has closed)
            connection.sendall(b"" if drop == b"\r\n" else GET)
            while True:
                connection.sendall(drop)
                time.sleep(SHORT / 10)


def test_an_answer_may_take_longer_than_a_head() -> None:
    released.clear()
    with running() as server:
        connection = server.reconnect()
        connection.sendall(GET.replace(b"/", b"/slow", 1) + b"\r\n" + GET)  # the head of the second is not whole
        time.sleep(3 * SHORT)
        released.set()
        assert status_of(read_answer(connection)) == 200
        assert problem_of(read_all(connection)) == (408, "request-timeout")


def test_a_body_may_take_longer_than_a_head() -> None:
    with running() as server:
        connection = server.reconnect()
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            time.sleep(SHORT / 2)
            connection.sendall(b"x")
        assert read_answer(connection).endswith(b"\r\n\r\n10")


def test_the_rest_of_a_body_that_was_answered_early_is_not_waited_for_longer_than_for_a_head() -> None:
    with running() as server:
        connection = server.reconnect()
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx")
        with pytest.raises(OSError, match=r"."):  # noqa: PT012 (at some drop the server has closed)
            assert status_of(read_answer(connection)) == 200
            while True:
                time.sleep(SHORT)
                connection.sendall(b"x")


def test_a_connection_serves_one_request_after_another() -> None:
    with running() as server:
        connection = server.connect()
        for _ in range(5):
            connection.sendall(GET)
            connection.sendall(b"\r\n")
            assert status_of(read_answer(connection)) == 200
        assert server.bounds.open == 1


# How large ---------------------------------------------------------------------------------------


def test_a_head_is_taken_up_to_its_bound() -> None:
    with running() as server:
        value = b"x" * (MAX_HEAD_BYTES - 200)
        assert status_of(read_answer(server.connect(sent=GET + b"X-Large: " + value + b"\r\n\r\n"))) == 200
        assert server.refused == []


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX-Large: " + b"x" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n",
        b"GET /" + b"x" * (MAX_HEAD_BYTES + 1) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-Many: x\r\n" * (MAX_HEAD_BYTES // 6) + b"\r\n",
    ],
    ids=["a value", "an address", "many fields"],
)
@pytest.mark.parametrize("size", [1_000_000, 1_000])
def test_a_head_beyond_its_bound_is_refused_whole_or_in_parts(head: bytes, size: int) -> None:
    with running() as server:
        connection = server.connect()
        try:
            for start in range(0, len(head), size):
                connection.sendall(head[start : start + size])
        except ConnectionError:
            pass
        answer = read_all(connection)
        assert not answer or problem_of(answer) == (431, "head-too-large")
        eventually(lambda: server.refused == ["head_bytes"])
        assert server.ask() == 200


@pytest.mark.parametrize("ending", [b"X-Trailer: x\r\n", b"1;extension=" + b"x" * 1000])
def test_what_frames_a_body_is_bounded_as_well(ending: bytes) -> None:
    with running() as server:
        connection = server.connect(sent=b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        with pytest.raises(OSError, match=r"."):  # noqa: PT012 (at some part the server has closed)
            connection.sendall(b"0\r\n" if ending.startswith(b"X") else b"1;")
            while True:
                connection.sendall(ending)
        eventually(lambda: server.refused == ["head_bytes"])


def test_a_body_of_many_small_chunks_is_taken() -> None:
    with running() as server:
        connection = server.connect(sent=b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        assert read_answer(connection).endswith(b"\r\n\r\n50000")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x/\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        # The parser's own refusals, so that another parser is noticed.
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT y:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_head_that_another_server_may_read_otherwise_is_refused(head: bytes) -> None:
    with running() as server:
        assert problem_of(read_all(server.connect(sent=head))) == (400, "malformed-request")
        assert server.refused == ["malformed"]
        assert server.ask() == 200


@pytest.mark.parametrize("whole", [True, False])
def test_what_follows_a_body_is_no_header_field(whole: bool) -> None:
    head = b"POST /fields HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailers = b"0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    with running() as server:
        connection = server.connect(sent=head + trailers if whole else head)
        if not whole:
            connection.sendall(trailers)
        for _ in range(2):
            assert read_answer(connection).partition(b"\r\n\r\n")[2] == b"host transfer-encoding"
            connection.sendall(head + trailers)  # and the next request on this connection has fields of its own


def test_a_few_requests_wait_on_a_connection_and_many_end_it() -> None:
    asked = GET + b"\r\n"
    with running() as server:
        few = server.connect(sent=asked * MAX_PIPELINED)
        assert [status_of(read_answer(few)) for _ in range(MAX_PIPELINED)] == [200] * MAX_PIPELINED
        many = server.connect(sent=asked * 1_000)
        eventually(lambda: server.refused == ["pipelined"])
        read_all(many)  # to its end
        assert server.ask() == 200
