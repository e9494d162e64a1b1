"""A free loopback port for a server in a child process."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A free port, reserved while the context is open.

    It stays bound here, without listening. On Linux a server with SO_REUSEADDR, which all set, can bind it too
    (socket(7)), and no other process gets it as a free port. On other systems it is released at once.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port = int(keeper.getsockname()[1])
        if sys.platform != "linux":
            keeper.close()
        yield port
