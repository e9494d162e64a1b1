"""`countermark audit`: what it prints, asks and returns."""

import csv
import os
import pty
import termios
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from countermark import retries
from countermark.audit import Progress
from countermark.cli.audit import LINE_SECONDS, ProgressLine, describe

from tests.replies import breaks
from tests.unit.client.audited import LOG_KEY, Registry, match, registry, sha256
from tests.unit.client.commands import Run, fits, on_a_terminal


@pytest.fixture
def audited() -> Iterator[Registry]:
    with registry() as service:
        yield service


@pytest.fixture
def files(tmp_path: Path, audited: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    folder = tmp_path / "many"  # as the hidden command is called
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    (folder / "\x1b[31m.jpg").write_bytes(b"b")
    return folder


def test_a_line_for_each_item_to_look_at_then_totals(run: Run, audited: Registry, files: Path) -> None:
    audited.known[sha256(b"a")] = [match(basis="pixels", record="77" * 32)]
    done = run("audit", "many", "--out", "report", "--url", audited.url, "--send", "never", "--no-pictures", "-q")
    assert done.stdout.splitlines() == [
        "Not compared: many/\\u001b[31m.jpg",
        "2 items: 1 same picture, 1 not compared",
        "report: report/report.html",
    ]
    assert (done.returncode, done.stderr) == (3, "")
    assert fits(done.stdout)


def test_to_this_machine_what_is_not_settled_is_sent_unless_told_otherwise(
    run: Run, audited: Registry, files: Path
) -> None:
    done = run("audit", files, "--out", "report", "--url", audited.url, "--no-pictures")
    assert len(audited.sent) == 2
    assert "Not found" in done.stdout
    assert done.returncode == 1


def test_elsewhere_nothing_is_sent_without_a_terminal_to_ask(
    run: Run, audited: Registry, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from countermark.cli import audit

    monkeypatch.setattr(audit, "_LOOPBACK", ())
    run("audit", files, "--out", "report", "--url", audited.url, "--no-pictures")
    assert audited.sent == []


@pytest.fixture
def elsewhere(audited: Registry, files: Path, environment: dict[str, str]) -> dict[str, str]:
    """An environment in which the registry is at registry.example, behind a proxy."""
    return environment | {"HTTP_PROXY": audited.url, "NO_PROXY": "", "COUNTERMARK_URL": "http://registry.example"}


QUESTION = "Send registry.example the pictures that their digests do not settle?"


@pytest.mark.parametrize(("typed", "sent", "status"), [("y", 2, 1), ("n", 0, 3), ("", 0, 3)])
def test_elsewhere_a_terminal_is_asked_once_what_may_be_sent(
    audited: Registry, files: Path, elsewhere: dict[str, str], typed: str, sent: int, status: int
) -> None:
    arguments = ["audit", str(files), "--out", str(files.parent / "report"), "--no-pictures"]
    left, shown = on_a_terminal(arguments, elsewhere, {QUESTION: typed})
    assert shown.count(QUESTION) == 1
    assert (len(audited.sent), left) == (sent, status), shown


def test_a_terminal_is_not_asked_where_the_command_says_what_may_be_sent(
    audited: Registry, files: Path, elsewhere: dict[str, str]
) -> None:
    arguments = ["audit", str(files), "--out", str(files.parent / "report"), "--no-pictures", "--send", "unsettled"]
    left, shown = on_a_terminal(arguments, elsewhere)
    assert (len(audited.sent), left) == (2, 1), shown
    assert "Send" not in shown


def test_an_address_of_a_private_network_in_a_table_is_fetched_when_told_alone(
    run: Run, audited: Registry, files: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text(f"title,where\nOne,{audited.url}/one.jpg\n")
    table = ("--from-csv", "list.csv", "--column", "where", "--url", audited.url, "--no-pictures")
    done = run("audit", *table, "--out", "careful")
    assert (done.returncode, "GET /one.jpg" in audited.asked) == (3, False)
    assert f"Could not check (unreadable): {audited.url}/one.jpg" in done.stdout
    run("audit", *table, "--out", "told", "--private-networks")
    assert "GET /one.jpg" in audited.asked


def test_a_dead_service_is_told_with_how_many_were_not_asked(run: Run, audited: Registry, files: Path) -> None:
    audited.answers += [breaks] * 50
    done = run("audit", files, "--out", "report", "--url", audited.url, "--no-pictures")
    assert done.returncode == 3
    assert "did not answer 5 times in a row" in done.stderr
    assert "2 were not asked" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--out", "report"), "name something to audit"),
        (("many", "--out", "report", "--from-csv", "list.csv"), "go together"),
        (("many", "--out", "report", "--policy", "nowhere.toml"), "cannot be read"),
        (("many", "--out", "report", "--vkey", "no key"), "key"),
        (("--files-from", "nowhere", "--out", "report"), "cannot be read"),
        (("verify", "nowhere"), "cannot be read"),
        (("diff", "nowhere", "nowhere"), "cannot be read"),
    ],
)
def test_usage_errors_have_status_2_and_leave_no_folder(
    run: Run, files: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run("audit", *arguments)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert not (files.parent / "report").exists()


def test_names_that_programs_would_obey_are_items_and_obeyed_by_nothing(
    run: Run, audited: Registry, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    names = (
        b"-rf",
        b"--send=all.jpg",
        b"\xff\xfe.jpg",
        b"=HYPERLINK(1).jpg",
        b"<script>alert(1)</script".replace(b"/", b"\\"),
    )
    for name in (*names, b"two\nlines.jpg", b"\x1b]0;owned\x07.jpg", "\u202egpj.exe".encode()):
        Path(os.fsdecode(name)).write_bytes(name)
    Path("loop").symlink_to(".")
    done = run(
        "audit", "--out", "../report", "--url", audited.url, "--send", "never", "--no-pictures", "--", "-rf", "."
    )
    assert (done.returncode, audited.sent) == (3, [])
    assert f"{len(list(files.iterdir()))} items: " in done.stdout
    assert "links within folders that were not followed: 1" in done.stderr
    assert all(character == "\n" or character.isprintable() for character in done.stdout + done.stderr)
    report = files.parent / "report"
    rows = csv.reader((report / "items.csv").read_text().splitlines())
    assert all(cell[:1] not in "=+-@" for row in rows for cell in row if cell)
    assert "<script>alert" not in (report / "report.html").read_text()
    assert "-rf" in (report / "items.jsonl").read_text()


def test_a_policy_decides_what_the_exit_status_is(run: Run, audited: Registry, files: Path, tmp_path: Path) -> None:
    (tmp_path / "audit.toml").write_text('fail = []\nincomplete = ["could_not_check"]')
    done = run(
        *("audit", files, "--out", "report", "--url", audited.url, "--no-pictures"),
        *("--policy", "audit.toml", "--vkey", LOG_KEY),
    )
    assert done.returncode == 0


def test_the_progress_is_one_line_of_a_terminals_width() -> None:
    progress = Progress("looking up", 200_000, 50_000, 50_000, Counter(identical=49_000, not_compared=1_000))
    line = describe(progress, 25.0, 0.0)
    assert line == "looking up: 50,000/200,000, 2,000/s, 1 min left, 49,000 identical, 1,000 not compared"
    progress.waits = (30.0, "the service takes no more requests for now")
    assert "waiting 30 s" in describe(progress, 25.0, 0.0)
    assert ", 0.2/s, " in describe(Progress("verifying", 10, 5, 5), 25.0, 0.0)


@pytest.mark.parametrize(("columns", "shown"), [(0, 79), (1, 0), (2, 1), (33, 32), (500, 83)])
def test_the_line_fits_terminals_that_are_narrow_and_those_that_do_not_say_how_wide_they_are(
    columns: int, shown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress("looking up", 200_000, 50_000, 0, Counter(dict.fromkeys(("identical", "not_compared"), 49_000)))
    whole = describe(progress, 25.0, 0.0) + ", and what else there is"
    monkeypatch.setattr("countermark.cli.audit.describe", lambda *_: whole[:83])
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    with open(master, "rb", buffering=0) as terminal, open(slave, "w") as written:  # noqa: PTH123  # descriptors
        monkeypatch.setattr("sys.stderr", written)
        ProgressLine(quiet=False).watch(progress)
        line = b""
        while len(line) < len("\r\x1b[2K") + shown:
            line += terminal.read(1_000)
        assert line.decode() == f"\r\x1b[2K{whole[:shown]}"


def test_without_a_terminal_there_is_a_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    line = ProgressLine(quiet=False)
    for now in (1_001.0, 1_030.0, 1_000.0 + LINE_SECONDS, 1_061.0):  # noqa: B007
        line.watch(Progress("verifying", 10, 5, 5))
    assert len(capsys.readouterr().err.splitlines()) == 1
