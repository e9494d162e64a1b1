import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.testclient import TestClient
from starlette.types import Message

from api.http.bodies import Bodies
from api.http.upload import Spool
from provenance import limits
from provenance.errors import CountermarkError, MalformedRequest, PayloadTooLarge, RequestTimeout, StoreUnavailable
from tests.patience import EXPIRING_SECONDS

DATA = bytes(range(256)) * 200
MAX_FILE = 300_000  # of the spool in conftest.py
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def _part(name: str, data: bytes, extra: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + data + b"\r\n"


def _nothing_left(spool: Spool) -> bool:
    return list(spool.folder.iterdir()) == []


def test_a_raw_body_is_received_with_its_digest(client: TestClient, spool: Spool) -> None:
    answer = client.post("/file", content=DATA).json()
    assert answer == {"sha256": hashlib.sha256(DATA).hexdigest(), "size": len(DATA), "fields": {}}
    assert _nothing_left(spool)


def test_a_form_brings_a_file_and_its_metadata(client: TestClient, spool: Spool) -> None:
    answer = client.post("/file", files={"file": ("a.jpg", DATA)}, data={"metadata": '{"title":"Ä"}'}).json()
    assert answer["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert answer["fields"] == {"metadata": '{"title":"Ä"}'}
    assert _nothing_left(spool)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\x00b", "..%2f..", "CON", "x" * 3000, ""])
def test_the_name_of_a_file_is_never_looked_at(client: TestClient, spool: Spool, name: str) -> None:
    body = _part("file", DATA, f'; filename="{name}"') + b"--b--\r\n"
    answer = client.post("/file", content=body, headers=BOUNDARY)
    assert answer.json()["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert _nothing_left(spool)


def test_a_name_with_a_nul_is_harmless(client: TestClient, spool: Spool) -> None:
    body = _part("file", DATA, '; filename="a\0.jpg"') + b"--b--\r\n"
    assert client.post("/file", content=body, headers=BOUNDARY).status_code in (200, 400)
    assert _nothing_left(spool)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (_part("file", DATA), 400),  # no closing boundary
        (b"no form at all", 400),
        (b"", 400),
        (b"--b--\r\n", 422),
        (_part("metadata", b"{}") + b"--b--\r\n", 422),
        (_part("file", b"") + b"--b--\r\n", 422),
        (_part("file", DATA) + _part("file", DATA) + b"--b--\r\n", 422),
        (_part("file", DATA) + _part("sidecar", DATA) + b"--b--\r\n", 422),
        (_part("file", DATA) + _part("metadata", b"\xff") + b"--b--\r\n", 400),
        (_part("metadata", b"x" * (limits.MAX_METADATA_BYTES + 1)) + b"--b--\r\n", 413),
        (_part("file", b"x" * (MAX_FILE + 1)) + b"--b--\r\n", 413),
        (b"--b\r\nA: " + b"x" * 100_000, 400),
    ],
)
def test_a_form_that_is_not_one_file_is_refused(client: TestClient, spool: Spool, body: bytes, status: int) -> None:
    answer = client.post("/file", content=body, headers=BOUNDARY)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert _nothing_left(spool)


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"multipart/form-data; boundary={'x' * 500}"])
def test_a_form_without_a_usable_boundary_is_refused(client: TestClient, content_type: str) -> None:
    assert client.post("/file", content=DATA, headers={"Content-Type": content_type}).status_code == 400


def test_an_empty_body_is_refused(client: TestClient) -> None:
    assert client.post("/file", content=b"").status_code == 422


def test_a_file_of_the_very_limit_is_taken_and_one_byte_more_is_not(client: TestClient) -> None:
    assert client.post("/file", content=b"x" * MAX_FILE).status_code == 200
    assert client.post("/file", content=b"x" * (MAX_FILE + 1)).status_code == 413


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    assert client.post("/file", content=DATA, headers={"Content-Encoding": "gzip"}).status_code == 415


class Sender:
    """A client that sends chunks one by one, so that a test sees how many were asked for."""

    def __init__(self, chunks: Iterator[bytes], *, then: Message | None = None) -> None:
        self.chunks = chunks
        self.sent = 0
        self.then = then

    async def receive(self) -> Message:
        await anyio.sleep(0)
        chunk = next(self.chunks, None)
        if chunk is None:
            if self.then is None:
                await anyio.sleep_forever()
            return self.then or {}
        self.sent += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    def request(self, headers: dict[str, str]) -> Request:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        return Request({"type": "http", "method": "POST", "path": "/file", "headers": raw}, self.receive)


