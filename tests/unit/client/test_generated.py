"""What the client has from elsewhere is generated: the waiting client, and the keyword arguments of `register`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = Path("clients/python/countermark")
PARTS = ("__init__.py", "async_client.py", "claims.py", "client.py")
JAVASCRIPT = Path("clients/js/src")
TOOL = Path("tools/generate.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for path in (TOOL, Path("pyproject.toml"), *map(CLIENTS.joinpath, PARTS)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / JAVASCRIPT, tmp_path / JAVASCRIPT)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / TOOL), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_is_committed_is_what_its_source_says() -> None:
    done = run(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "source", "written", "by_hand"),
    [
        ("client.py", "async_client.py", "self, asset_id: str, reason: str", "self, asset_id: str, why: str"),
        ("claims.py", "provenance/claims.py", "caption: str | None", "caption: str"),
    ],
)
def test_a_file_that_was_changed_by_hand_is_refused_with_what_to_do(
    checkout: Path, name: str, source: str, written: str, by_hand: str
) -> None:
    file = checkout / CLIENTS / name
    committed = file.read_text()
    file.write_text(committed.replace(written, by_hand))
    done = run(checkout, "--check")
    assert done.returncode == 1
    assert done.stderr == f"{name} is out of date with {source}: run `python tools/generate.py`.\n"
    assert file.read_text() != committed
    assert run(checkout).returncode == 0
    assert file.read_text() == committed
