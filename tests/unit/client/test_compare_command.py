"""`countermark compare`: two files of one's own, neither of which is looked up."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.replies import refuses, says
from tests.unit.client import story
from tests.unit.client.commands import Run, fits

OVERLAY = b"\x89PNG where they differ"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("received.jpg", "sent.jpg"):
        (tmp_path / name).write_bytes(story.PICTURE)
    return Path("received.jpg"), Path("sent.jpg")


def compared(code: str = "MATCH_WITH_DIFFERENCES", **values: object) -> dict[str, Any]:
    """The answer to a comparison, by which one region differs."""
    told = story.report(code)
    return {
        "created_at": told["created_at"],
        "file": told["input"],
        "reference": told["input"],
        "headline": told["headline"],
        "basis": "comparison",
        "comparison": told["matches"][0]["comparison"],
        "difference": f"data:image/png;base64,{base64.b64encode(OVERLAY).decode()}",
        "error_rates": [],
    } | values


def test_two_pictures_are_compared_and_where_they_differ_is_told_and_drawn(
    run: Run, service: story.Service, files: tuple[Path, Path], tmp_path: Path
) -> None:
    service.will(says(compared()))
    done = run("compare", *files, "--difference", "where.png", "--full-detail")
    assert (done.returncode, done.stderr) == (1, "")
    assert [asked.path for asked in service.asked] == ["/v1/comparisons?detail=full"]
    assert fits(done.stdout)
    first, *_ = done.stdout.splitlines()
    assert first == "received.jpg compared with sent.jpg"
    assert "left 25%, top 50%, right 75%, bottom 100% (20.0% of the picture" in " ".join(done.stdout.split())
    assert (tmp_path / "where.png").read_bytes() == OVERLAY


def test_of_two_files_without_a_difference_nothing_is_drawn(
    run: Run, service: story.Service, files: tuple[Path, Path], tmp_path: Path
) -> None:
    service.will(says(compared("EXACT_MATCH", basis="bytes", comparison=None, difference=None)))
    done = run("compare", *files, "--difference", "where.png")
    assert (done.returncode, done.stderr) == (0, "where.png is not written: there are no differences to draw\n")
    assert not (tmp_path / "where.png").exists()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("MATCH_NO_DIFFERENCE_FOUND", 0),
        ("MATCH_INSIDE_LARGER", 0),
        ("SHARES_LAYOUT", 1),
        ("NO_MATCH_FOUND", 1),
        ("A_VALUE_OF_THE_FUTURE", 1),
    ],
)
def test_the_exit_status_says_whether_a_difference_was_found(
    run: Run, service: story.Service, files: tuple[Path, Path], code: str, status: int
) -> None:
    service.will(says(compared(code)))
    done = run("compare", *files, "--json")
    assert done.returncode == status
    assert json.loads(done.stdout)["headline"]["code"] == code


def test_what_is_no_picture_or_drawn_in_another_form_is_told_in_a_line(
    run: Run, service: story.Service, files: tuple[Path, Path], tmp_path: Path
) -> None:
    service.will(refuses("unsupported-media", 415))
    assert run("compare", *files).returncode == 2
    assert run("compare", files[0], "nowhere.jpg").returncode == 2
    service.will(says(compared(difference="data:image/webp;base64,AAAA")))
    done = run("compare", *files, "--difference", "where.png")
    assert (done.returncode, done.stdout) == (3, "")
    assert "a form that is not known here" in done.stderr
    assert not (tmp_path / "where.png").exists()
