"""Backups, copies and second servers: whatever an operator does, the log has one history."""

import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.independent_reader import open_note, tree_hash
from tests.faults.service import Server, Writers
from tests.patience import HUNG_SECONDS, eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "another-disk").mkdir()
    server = Server(tmp_path / "data", high_water=str(tmp_path / "another-disk" / "high-water"))
    yield server
    server.stop()


def test_a_second_server_on_the_same_folder_is_refused_and_told_why(server: Server) -> None:
    server.start()
    second = server.command("serve")
    assert second.returncode == 3
    assert "is in use by process" in second.stderr
    assert "Traceback" not in second.stderr
    assert server.post_statement(server.statement())[0] == 201


def test_a_backup_made_under_load_is_sound_and_has_all_that_was_acknowledged_before(
    server: Server, tmp_path: Path
) -> None:
    server.start()
    writers = Writers(server, 8)
    eventually(lambda: len(writers.acknowledged) >= 50)
    before = dict(writers.acknowledged)
    made = server.command("backup", str(tmp_path / "backup"))
    writers.stop()
    assert made.returncode == 0, made.stdout + made.stderr
    assert writers.faults == []
    assert len(writers.acknowledged) > len(before), "the server stood still while it was copied"
    server.stop()
    shutil.rmtree(server.folder)
    (tmp_path / "another-disk" / "high-water").unlink()
    restored = server.command("restore", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stderr
    assert "it is unknown whether the log signed entries after this" in restored.stderr
    server.start()
    _, entries = server.read_log()
    assert all(entries[index] == statement for statement, index in before.items())


def test_an_old_backup_neither_starts_nor_is_restored_unless_its_consequence_is_accepted(
    server: Server, tmp_path: Path
) -> None:
    server.start()
    assert server.post_statement(server.statement())[0] == 201
    assert server.command("backup", str(tmp_path / "backup")).returncode == 0
    for _ in range(3):
        assert server.post_statement(server.statement())[0] == 201
    seen, entries = server.read_log()
    server.stop()
    server.folder.rename(tmp_path / "lost")

    refused = server.command("restore", str(tmp_path / "backup"))
    assert refused.returncode == 3
    assert "3 acknowledged entries would be lost" in refused.stderr
    assert not (server.folder / "countermark.db").exists()

    shutil.copytree(tmp_path / "backup", server.folder, dirs_exist_ok=True)
    started = server.command("serve")
    assert started.returncode == 3
    assert "this is an older copy" in started.stderr
    assert "Restore a newer copy" in started.stderr
    shutil.rmtree(server.folder)

    taken = server.command("restore", str(tmp_path / "backup"), "--discard-newer")
    assert taken.returncode == 0, taken.stderr
    kept = tmp_path / "another-disk" / f"high-water.{seen.size}"
    assert open_note(kept.read_bytes(), server.vkey) == seen, "the evidence is kept"
    server.start()
    while server.head().size <= seen.size:
        assert server.post_statement(server.statement())[0] == 201
    _, others = server.read_log()
    assert tree_hash(others[: seen.size]) != seen.root, "who remembers the old head sees the fork"
    assert others[: seen.size - 3] == entries[: seen.size - 3]


def test_a_frozen_log_takes_nothing_more_also_after_a_restart_and_goes_on_being_read(server: Server) -> None:
    server.start()
    assert server.post_statement(server.statement())[0] == 201
    server.stop()
    frozen = server.command("log", "freeze", "--reason", "the registry has moved", "--yes")
    assert frozen.returncode == 0, frozen.stderr
    last = open_note(frozen.stdout.encode(), server.vkey)
    server.start()
    status, body = server.post_statement(server.statement())
    assert (status, b"log-frozen" in body) == (409, True)
    assert server.head() == last
    assert server.get("/readyz")[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HUNG_SECONDS)
    connection.request("GET", "/log")
    page = connection.getresponse()
    assert page.status == 200
    page.read()
    connection.close()
    server.stop()
    assert server.command("log", "freeze", "--reason", "again", "--yes").returncode == 3
    assert server.command("fsck").returncode == 0
