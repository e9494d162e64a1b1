"""What an audit is asked for, and the state that it keeps: what cannot be used is refused and named."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from countermark import CountermarkError, InvalidRequest, ServiceUnreachable, audit_log
from countermark.log.files import LogFiles
from countermark.log.state import StateFile

from provenance.errors import MalformedNote
from provenance.transparency.audit import AuditState
from tests.conformance.test_tessera_log import KEY as TESSERA_KEY
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY
from tests.logs.server import Server

pytestmark = pytest.mark.usefixtures("at_home")


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(600)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "state.json"


# What is asked of the caller ------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [[], ["nonsense"], [str(KEY), str(TESSERA_KEY)]])
def test_keys_of_no_log_or_of_two_are_refused(server: Server, keys: list[str]) -> None:
    with pytest.raises((InvalidRequest, MalformedNote)):
        audit_log(server.log_url, log_keys=keys)
    assert server.asked == []


@pytest.mark.parametrize("url", ["", "log.example", "ftp://log.example", "http://u:p@log.example", "http://[::1"])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        audit_log(url, log_keys=[str(KEY)])


def test_nothing_listening_is_unreachable() -> None:
    with pytest.raises(ServiceUnreachable):
        audit_log("http://127.0.0.1:9/log", log_keys=[str(KEY)])


def test_inside_a_running_loop_it_says_what_to_do() -> None:
    async def wrongly() -> None:
        LogFiles("http://127.0.0.1:9/log")

    with pytest.raises(InvalidRequest, match="thread"):
        asyncio.run(wrongly())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "\x00",
        "[" * 10_000,
        '{"format": "countermark-audit"}',
    ],
)
def test_a_damaged_state_file_is_not_taken_for_none(log: Log, server: Server, state: Path, content: str) -> None:
    server.publish(log)
    state.parent.mkdir()
    state.write_text(content)
    with pytest.raises(InvalidRequest, match="damaged"):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert state.read_text() == content


@pytest.mark.parametrize(
    "change",
    [
        {"size": 3},
        {"size": -256},
        {"nodes": ["00"]},
        {"seen": "hello"},
        {"version": 2},
        {"mood": "sunny"},
        {"by_key": {"x": 1}},
        {"entries": "cose"},
        {"uncounted": -1},
    ],
)
def test_a_state_file_with_a_field_that_cannot_be_is_damaged(
    log: Log, server: Server, state: Path, change: dict[str, object]
) -> None:
    server.publish(log)
    audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    state.write_text(json.dumps(json.loads(state.read_text()) | change))
    with pytest.raises(InvalidRequest, match="damaged"):
        audit_log(server.log_url, log_keys=[str(KEY)], state=state)


def test_the_state_of_another_log_is_refused(log: Log, server: Server, state: Path) -> None:
    server.publish(log)
    audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    with pytest.raises(InvalidRequest, match="another log"):
        audit_log(server.log_url, log_keys=[str(TESSERA_KEY)], state=state)


def test_a_state_that_cannot_be_written_ends_the_audit(log: Log, server: Server, tmp_path: Path) -> None:
    server.publish(log)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CountermarkError, match=r"state\.json"):
        audit_log(server.log_url, log_keys=[str(KEY)], state=tmp_path / "file" / "state.json")


def test_the_state_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StateFile(tmp_path / "state.json", "log.example")
    file.write(AuditState(uncounted=1))
    before = file.path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InvalidRequest, match="No space left"):
        file.write(AuditState(uncounted=2))
    assert file.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file.path]


def test_states_lie_in_the_users_folder_one_for_each_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    paths = {StateFile.default(origin, "audit").path for origin in ("a/b", "a_b", "../../etc/passwd")}
    assert len(paths) == 3
    assert {path.parent for path in paths} == {tmp_path / "countermark"}
