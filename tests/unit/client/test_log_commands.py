"""`countermark log audit` and `countermark log watch`: what they print, and how they end."""

import base64
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from countermark.log import watching
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provenance.statement.keys import LocalSigner
from provenance.statement.statement import parse_statement, sign_statement
from tests import replies
from tests.logs.log import Log, newsroom_log
from tests.logs.records import KEY, OPERATOR, PUBLISHER, signer
from tests.logs.server import Server, serving
from tests.patience import HUNG_SECONDS, eventually
from tests.unit.client import story
from tests.unit.client.commands import COMMAND, Run, fits, on_a_terminal

pytestmark = pytest.mark.usefixtures("at_home")


KID = PUBLISHER.public_key.thumbprint.hex()
MADE = 3
"""The entry whose receipt the newsroom has kept."""


@pytest.fixture(scope="module")
def log() -> Log:
    """A genesis record, a key, and three pictures."""
    return newsroom_log(5)


@pytest.fixture
def server(log: Log) -> Iterator[Server]:
    with serving() as server:
        server.publish(log)
        yield server


def record(log: Log, index: int) -> str:
    return parse_statement(log.entries[index]).record_id.hex()


# audit ------------------------------------------------------------------------------------------


def test_a_sound_log_is_shown_with_its_keys(run: Run, server: Server, log: Log) -> None:
    done = run("log", "audit", server.log_url, "--vkey", KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert fits(done.stdout)
    for text in (log.origin, "5 entries", f"3 by key    {KID}", f"2 by key    {OPERATOR.public_key.thumbprint.hex()}"):
        assert text in done.stdout
    assert done.stdout.endswith("The log is consistent with its entries.\n")
    again = run("log", "audit", server.log_url, "--vkey", KEY)
    assert again.stdout.endswith("The log is consistent with its entries, and has only been appended to.\n")


def test_json_says_everything(run: Run, server: Server, log: Log) -> None:
    done = run("log", "audit", server.log_url, "--vkey", KEY, "--json")
    answer = json.loads(done.stdout)
    assert answer["sound"] is True
    assert answer["note"].encode() == log.checkpoint
    assert answer["checkpoint"]["size"] == 5
    assert answer["by_key"][KID] == 3
    assert answer["findings"] == []


def test_two_notes_that_contradict_each_other_are_kept_as_evidence(run: Run, server: Server, log: Log) -> None:
    run("log", "audit", server.log_url, "--vkey", KEY)
    other = log.with_entry(4, log.entries[2])
    server.publish(other)
    done = run("log", "audit", server.log_url, "--vkey", KEY, "--json")
    assert done.returncode == 1
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["finding"] == "fork"
    assert [base64.b64decode(each) for each in finding["evidence"]] == [log.checkpoint, other.checkpoint]
    shown = run("log", "audit", server.log_url, "--vkey", KEY)
    assert "fork: the log has signed two roots for 5 entries" in shown.stdout
    assert "The signed evidence is in the output of --json: keep it." in shown.stdout


def test_a_log_that_cannot_be_had_is_incomplete(run: Run, server: Server) -> None:
    server.answers["/log/tile/entries/000.p/5"] = replies.breaks
    done = run("log", "audit", server.log_url, "--vkey", KEY)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http://127.0.0.1:9/log"],
        ["http://127.0.0.1:9/log", "--vkey", "nonsense"],
        ["no-address", "--vkey", KEY],
        ["http://127.0.0.1:9/log", "--vkey", KEY, "--entries", "cose"],
        ["http://127.0.0.1:9/log", "--vkey", KEY, "--timeout", "0"],
    ],
)
@pytest.mark.parametrize("command", ["audit", "watch"])
def test_usage_errors_exit_with_2(run: Run, command: str, arguments: list[str]) -> None:
    done = run("log", command, *arguments, *(["--key", KID] if command == "watch" else []))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert fits(done.stderr) or len(done.stderr.splitlines()) == 1


def test_the_help_pages_fit(run: Run) -> None:
    for arguments in (["log"], ["log", "audit"], ["log", "watch"]):
        assert fits(run(*arguments, "--help").stdout)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_on_a_terminal_there_is_a_bar(server: Server, environment: dict[str, str], log: Log) -> None:
    status, sent = on_a_terminal(["log", "audit", server.log_url, "--vkey", str(KEY)], environment)
    assert status == 0
    assert "5/5" in sent
    status, sent = on_a_terminal(["log", "audit", server.log_url, "--vkey", str(KEY), "--quiet"], environment)
    assert status == 0
    assert "5/5" not in sent


# watch ------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, log: Log) -> Path:
    """The newsroom's receipts: of one picture of three."""
    folder = tmp_path / "kept" / "2026"
    folder.mkdir(parents=True)
    (folder / "picture.countermark").write_bytes(log.receipt(MADE).serialise())
    return folder.parent


def alarms(stdout: str) -> list[int]:
    return [json.loads(line)["index"] for line in stdout.splitlines()]


def test_entries_that_one_did_not_make_give_an_alarm(run: Run, server: Server, kept: Path, log: Log) -> None:
    watch = ("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--made", kept, "--grace", "0", "--once")
    done = run(*watch)
    assert done.returncode == 1
    assert fits(done.stdout)
    assert "entry 2 names your key, and is not among the records that you made" in done.stdout
    assert record(log, 2) in done.stdout
    assert record(log, MADE) not in done.stdout
    assert "entry 0" not in done.stdout
    assert run(*watch).returncode == 0, "an alarm is given once"


