"""The port of a server that is a process of its own: nobody comes between its choice and its use."""

import socket
import struct
import sys

import pytest

from demo.port import kept_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets two bind a port that one listens on")

IP_LOCAL_PORT_RANGE = 51
"""The ports that a socket is given one of: the lowest in the lower 16 bits, the highest above (ip(7), Linux 6.3)."""


def test_a_kept_port_is_listened_on_again_and_again() -> None:
    with kept_port() as port:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
                server.accept()[0].close()


@pytest.mark.parametrize("reuses", [0, 1])
def test_a_request_for_any_free_port_is_not_given_a_reserved_one(reuses: int) -> None:
    def ask(port: int) -> int:
        """The only port there is, given to somebody else."""
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuses)
            try:
                other.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("I", port << 16 | port))
            except OSError:
                pytest.skip("this Linux is older than 6.3")
            other.bind(("127.0.0.1", 0))
            return int(other.getsockname()[1])

    with kept_port() as port, pytest.raises(OSError, match="in use"):
        ask(port)
    assert ask(port) == port, "once it is let go of"
