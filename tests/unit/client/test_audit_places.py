"""Addresses, buckets and clusters: bytes that are not on this machine's disk."""

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from countermark import fetching
from countermark.audit import Globs, Sources
from countermark.audit.items import Entry, Reading, examine, read
from obstore.store import S3Store

from tests.buckets import BucketServer
from tests.replies import Answer, listening, never_ends, says
from tests.unit.client.audited import Registry, registry, run_audit, sha256

PRIVATE = Reading(private=True)


@pytest.fixture
def pages() -> dict[str, Answer]:
    return {"/a.jpg": says(b"a picture", media_type="image/jpeg")}


@pytest.fixture
def site(pages: dict[str, Answer]) -> Iterator[str]:
    def take(handler: http.server.BaseHTTPRequestHandler) -> None:
        pages.get(handler.path, says(b"", 404))(handler)

    with listening(take) as url:
        yield url


def failure(address: str, reading: Reading = PRIVATE) -> str:
    (found,) = examine([Entry(address.encode(), "address", address.encode())], reading)
    assert found.failure is not None
    assert found.failure[0] in ("unreadable", "too_large")
    return found.failure[1]


def test_an_address_is_fetched_from_this_machine(site: str) -> None:
    (entry,) = Sources([f"{site}/a.jpg"]).entries()
    assert examine([entry], PRIVATE)[0].sha256 == sha256(b"a picture")
    assert read(entry, PRIVATE) == b"a picture"


def test_redirects_are_followed_and_bounded(site: str, pages: dict[str, Answer]) -> None:
    pages["/moved.jpg"] = says(b"", 302, Location="/a.jpg")
    pages["/round.jpg"] = says(b"", 302, Location="/round.jpg")
    moved = Entry(b"m", "address", f"{site}/moved.jpg".encode())
    assert examine([moved], PRIVATE)[0].sha256 == sha256(b"a picture")
    assert "redirects more than 5 times" in failure(f"{site}/round.jpg")


def test_what_cannot_be_had_is_told(site: str, pages: dict[str, Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "status 404" in failure(f"{site}/nowhere.jpg")
    pages["/other"] = says(b"", 302, Location="file:///etc/passwd")
    assert "does not begin with http" in failure(f"{site}/other")
    pages["/endless"] = never_ends()
    monkeypatch.setattr(
        fetching.Fetcher.__init__, "__kwdefaults__", fetching.Fetcher.__init__.__kwdefaults__ | {"seconds": 0.0}
    )
    assert "it took more than" in failure(f"{site}/endless")


def test_a_body_without_end_is_too_large(site: str, pages: dict[str, Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    from countermark.audit import items

    monkeypatch.setattr(items, "MAX_MEDIA_BYTES", 1_000_000)
    pages["/endless"] = never_ends()
    assert "more than the 1,000,000 bytes that are read" in failure(f"{site}/endless")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "100.64.0.1",
    ],
)
def test_private_networks_are_fetched_when_told_alone(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    answer = [(family, socket.SOCK_STREAM, 6, "", (host, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    assert "not on the public internet" in failure("http://public.example/a.jpg", Reading())


def test_a_public_address_that_redirects_into_a_private_network_is_not_followed(
    site: str, pages: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages["/away.jpg"] = says(b"", 302, Location="http://inside.example/secret.jpg")
    plain = socket.getaddrinfo

    def resolve(host: str, *others: int, **kind: int) -> object:
        known = {"outside.example": "127.0.0.1", "inside.example": "10.0.0.1"}
        return plain(known.get(host, host), *others, **kind)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr("provenance.addresses.is_public", lambda number: str(number) == "127.0.0.1")
    port = int(site.rpartition(":")[2])
    defaults = fetching.Fetcher.__init__.__kwdefaults__ | {"ports": {80, port}}
    monkeypatch.setattr(fetching.Fetcher.__init__, "__kwdefaults__", defaults)
    assert "not on the public internet" in failure(f"http://outside.example:{port}/away.jpg", Reading())


def test_objects_of_a_bucket_are_items(buckets: BucketServer) -> None:
    bucket = buckets.new_bucket().removesuffix("/newsroom").removeprefix("s3://")
    store = S3Store(bucket, client_options={"allow_http": True})
    for key, data in (("kept/a.jpg", b"a"), ("kept/deep/b.jpg", b"b"), ("kept/c.txt", b"c"), ("other/d.jpg", b"d")):
        store.put(key, data)
    entries = list(Sources([f"s3://{bucket}/kept/"], globs=Globs(["*.jpg"])).entries())
    names = [os.fsdecode(entry.name) for entry in entries]
    assert names == [f"s3://{bucket}/kept/a.jpg", f"s3://{bucket}/kept/deep/b.jpg"]
    assert [found.sha256 for found in examine(entries, Reading())] == [sha256(b"a"), sha256(b"b")]
    store.delete("kept/a.jpg")
    (found,) = examine(entries[:1], Reading())
    assert found.failure is not None
    assert found.failure[0] == "unreadable"


@pytest.fixture
def service() -> Iterator[Registry]:
    with registry() as service:
        yield service


def test_an_address_that_could_not_be_had_is_tried_again_by_the_same_command(
    service: Registry, site: str, pages: dict[str, Answer], tmp_path: Path
) -> None:
    def bucket() -> str:
        (item,) = run_audit(service, [f"{site}/late.jpg"], tmp_path / "out", private=True)
        return item.outcome.bucket.value

    assert bucket() == "could_not_check"
    pages["/late.jpg"] = says(b"a picture", media_type="image/jpeg")
    assert bucket() == "not_compared"


@pytest.mark.timing
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_cluster_gives_the_same_report_though_a_worker_is_killed(service: Registry, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03}.jpg").write_bytes(b"%d" % number)
    run_audit(service, [folder], tmp_path / "here")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        doomed = next(iter(cluster.workers.values()))
        threading.Timer(0.3, lambda: os.kill(doomed.pid, 9)).start()
        run_audit(service, [folder], tmp_path / "there", cluster=cluster.scheduler_address)
    for name in ("items.csv", "items.jsonl"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
