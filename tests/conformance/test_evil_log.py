"""A log that lies: `audit_log` and `countermark log audit` see through every lie, in bounded memory and time."""

import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from countermark import CountermarkError, retries
from countermark.cli import main
from countermark.log import audit_log, auditing

from tests.conformance.lies import BEFORE, LIES, Lie
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY
from tests.logs.server import Server, serving

FEW_BYTES = 60 * 1024 * 1024
"""Bytes of memory that an audit may take: three of the largest bundle, as it is received, cut up and encoded again."""


@pytest.fixture(scope="module")
def log() -> Log:
    return newsroom_log(600)


@pytest.fixture(scope="module")
def truthful() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def remembered(log: Log, truthful: Server, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of an auditor who has seen the first 300 entries."""
    path = tmp_path_factory.mktemp("state") / "state.json"
    truthful.publish(log.at(BEFORE))
    assert audit_log(truthful.log_url, log_keys=[str(KEY)], state=path).is_sound
    return path.read_bytes()


@pytest.fixture
def state(remembered: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(remembered)
    return path


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(auditing, "RECHECK_SECONDS", 0.0)
    monkeypatch.delenv("COUNTERMARK_VKEY", raising=False)


@pytest.fixture
def server(log: Log) -> Iterator[Server]:
    with serving() as server:
        server.publish(log)
        yield server


def test_the_truth_is_found_sound(server: Server, state: Path) -> None:
    report = audit_log(server.log_url, log_keys=[str(KEY)], state=state)
    assert report.is_sound
    assert (report.before and report.before.size, report.hashed) == (300, 344)


def test_there_are_lies_of_every_kind() -> None:
    assert len(LIES) >= 25


@pytest.mark.timing
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_the_sdk_is_told(lie: Lie, log: Log, server: Server, state: Path) -> None:
    lie.arrange(server, log)
    tracemalloc.start()
    try:
        report = audit_log(server.log_url, log_keys=[str(KEY)], state=state, timeout=lie.patience)
    except CountermarkError as error:
        outcome, told = "incomplete", str(error)
    else:
        assert not report.is_sound
        outcome, told = "found", "\n".join(f"{each.kind}: {each.detail}" for each in report.findings)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert outcome == lie.outcome, told
    assert re.search(lie.told, told), told
    assert peak < FEW_BYTES
    assert not server.asked_for("elsewhere")
    assert b'"seen": "log.newsroom.example\\n300\\n' in state.read_bytes(), "what was seen is forgotten"

    server.publish(log)
    audits = [audit_log(server.log_url, log_keys=[str(KEY)], state=state).is_sound for _ in range(2)]
    assert audits[-1], "a lie that was told once keeps the truth from being found"


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_the_command_says_so(
    lie: Lie, log: Log, server: Server, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lie.arrange(server, log)
    with pytest.raises(SystemExit) as left:
        main(
            ["log", "audit", server.log_url, "--vkey", str(KEY), "--state", str(state), "--timeout", str(lie.patience)]
        )
    out, err = capsys.readouterr()
    said = out if lie.outcome == "found" else err
    assert left.value.code == {"found": 1, "incomplete": 3}[lie.outcome], out + err
    assert re.search(lie.told, " ".join(said.split())), said
    assert "Traceback" not in out + err
    assert all(len(line) <= 80 for line in out.splitlines())