END: Message = {"type": "http.request", "body": b"", "more_body": False}


def _receive(spool: Spool, sender: Sender, headers: dict[str, str]) -> None:
    async def receive() -> None:
        async with spool.receive(sender.request(headers)):
            pass

    anyio.run(receive)


def test_an_endless_body_is_cut_off_as_soon_as_it_is_over_the_limit(spool: Spool) -> None:
    sender = Sender(iter(lambda: b"x" * 1000, b""))
    with pytest.raises(PayloadTooLarge):
        _receive(spool, sender, {})
    assert sender.sent <= MAX_FILE + limits.MAX_BODY_OVERHEAD_BYTES
    assert _nothing_left(spool)


def test_an_endless_preamble_is_cut_off_as_well(spool: Spool) -> None:
    sender = Sender(iter(lambda: b"\r\n" * 500, b""))
    with pytest.raises(CountermarkError):
        _receive(spool, sender, {"content-type": "multipart/form-data; boundary=b"})
    assert sender.sent <= MAX_FILE + limits.MAX_BODY_OVERHEAD_BYTES + 1000


def test_a_stated_length_over_the_limit_is_refused_before_a_byte_is_read(spool: Spool) -> None:
    sender = Sender(iter([b"x"]))
    with pytest.raises(PayloadTooLarge):
        _receive(spool, sender, {"content-length": str(MAX_FILE + limits.MAX_BODY_OVERHEAD_BYTES + 1)})
    assert sender.sent == 0


@pytest.mark.parametrize("stated", ["5", "5000", "-1", "x", "9" * 5000])
def test_a_length_that_is_not_true_is_refused(spool: Spool, stated: str) -> None:
    with pytest.raises((MalformedRequest, PayloadTooLarge)):
        _receive(spool, Sender(iter([b"x" * 1000]), then=END), {"content-length": stated})
    assert _nothing_left(spool)


def test_a_client_that_goes_away_leaves_nothing_behind(spool: Spool) -> None:
    with pytest.raises(ClientDisconnect):
        _receive(spool, Sender(iter([b"x" * 1000] * 5), then={"type": "http.disconnect"}), {})
    assert _nothing_left(spool)


@pytest.mark.timing
def test_a_client_that_stops_sending_is_timed_out_and_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_file_bytes=MAX_FILE, bodies=Bodies(seconds=EXPIRING_SECONDS))
    with pytest.raises(RequestTimeout):
        _receive(spool, Sender(iter([b"x" * 1000])), {})
    assert _nothing_left(spool)


def test_a_failure_while_a_file_is_used_leaves_nothing_behind(spool: Spool) -> None:
    async def fail() -> AsyncIterator[None]:
        async with spool.receive(Sender(iter([DATA]), then=END).request({})) as received:
            assert received.file.path.read_bytes() == DATA
            raise KeyError
        yield

    async def run() -> None:
        async for _ in fail():
            pass

    with pytest.raises(KeyError):
        anyio.run(run)
    assert _nothing_left(spool)


def test_a_spool_without_room_is_an_unavailable_store(spool: Spool) -> None:
    spool.folder.rmdir()
    with pytest.raises(StoreUnavailable):
        _receive(spool, Sender(iter([DATA]), then=END), {})


def test_leftovers_of_a_killed_server_are_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "upload-abc").write_bytes(b"x")
    (tmp_path / "other").write_bytes(b"x")
    Spool(tmp_path, max_file_bytes=1, bodies=Bodies())
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_stored_file_has_a_place_for_as_long_as_it_is_used(spool: Spool) -> None:
    with spool.place() as path:
        assert not path.exists()
        path.write_bytes(DATA)
        assert path.parent == spool.folder
    assert _nothing_left(spool)
    with spool.place():
        pass  # nothing came


def test_an_early_refusal_asks_the_client_to_stop(client: TestClient, application: FastAPI) -> None:
    assert client.post("/file", content=b"x" * (MAX_FILE + 1)).headers["connection"] == "close"