def test_alarms_come_as_lines_of_json(run: Run, server: Server, kept: Path, log: Log) -> None:
    done = run(
        *("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--made", kept),
        *("--grace", "0", "--once", "--jsonl"),
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["index"], second["index"]) == (2, 4)
    assert base64.b64decode(first["entry"]) == log.entries[2]
    assert (first["key"], first["record"], first["signature"]) == (KID, record(log, 2), "not checked")


def test_what_one_made_can_be_a_list(run: Run, server: Server, tmp_path: Path, log: Log) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text(f"# ours\n{record(log, 2)}\nurn:countermark:record:{record(log, 3)}\n\n{record(log, 4)}\n")
    arguments = ("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--grace", "0", "--once")
    assert run(*arguments, "--made", ids).returncode == 0


def test_a_public_key_tells_whether_it_made_the_entry(run: Run, server: Server, tmp_path: Path, log: Log) -> None:
    """A log that takes in what names a key and is not signed with it says more about the log than about the key."""
    forged = log.entries[4][:-64] + bytes(64)
    server.publish(Log((*log.entries[:4], forged), log.records))
    pem = tmp_path / "daily.pem"
    public = PUBLISHER._private_key.public_key()  # type: ignore[attr-defined]  # as `openssl pkey -pubout` would
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    done = run("log", "watch", server.log_url, "--vkey", KEY, "--key", pem, "--grace", "0", "--once", "--jsonl")
    assert [(line["index"], line["signature"]) for line in map(json.loads, done.stdout.splitlines())] == [
        (2, "verifies"),
        (3, "verifies"),
        (4, "does not verify"),
    ]


@pytest.mark.timing
def test_a_receipt_that_comes_a_little_later_than_its_entry_is_no_alarm(
    run: Run, server: Server, kept: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def save(seconds: float) -> None:
        waits.append(seconds)
        for index in (2, 4):
            (kept / f"{index}.countermark").write_bytes(log.receipt(index).serialise())

    monkeypatch.setattr(watching, "time", SimpleNamespace(sleep=save))
    done = run("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--made", kept, "--grace", "77", "--once")
    assert (done.returncode, done.stdout) == (0, "")
    assert waits == [77.0]


def test_a_malformed_receipt_does_not_count_and_is_named(run: Run, server: Server, kept: Path) -> None:
    (kept / "broken.countermark").write_text("half")
    done = run("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--made", kept, "--grace", "0", "--once")
    assert done.returncode == 1
    assert "broken.countermark was ignored" in done.stderr


def test_what_one_made_has_to_be_there(run: Run, server: Server, tmp_path: Path) -> None:
    watch = ("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--once", "--made")
    (tmp_path / "ids.txt").write_text("hello\n")
    for source in ("nowhere", "ids.txt"):
        assert run(*watch, tmp_path / source).returncode == 2
    assert server.asked == []


@pytest.mark.parametrize("name", ["5e", "nowhere.pem", "5E" * 32, "vkey"])
def test_a_malformed_key_is_refused(run: Run, server: Server, tmp_path: Path, name: str) -> None:
    (tmp_path / "vkey").write_text(str(KEY))
    assert run("log", "watch", server.log_url, "--vkey", KEY, "--key", name, "--once").returncode == 2


def test_a_log_that_rewrites_its_history_gives_an_alarm_as_well(run: Run, server: Server, log: Log) -> None:
    watch = ("log", "watch", server.log_url, "--vkey", KEY, "--key", "5e" * 32, "--once", "--jsonl")
    assert run(*watch).returncode == 0
    server.publish(log.with_entry(4, log.entries[2]))
    done = run(*watch)
    assert done.returncode == 1
    assert json.loads(done.stdout)["finding"] == "fork"


def test_an_alarm_that_was_not_told_is_given_again(run: Run, server: Server, log: Log) -> None:
    """The connection breaks after the first entries: what they showed is told, and again when the log is there."""
    thief: LocalSigner = signer("daily key")
    stolen = tuple(sign_statement(f'{{"stolen":{number}}}'.encode(), thief) for number in range(300))
    longer = Log((*log.entries, *stolen), log.records)
    server.publish(longer)
    server.answers["/log/tile/entries/001.p/49"] = replies.breaks
    watch = ("log", "watch", server.log_url, "--vkey", KEY, "--key", KID, "--grace", "0", "--once", "--jsonl")
    broken = run(*watch)
    assert broken.returncode == 3
    assert alarms(broken.stdout) == list(range(2, 256))
    server.publish(longer)
    assert alarms(run(*watch).stdout) == list(range(256, 305))


@pytest.mark.timing
def test_it_goes_on_until_it_is_interrupted_and_says_what_it_found(
    environment: dict[str, str], server: Server, log: Log, tmp_path: Path
) -> None:
    server.publish(log.at(2))
    arguments = ["log", "watch", server.log_url, "--vkey", str(KEY), "--key", KID, "--grace", "0", "--interval", "1"]
    with (
        story.hearing_ctrl_c(),
        subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment | {"XDG_STATE_HOME": str(tmp_path / "other")},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
    ):
        try:
            eventually(lambda: server.asked.count("/log/checkpoint") >= 2)
            server.publish(log.at(3))
            assert process.stdout is not None
            assert process.stdout.readline() == "entry 2 names your key, and is not among the records that you made\n"
            server.answers["/log/checkpoint"] = replies.breaks  # a service that is away does not end the watch
            asked = len(server.asked)
            eventually(lambda: len(server.asked) > asked + 3)
            process.send_signal(signal.SIGINT)
            assert process.wait(HUNG_SECONDS) == 1
        finally:
            process.kill()
