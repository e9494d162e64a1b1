"""Maps of claims, and how registering folders ends where the service does not answer, or refuses."""

import csv
import os
from datetime import datetime
from pathlib import Path

import pytest
from countermark import InvalidRequest, retries
from countermark.newsroom.claims_table import read_map
from countermark.newsroom.watching import Settling

from tests.replies import breaks, refuses
from tests.unit.client import story
from tests.unit.client.commands import Run, on_a_terminal


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"a")
    return folder


def test_a_map_states_claims_by_file_and_an_empty_cell_nothing(tmp_path: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        "\ufefffile,title,created,captured_at,credential\n"
        "a/b.jpg,First,yes,2026-05-04T09:30:00+02:00,sidecar\n"
        "c.jpg,,,,\n",
        encoding="utf-8",
    )
    assert read_map(table) == {
        bytes(tmp_path / "a" / "b.jpg"): {
            "title": "First",
            "created": True,
            "captured_at": datetime.fromisoformat("2026-05-04T09:30:00+02:00"),
            "credential": "sidecar",
        },
        bytes(tmp_path / "c.jpg"): {},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title\nx", "no column 'file'"),
        ("file,colour\na.jpg,red", "'colour'"),
        ("file,parents\na.jpg,x", "'parents'"),
        ("file,title,title\na.jpg,x,y", "two of one name"),
        ("file,created\na.jpg,perhaps", "line 2, created: yes or no is expected"),
        ("file,captured_at\na.jpg,2026-05-04T09:30:00", "line 2, captured_at: a time zone is expected"),
        ("file,credential\na.jpg,maybe", "line 2, credential: one of embedded, sidecar, none is expected"),
        ("file,title\na.jpg", "line 2: as many cells as columns"),
        ("file,title\na.jpg,x,y", "line 2: as many cells as columns"),
        ("file,title\n,x", "line 2: as many cells as columns"),
        ("file,title\na.jpg,x\n./a.jpg,y", "line 3: .*a.jpg has a row already"),
        ('file,title\na.jpg,"x', "cannot be read as CSV"),
        ("file,title\na.jpg,\udcff", "cannot be read as CSV"),
    ],
)
def test_a_map_that_is_none_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "map.csv"
    table.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InvalidRequest, match=told):
        read_map(table)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("archive",), "need --out"),
        (("archive", "--out", "kept", "--title", "One"), "are for one picture"),
        (("archive", "--out", "kept", "--map", "nowhere.csv"), "cannot be read"),
        (("archive", "other/archive", "--out", "kept"), "have the same name"),
    ],
)
def test_usage_errors_of_folders_send_nothing(
    run: Run, service: story.Service, archive: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "other" / "archive").mkdir(parents=True)
    done = run("register", *arguments)
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert service.asked == []


def test_a_service_that_does_not_answer_ends_it_incomplete_and_the_state_stays(
    run: Run, service: story.Service, archive: Path, tmp_path: Path
) -> None:
    for name in ("b", "c", "d", "e"):
        (archive / f"{name}.jpg").write_bytes(name.encode())
    service.will(*[breaks] * 60)
    done = run("register", "archive", "--out", "kept")
    assert done.returncode == 3
    assert "did not answer 5 times in a row" in done.stderr
    assert (tmp_path / "kept" / "records.csv").exists()


def test_a_terminal_is_shown_how_far_it_is_and_the_rest_stays_readable(
    service: story.Service, archive: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    service.will(refuses("unsupported-media", 415, "no picture"))
    status, sent = on_a_terminal(["register", str(archive), "--out", str(tmp_path / "kept")], environment)
    assert status == 1
    assert "\r\x1b[2Kregistering: 0/" in sent
    assert "1 picture: 1 failed" in sent.replace("\r\n", " ")


def test_a_key_that_is_refused_ends_it_at_once(run: Run, service: story.Service, archive: Path) -> None:
    service.will(refuses("not-authenticated", 401))
    done = run("register", "archive", "--out", "kept", "--in-flight", "1")
    assert done.returncode == 2
    assert len(service.asked) == 1


def test_a_file_that_is_still_written_has_not_settled() -> None:
    settling = Settling(3.0)
    a, b = Path("a.jpg"), Path("b.jpg")
    assert settling.look({a: "1 byte"}, 100.0) == []
    assert settling.look({a: "2 bytes", b: "1 byte"}, 102.0) == []
    assert settling.look({a: "2 bytes", b: "1 byte"}, 104.9) == []
    assert settling.look({a: "3 bytes", b: "1 byte"}, 105.0) == [b]
    assert settling.look({}, 106.0) == []
    assert settling.look({a: "3 bytes"}, 109.0) == []
    assert Settling(0.0).look({a: "1 byte"}, 100.0) == [a]


ODD = (b"\xff.jpg", b"-rf.jpg", b"new\nline.jpg", b"\x1b[31m.jpg", b"=1+1.jpg", "\u202egpj.jpg".encode())
"""Names that are not UTF-8, or that a shell, list, terminal, spreadsheet or eye would take for something else."""


def test_files_of_any_name_are_told_kept_and_obeyed_by_nothing(
    run: Run, service: story.Service, archive: Path, tmp_path: Path
) -> None:
    (archive / "a.jpg").unlink()
    for name in ODD:
        (Path(os.fsdecode(os.fsencode(archive) + b"/" + name))).write_bytes(name)
    service.will(refuses("undecodable-media", 422, "no picture \x1b]0;title\x07"))
    done = run("register", "archive", "--out", "kept")
    assert done.returncode == 1
    assert "6 pictures: 6 failed" in done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("Failed: archive/")]) == len(ODD)
    assert r"archive/\xff.jpg" in done.stdout
    with (tmp_path / "kept" / "records.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert len(table) == 1 + len(ODD)
    assert not [each for row in table for each in row if each.startswith(("=", "+", "-", "@"))]
    for text in (done.stdout, done.stderr, (tmp_path / "kept" / "records.csv").read_text()):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


@pytest.mark.parametrize("loop", ["file", "folder"])
def test_links_that_lead_in_a_circle_are_told_and_not_followed(
    run: Run, service: story.Service, archive: Path, loop: str
) -> None:
    (archive / "a.jpg").unlink()
    (archive / "round.jpg").symlink_to("round.jpg" if loop == "file" else "..")
    done = run("register", "archive", "--out", "kept")
    assert (done.returncode, service.asked) == (0, [])
    assert "links within folders that were not followed: 1" in done.stderr
    assert "0 pictures" in done.stderr
