"""A port of the loopback interface for a server that is a process of its own."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A free port that nobody else is given before, between and after the servers that listen on it.

    It stays bound here, without listening. Linux lets a server bind it as well, which sets SO_REUSEADDR as all do
    (socket(7)), and gives it to nobody who asks for any free port. Elsewhere it is let go of at once.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = int(keeper.getsockname()[1])
        if sys.platform != "linux":
            keeper.close()
        yield port
