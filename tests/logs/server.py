"""A server of a log's files and records: truthful, until a test changes what it serves."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.logs.log import Log, record_path
from tests.replies import Answer, listening, says


@dataclass
class Server:
    """Answers by path, "not found" to everything else; `asked` are the paths, in order."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, log: Log) -> None:
        """Serve a log truthfully, in place of whatever was served."""
        self.answers.clear()
        self.asked.clear()
        for path, data in log.files.items():
            self.serve(path, data)

    def serve(self, path: str, data: bytes) -> None:
        """Serve a file of the log."""
        media_type = "text/plain; charset=utf-8" if path == "checkpoint" else "application/octet-stream"
        self.answers[f"/log/{path}"] = says(data, media_type=media_type)

    def show(self, records: Iterable[bytes]) -> None:
        """Serve records, as the service of a log does."""
        for record in records:
            self.answers[record_path(record)] = says(record, media_type="application/vnd.countermark.record+json")

    def drop(self, path: str) -> None:
        """Serve a file of the log no longer."""
        del self.answers[f"/log/{path}"]

    @property
    def log_url(self) -> str:
        return f"{self.url}/log"

    def asked_for(self, *parts: str) -> list[str]:
        """The requests since the last publication that name one of these."""
        return [path for path in self.asked if any(part in path for part in parts)]


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of loopback, until the block ends."""

    def take(handler: BaseHTTPRequestHandler) -> None:
        server.asked.append(handler.path)
        server.answers.get(handler.path.partition("?")[0], says(b"no such file", 404, "text/plain"))(handler)

    with listening(take) as url:
        server = Server(url)
        yield server
