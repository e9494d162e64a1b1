"""A disk that is full, or has turned read-only: writes are refused with a problem, reading and verifying go on."""

import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.service import Server
from tests.patience import HUNG_SECONDS, eventually

SIZE = "8m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    if os.geteuid() != 0:
        pytest.fail("this test mounts a file system, which needs root")
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)


@pytest.fixture
def server(disk: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(disk / "data", spool=str(tmp_path / "spool"))
    server.log = tmp_path / "server.log"
    server.start()
    yield server
    server.stop()


def fill(disk: Path) -> Path:
    """Leave not a byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def is_traced(pid: int) -> bool:
    """Whether strace has attached to every thread of a process."""
    tasks = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return all("\nTracerPid:\t0\n" not in task for task in tasks)


def logged(server: Server) -> tuple[bytes, int]:
    statement = server.statement()
    status, body = server.post_statement(statement)
    assert status == 201, body
    return statement, json.loads(body)["items"][0]["index"]


def record_of(statement: bytes) -> str:
    return re.findall(rb"\x58\x20(.{32})\x58\x40", statement, re.DOTALL)[-1].hex()


def assert_refuses_writes_and_answers_the_rest(server: Server, statement: bytes) -> None:
    for _ in range(3):
        status, body = server.post_statement(server.statement())
        assert status in (503, 507), body
        assert json.loads(body)["type"] == "urn:countermark:problem:store-unavailable"
    status, body = server.get("/readyz")
    assert (status, json.loads(body)["title"]) == (503, "The store cannot do this at the moment")
    assert server.get("/livez")[0] == 200
    assert server.get("/log/checkpoint")[0] == 200
    assert server.get(f"/v1/records/{record_of(statement)}/proof")[0] == 200
    picture = (Path(__file__).parents[2] / "demo/photos").glob("*.jpg")
    for body in (json.dumps({"sha256": hashlib.sha256(b"unknown").hexdigest()}).encode(), next(picture).read_bytes()):
        media_type = "application/json" if body[:1] == b"{" else "image/jpeg"
        for query in ("", "?keep=true"):
            status, answer = server.ask("POST", f"/v1/verifications{query}", body, media_type=media_type)
            assert status == 200, answer
            report = json.loads(answer)
            assert report["kept_until"] is None
            missed = [item["what"] for item in report["not_checked"]]
            assert ("keeping this report" in missed) == bool(query)


def assert_recovers(server: Server, statement: bytes, index: int) -> None:
    eventually(lambda: server.get("/readyz")[0] == 200)
    _, next_index = logged(server)
    assert next_index > index
    status, body = server.post_statement(statement)
    assert (status, json.loads(body)["items"][0]["index"]) == (201, index)
    server.stop()
    checked = server.command("fsck")
    assert checked.returncode == 0, checked.stdout


def test_a_full_disk_refuses_writes_and_recovers_without_a_restart(server: Server, disk: Path) -> None:
    statement, index = logged(server)
    filler = fill(disk)
    assert_refuses_writes_and_answers_the_rest(server, statement)
    filler.unlink()
    assert_recovers(server, statement, index)


def test_a_disk_that_is_read_only_for_a_while_refuses_writes_and_recovers_without_a_restart(server: Server) -> None:
    """A file system cannot be remounted while files are open for writing, so every call that changes it is refused."""
    statement, index = logged(server)
    assert server.process is not None
    pid = server.process.pid
    changes = "pwrite64,ftruncate,rename,mkdir,unlink,fdatasync,fsync"
    strace = subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={changes}"),
            *("-e", f"inject={changes}:error=EROFS", "-p", str(pid)),
        ],
        stderr=subprocess.PIPE,
    )
    try:
        eventually(lambda: is_traced(pid))
        assert_refuses_writes_and_answers_the_rest(server, statement)
    finally:
        strace.send_signal(signal.SIGTERM)
        strace.communicate(timeout=HUNG_SECONDS)
    assert_recovers(server, statement, index)
