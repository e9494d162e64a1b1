"""`python -m api serve` as a process: what a flood leaves of it, and what it leaves behind."""

import re
import signal
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.patience import HUNG_SECONDS
from tests.served import served

pytestmark = pytest.mark.timing


def test_half_open_connections_do_not_keep_others_out_and_sigterm_closes_everything(tmp_path: Path) -> None:
    with served(tmp_path, descriptors=256) as server, ExitStack() as held:
        server.wait()
        for _ in range(300):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", server.port), HUNG_SECONDS))
            with suppress(ConnectionError):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        assert server.ask("/readyz", "127.0.0.2") == 200
        refused = re.search(r'connections_refused_total{reason="of_an_address"} (\d+)', server.metrics("127.0.0.2"))
        assert refused is not None
        assert int(refused[1]) >= 300 - 64  # a quarter of the descriptors
        assert len(server.left()) == 2
        assert server.ended_by(signal.SIGTERM) == 0, server.log.read_text()[-2000:]
        assert server.left() == []


def test_sigterm_closes_everything_while_it_starts(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.until(server.left)
        assert server.ended_by(signal.SIGTERM) == 0, server.log.read_text()[-2000:]
        assert server.left() == []


def test_what_a_killed_server_leaves_is_swept_by_the_next_one(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.wait()
        server.ended_by(signal.SIGKILL)
        left = server.left()
        assert len(left) == 2
    with served(tmp_path) as server:
        server.wait()
        assert set(server.left()) & set(left) == {"lock"}  # taken over
        assert server.ended_by(signal.SIGTERM) == 0
        assert server.left() == []
