"""A newsroom's long work against the running service: folders that are registered, resumed and never twice."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from countermark import Client
from PIL import Image

from demo.service import Service
from provenance.receipts.other_formats import receipt_statement
from provenance.receipts.receipt import Receipt
from provenance.statement.keys import parse_public_key
from tests.e2e.test_client import draw
from tests.patience import HUNG_SECONDS, eventually
from tests.unit.client.story import hearing_ctrl_c

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SIGNALLED = """
import os, sys
from countermark.cli import main
from countermark.newsroom import folders, registering, state, watching

left, sent = int(sys.argv.pop(1)), int(sys.argv.pop(1))

def counted(step):
    def done(*given, **named):
        global left
        result = step(*given, **named)
        left -= 1
        if not left:
            os.kill(os.getpid(), sent)
        return result
    return done

state.Listed.put_item = counted(state.Listed.put_item)
registering.write_durably = watching.write_durably = counted(registering.write_durably)
registering.files_of = counted(registering.files_of)
watching.move = counted(watching.move)
main(sys.argv[1:])
"""
"""The command, sent a signal after so many steps: each commits something, or writes a file."""


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    with hearing_ctrl_c():
        yield


@pytest.fixture
def run(service: Service, tmp_path: Path) -> Run:
    def run(
        *arguments: object, status: int, after: tuple[int, signal.Signals] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"COUNTERMARK_URL": service.url, "COUNTERMARK_API_KEY": service.api_key}
        command = ["-m", "countermark"] if after is None else ["-c", SIGNALLED, str(after[0]), str(int(after[1]))]
        done = subprocess.run(
            [sys.executable, *command, *map(str, arguments)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=HUNG_SECONDS,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


def registrations(service: Service, data: bytes) -> list[str]:
    """Records of a file, by title."""
    import hashlib

    with Client(service.url, api_key=service.api_key) as client:
        return [asset.title or "" for asset in client.assets(sha256=hashlib.sha256(data).hexdigest())]


def records(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of the table, by the names of the files."""
    with (folder / "records.csv").open(newline="") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file)}


