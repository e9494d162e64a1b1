"""A log as its files: real records, statements, tiles and receipts, made with the core alone; and a server of it."""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from provenance.receipts.receipt import LoggedRecord, Receipt
from provenance.statement.handover import prove_possession
from provenance.statement.identity import Identity
from provenance.statement.keys import LocalSigner
from provenance.statement.record import LogGenesis, PublisherKey, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenance.transparency.merkle import inclusion_proof, leaf_hash
from provenance.transparency.note import ED25519, VerifierKey
from provenance.transparency.tiles import Edge, TileReader
from provenance.transparency.tlog_proof import TlogProof
from registry.storage.blobs import Blobs
from tests.patience import HUNG_SECONDS
from tests.unit.client.story import Answer, says
from tests.unit.registry.newsroom import ORIGIN, START, digest, picture, signer

OPERATOR, PUBLISHER, LOG = signer("operator"), signer("daily key"), signer("log")
KEY = VerifierKey(ORIGIN, ED25519, LOG.public_key.raw)


@dataclass(frozen=True)
class PublishedLog:
    """Entries, and the records that the first few of them state; `size` of them are published."""

    entries: tuple[bytes, ...]
    records: tuple[bytes, ...]
    signer: LocalSigner = LOG
    origin: str = ORIGIN

    @property
    def size(self) -> int:
        return len(self.entries)

    def at(self, size: int) -> "PublishedLog":
        """The log as it was when it had so many entries."""
        return replace(self, entries=self.entries[:size])

    def with_entry(self, index: int, entry: bytes) -> "PublishedLog":
        """Another history."""
        return replace(self, entries=(*self.entries[:index], entry, *self.entries[index + 1 :]))

    @cached_property
    def _edge(self) -> tuple[Edge, dict[str, bytes]]:
        edge = Edge()
        files = {str(path): data for path, data in edge.extend(self.entries)}
        return edge, files | {str(path): data for path, data in edge.partial()}

    @cached_property
    def files(self) -> dict[str, bytes]:
        """By their C2SP paths. Partial tiles that full ones have replaced are gone."""
        return {"checkpoint": self.checkpoint} | self._edge[1]

    @cached_property
    def checkpoint(self) -> bytes:
        return self.signed(self._edge[0].root())

    def signed(self, root: bytes, size: int | None = None) -> bytes:
        """A checkpoint with this root that the log has signed."""
        checkpoint = Checkpoint(self.origin, self.size if size is None else size, root)
        return sign_checkpoint(checkpoint, self.signer.sign, self.signer.public_key.raw)

    def proof(self, index: int) -> TlogProof:
        reader = TileReader(self._edge[1].get, self.size)
        return TlogProof(index, tuple(inclusion_proof(index, self.size, reader)), self.checkpoint)

    def receipt(self, index: int) -> Receipt:
        """Of one of the records: genesis is 0, the publisher's key 1."""
        genesis, key, subject = (
            LoggedRecord(self.records[each], self.entries[each], self.proof(each)) for each in (0, 1, index)
        )
        return Receipt(subject, (key,), genesis, (), str(VerifierKey(ORIGIN, ED25519, self.signer.public_key.raw)))


def real_log(size: int, folder: Path) -> PublishedLog:
    """A genesis record, a publisher's key, three pictures, and statements by that key about other records."""
    genesis = LogGenesis(
        salt=digest("genesis salt"),
        claimed_at=START,
        origin=ORIGIN,
        operator="The Newsroom",
        log_keys=(str(KEY),),
        operator_keys=(OPERATOR.public_key,),
    )
    key = PublisherKey(
        salt=digest("key salt"),
        claimed_at=START,
        publisher="daily",
        name="The Daily",
        identity=Identity("operator-attested", "seen by the registry desk"),
        action="enrol",
        key=PUBLISHER.public_key,
        possession=prove_possession(PUBLISHER, ORIGIN, "daily"),
        reason=None,
    )
    blobs = Blobs.open(folder)
    pictures = [picture(name, blobs) for name in ("bridge", "river", "mill")]
    records = [to_canonical(record) for record in (genesis, key, *pictures)]
    statements = [
        *(sign_statement(record, OPERATOR) for record in records[:2]),
        *(sign_statement(record, PUBLISHER) for record in records[2:]),
        *(sign_statement(f'{{"n":{number}}}'.encode(), PUBLISHER) for number in range(len(records), size)),
    ]
    return PublishedLog(tuple(statements), tuple(records))


@dataclass
class Server:
    """Answers by path, "not found" to everything else; `asked` are the paths, in order."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, log: PublishedLog) -> None:
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
            path = f"/v1/records/{hashlib.sha256(record).hexdigest()}"
            self.answers[path] = says(record, media_type="application/vnd.countermark.record+json")

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = HUNG_SECONDS

        def do_GET(self) -> None:  # as http.server calls it
            path = self.path.partition("?")[0]
            server.asked.append(self.path)
            server.answers.get(path, says(b"no such file", 404, "text/plain"))(self)

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, TimeoutError):  # a client that has left
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        server = Server(f"http://127.0.0.1:{http.server_address[1]}")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def swapped(items: Sequence[bytes], one: int, other: int) -> tuple[bytes, ...]:
    """The same items, two of which have changed places."""
    changed = list(items)
    changed[one], changed[other] = changed[other], changed[one]
    return tuple(changed)


__all__ = [
    "KEY",
    "LOG",
    "OPERATOR",
    "PUBLISHER",
    "PublishedLog",
    "Server",
    "leaf_hash",
    "real_log",
    "serving",
    "swapped",
]
