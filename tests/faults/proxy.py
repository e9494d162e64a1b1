"""A TCP proxy before a PostgreSQL server, which can lose the answer to a COMMIT: the client cannot tell what became."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """Listens on a port of the loopback while the block runs."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lost = 0
        self._commits_to_go = 0
        self._gate = threading.Lock()

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def lose_answer_to_commit(self, number: int) -> None:
        """Lose the answer to the next COMMIT (1), the one after it (2) …, with the connection that it came on."""
        with self._gate:
            self._commits_to_go = number

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                pair = _Pair(client, server)
                threading.Thread(target=self._forward, args=(pair,), daemon=True).start()
                threading.Thread(target=pair.answer, daemon=True).start()

    def _forward(self, pair: "_Pair") -> None:
        with suppress(OSError):
            while data := pair.client.recv(65_536):
                if b"COMMIT" in data and self._is_due():
                    pair.deaf = True
                pair.server.sendall(data)
        pair.close()

    def _is_due(self) -> bool:
        with self._gate:
            due = self._commits_to_go == 1
            self._commits_to_go = max(0, self._commits_to_go - 1)
            self.lost += due
        return due


class _Pair:
    """The two sides of one connection."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.deaf = False

    def answer(self) -> None:
        """Pass on what the server says, until an answer is to be lost; it comes, and with it the connection ends."""
        with suppress(OSError):
            while data := self.server.recv(65_536):
                if self.deaf:
                    break
                self.client.sendall(data)
        self.close()

    def close(self) -> None:
        for side in (self.client, self.server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()