def test_a_folder_is_registered_with_what_a_map_states_and_a_second_time_nothing_is(
    run: Run, service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(draw(7001))
    (folder / "sub" / "B.JPG").write_bytes(draw(7002))
    (folder / "again.jpg").write_bytes(draw(7001))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("stays here")
    (folder / "._a.jpg").write_bytes(b"stays here, too")
    (folder / "map.csv").write_text("file,title,captured_at\na.jpg,First,2026-05-04T09:30:00+02:00\nsub/B.JPG,=1+1,\n")
    done = run("register", "archive", "--map", "archive/map.csv", "--out", "kept", status=1)
    assert "Failed: archive/broken.jpg" in done.stdout
    assert "Repeated: archive/again.jpg (the same bytes as archive/a.jpg)" in done.stdout
    assert "4 pictures: 2 registered, 1 repeated, 1 failed" in done.stderr
    assert sorted(str(each.relative_to(tmp_path / "kept")) for each in (tmp_path / "kept").rglob("*.countermark")) == [
        "archive/a.jpg.countermark",
        "archive/sub/B.JPG.countermark",
    ]
    assert (tmp_path / "kept" / "archive" / "sub" / "B.signed.JPG").read_bytes()[:2] == b"\xff\xd8"
    assert registrations(service, draw(7001)) == ["First"]
    assert registrations(service, draw(7002)) == ["=1+1"]
    first = records(tmp_path / "kept")
    assert first["again.jpg"]["record"] == first["a.jpg"]["record"]

    (folder / "broken.jpg").unlink()
    done = run("register", "archive", "--map", "archive/map.csv", "--out", "kept", "--jsonl", status=0)
    told = {item["file"]: item["outcome"] for item in map(json.loads, done.stdout.splitlines())}
    assert told == {"archive/a.jpg": "registered", "archive/again.jpg": "repeated", "archive/sub/B.JPG": "registered"}
    run("register", "archive", "--map", "archive/map.csv", "--out", "kept", "--restart", status=0)
    assert {row["outcome"] for row in records(tmp_path / "kept").values()} == {"registered_before", "repeated"}
    assert registrations(service, draw(7001)) == ["First"]


def test_a_file_whose_claims_have_changed_is_told_and_not_registered_again(
    run: Run, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.jpg").write_bytes(draw(7003))
    (tmp_path / "map.csv").write_text("file,title\narchive/a.jpg,First\n")
    run("register", "archive", "--map", "map.csv", "--out", "kept", status=0)
    (tmp_path / "map.csv").write_text("file,title\narchive/a.jpg,Second\n")
    done = run("register", "archive", "--map", "map.csv", "--out", "kept", status=1)
    assert "Other claims than before: archive/a.jpg" in done.stdout
    assert registrations(service, draw(7003)) == ["First"]


def test_what_a_file_says_of_itself_is_told_before_it_is_signed_and_claimed_unless_told_otherwise(
    run: Run, service: Service, tmp_path: Path
) -> None:
    data = saying("Flood\x1b[2J", draw(7020))
    (tmp_path / "a.jpg").write_bytes(data)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "b.jpg").write_bytes(saying("Sandbags", draw(7021)))
    assert json.loads(run("register", "a.jpg", "--no-from-file", "--json", status=0).stdout)["title"] is None
    done = run("register", "a.jpg", "--byline", "B. Two", "--json", status=0)
    assert "a.jpg says of itself: title “Flood[2J”\n" in done.stderr
    assert "a.jpg: title: characters that cannot be shown were left out\n" in done.stderr
    asset = json.loads(done.stdout)
    assert (asset["title"], asset["byline"], asset["from_file"]) == ("Flood[2J", "B. Two", ["title"])
    assert "archive/b.jpg says of itself: title “Sandbags”" in run("register", "archive", "--out", "k", status=0).stderr
    assert registrations(service, saying("Sandbags", draw(7021))) == ["Sandbags"]


def saying(title: str, data: bytes) -> bytes:
    """A picture with a title in IPTC."""
    text = title.encode()
    body = b"\x1c\x02\x05" + len(text).to_bytes(2) + text
    resource = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(body).to_bytes(4) + body + b"\0" * (len(body) % 2)
    return data[:2] + b"\xff\xed" + (len(resource) + 2).to_bytes(2) + resource + data[2:]


def test_killed_after_any_step_it_goes_on_and_registers_nothing_twice(
    run: Run, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.jpg").write_bytes(draw(7004))
    (tmp_path / "archive" / "b.jpg").write_bytes(draw(7005))
    command = ("register", "archive", "--out", "kept", "--in-flight", "1")
    for step in (1, 2, 3, 4, 5, 6):  # digest, record, what is to be kept, receipt, signed copy, outcome
        run(*command, status=-signal.SIGKILL, after=(step, signal.SIGKILL))
    done = run(*command, status=0)
    assert "2 pictures: " in done.stderr
    assert [len(registrations(service, draw(seed))) for seed in (7004, 7005)] == [1, 1]
    for name in ("a", "b"):
        assert (tmp_path / "kept" / "archive" / f"{name}.jpg.countermark").exists()
        assert (tmp_path / "kept" / "archive" / f"{name}.signed.jpg").exists()


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_was_done_and_says_so(run: Run, service: Service, tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    for name, seed in (("a", 7010), ("b", 7011)):
        (tmp_path / "archive" / f"{name}.jpg").write_bytes(draw(seed))
    command = ("register", "archive", "--out", "kept", "--in-flight", "1")
    done = run(*command, status=3, after=(6, signal.SIGINT))
    assert "interrupted: what was done is in kept; the same command goes on" in done.stderr
    assert {row["outcome"] for row in records(tmp_path / "kept").values()} == {"registered", ""}
    run(*command, status=0)
    assert [len(registrations(service, draw(seed))) for seed in (7010, 7011)] == [1, 1]


def test_smaller_forms_of_a_picture_become_renditions_of_the_largest(
    run: Run, service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a-small.jpg").write_bytes(smaller(draw(7006), (400, 300)))
    (folder / "whole.jpg").write_bytes(draw(7006))
    (folder / "another.jpg").write_bytes(draw(7007))
    run("register", "archive", "--out", "kept", "--renditions-of", "largest", status=0)
    found = records(tmp_path / "kept")
    with Client(service.url) as client:
        assert client.asset(found["a-small.jpg"]["record"]).rendition_of == found["whole.jpg"]["record"]
        assert client.asset(found["another.jpg"]["record"]).rendition_of is None


def test_of_a_folder_only_forms_of_a_named_picture_are_registered(run: Run, service: Service, tmp_path: Path) -> None:
    with Client(service.url, api_key=service.api_key) as client:
        record = client.register(draw(7008), title="Whole").id
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "small.jpg").write_bytes(smaller(draw(7008), (400, 300)))
    (folder / "other.jpg").write_bytes(draw(7009))
    command = ("register", "archive", "--out", "kept", "--renditions-of", record)
    assert "Left out: archive/other.jpg" in run(*command, status=1).stdout
    assert registrations(service, draw(7009)) == []
    with Client(service.url) as client:
        assert client.asset(records(tmp_path / "kept")["small.jpg"]["record"]).rendition_of == record
    run(*command, "--restart", status=1)
    assert len(registrations(service, smaller(draw(7008), (400, 300)))) == 1


def smaller(data: bytes, size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.open(BytesIO(data)).resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=88)
    return file.getvalue()


# A hot folder ------------------------------------------------------------------------------------


def test_what_lands_is_registered_and_moves_to_done_or_with_a_reason_to_failed(
    run: Run, service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "incoming"
    (folder / "desk").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(draw(7101))
    (folder / "desk" / "b.jpg").write_bytes(draw(7102))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "c.jpg.part").write_bytes(draw(7103))
    done = run("watch", "incoming", "--once", "--settle", "0", "--credit", "The Daily", status=1)
    assert "Registered: a.jpg [record " in done.stdout
    assert "Failed: broken.jpg (" in done.stdout
    assert "c.jpg.part is left alone" in done.stderr
    assert below(folder) == [
        *("c.jpg.part", "done/a.jpg", "done/a.jpg.countermark", "done/a.signed.jpg"),
        *("done/desk/b.jpg", "done/desk/b.jpg.countermark", "done/desk/b.signed.jpg"),
        *("failed/broken.jpg", "failed/broken.jpg.txt"),
    ]
    assert (folder / "done" / "a.jpg").read_bytes() == draw(7101)
    assert "JPEG" in (folder / "failed" / "broken.jpg.txt").read_text()


def test_a_name_that_was_there_before_is_kept_beside_it(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    for seed in (7104, 7105):
        (folder / "a.jpg").write_bytes(draw(seed))
        run("watch", "incoming", "--once", "--settle", "0", status=0)
    assert (folder / "done" / "a.jpg").read_bytes() == draw(7104)
    assert (folder / "done" / "a-2.jpg").read_bytes() == draw(7105)
    assert (folder / "done" / "a-2.signed.jpg").exists()


@pytest.mark.parametrize("step", [1, 2, 3, 4], ids=["registered", "receipt", "signed copy", "moved"])
def test_a_hot_folder_that_is_killed_after_any_step_loses_nothing_and_does_nothing_twice(
    run: Run, service: Service, tmp_path: Path, step: int
) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(draw(7110 + step))
    command = ("watch", "incoming", "--once", "--settle", "0")
    run(*command, status=-signal.SIGKILL, after=(step, signal.SIGKILL))
    run(*command, status=0)
    assert below(folder) == ["done/a.jpg", "done/a.jpg.countermark", "done/a.signed.jpg"]
    assert len(registrations(service, draw(7110 + step))) == 1


@pytest.mark.parametrize("step", [1, 2], ids=["reason", "moved"])
def test_a_failure_is_told_once_wherever_it_was_killed(run: Run, tmp_path: Path, step: int) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"no picture")
    command = ("watch", "incoming", "--once", "--settle", "0")
    run(*command, status=-signal.SIGKILL, after=(step, signal.SIGKILL))
    run(*command, status=1 if step == 1 else 0)
    assert below(folder) == ["failed/broken.jpg", "failed/broken.jpg.txt"]


@pytest.mark.usefixtures("ctrl_c")
def test_it_watches_until_ctrl_c(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    environment = os.environ | {"COUNTERMARK_URL": service.url, "COUNTERMARK_API_KEY": service.api_key}
    command = [sys.executable, "-m", "countermark", "watch", str(folder), "--settle", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stderr is not None
            assert watching.stderr.readline().startswith("watching ")
            (tmp_path / "a.jpg").write_bytes(draw(7120))
            (tmp_path / "a.jpg").rename(folder / "a.jpg")
            eventually((folder / "done" / "a.jpg").exists)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(HUNG_SECONDS) == 0
        finally:
            watching.kill()


def below(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


# A key of one's own -------------------------------------------------------------------------------


def test_a_publishers_own_key_is_enrolled_and_its_statements_are_signed_here_and_logged(
    run: Run, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "a passphrase for tests")
    writer = service.enrol("own-hand", "The Own Hand")
    first = run("key", "generate", "first.pem", status=0).stdout.strip()
    assert run("key", "enrol", "first.pem", "--publisher", "own-hand", status=0).stdout == f"{first} in force\n"
    second = run("key", "generate", "second.pem", "--algorithm", "ES256", status=0).stdout.strip()
    rotate = ("--publisher", "own-hand", "--rotate", "--replaces", "first.pem", "--reason", "a yearly change")
    assert run("key", "enrol", "second.pem", *rotate, status=0).stdout == f"{second} in force\n"
    (tmp_path / "a.jpg").write_bytes(draw(7200))
    refused = run("register", "a.jpg", "--api-key", writer, status=2)
    assert "held elsewhere" in refused.stderr
    record = {"type": "asset.withdrawn", "publisher": "own-hand", "record": "ab" * 32, "reason": "the wrong river"}
    (tmp_path / "record.json").write_text(json.dumps(record))
    sign = ("key", "sign", "second.pem", "record.json", "--out", "signed", "--log", "--api-key", writer)
    logged = run(*sign, status=0).stdout
    assert ", entry " in logged
    assert run(*sign, status=0).stdout == logged
    assert (tmp_path / "signed" / "record.tlog-proof").read_text().startswith("c2sp.org/tlog-proof@v1\n")


@pytest.fixture
def own(run: Run, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """A publisher whose only key in force is its own: options with which it registers."""
    monkeypatch.setenv("COUNTERMARK_KEY_PASSPHRASE", "a passphrase for tests")
    writer = service.enrol("hand", "The Hand") if "hand" not in _WRITERS else _WRITERS["hand"]
    _WRITERS["hand"] = writer
    run("key", "generate", "hand.pem", status=0)
    run("key", "enrol", "hand.pem", "--publisher", "hand", status=0)
    return ("--key", "hand.pem", "--publisher", "hand", "--api-key", writer)


_WRITERS: dict[str, str] = {}


def signed_by(tmp_path: Path, receipt: Path) -> bool:
    """Whether the key in `hand.pem` has signed the record of a receipt."""
    key = parse_public_key((tmp_path / "hand.pem.pub").read_bytes())
    return receipt_statement(Receipt.parse(receipt.read_bytes())).kid == key.thumbprint


def test_a_picture_a_folder_and_a_hot_folder_are_registered_with_a_key_that_stays_here(
    run: Run, own: tuple[str, ...], service: Service, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(draw(7210))
    done = run("register", "a.jpg", "--title", "Flood", "--out", "one", *own, status=0)
    assert "The Hand" in done.stdout
    assert signed_by(tmp_path, tmp_path / "one" / "a.jpg.countermark")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "b.jpg").write_bytes(saying("Quay", draw(7211)))
    (tmp_path / "archive" / "c.jpg").write_bytes(draw(7212))
    (tmp_path / "map.csv").write_text("file,title,captured_at\narchive/c.jpg,Café,2026-05-04T09:30:00.5+02:00\n")
    done = run("register", "archive", "--map", "map.csv", "--out", "kept", "--sealed", *own, status=0)
    assert "2 pictures: 2 registered" in done.stderr
    assert "archive/b.jpg says of itself: title “Quay”" in done.stderr
    assert all(signed_by(tmp_path, each) for each in (tmp_path / "kept").rglob("*.countermark"))
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "d.jpg").write_bytes(draw(7213))
    run("watch", "incoming", "--once", "--settle", "0", *own, status=0)
    assert below(tmp_path / "incoming") == ["done/d.jpg", "done/d.jpg.countermark", "done/d.signed.jpg"]
    assert signed_by(tmp_path, tmp_path / "incoming" / "done" / "d.jpg.countermark")
    assert [registrations(service, draw(seed)) for seed in (7210, 7213)] == [["Flood"], [""]]


def test_with_a_key_of_ones_own_killed_after_any_step_nothing_is_registered_twice(
    run: Run, own: tuple[str, ...], service: Service, tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.jpg").write_bytes(draw(7220))
    command = ("register", "archive", "--out", "kept", *own)
    for step in (1, 2, 3, 4, 5, 6, 7):  # the last of them are those of a registration that was signed here
        run(*command, status=-signal.SIGKILL, after=(step, signal.SIGKILL))
        if (tmp_path / "kept" / "archive" / "a.signed.jpg").exists():
            break
    run(*command, status=0)
    assert len(registrations(service, draw(7220))) == 1
    assert signed_by(tmp_path, tmp_path / "kept" / "archive" / "a.jpg.countermark")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--key", "hand.pem"), "--key needs --publisher"), (("--key", "none.pem", "--publisher", "hand"), "none.pem")],
)
def test_without_a_publisher_or_a_key_file_nothing_is_sent(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "a.jpg").write_bytes(draw(7230))
    assert told in run("register", "a.jpg", *arguments, status=2).stderr
