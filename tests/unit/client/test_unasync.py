"""The waiting client is generated from the awaiting one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = Path("clients/python/countermark")
PARTS = ("__init__.py", "async_client.py", "client.py")
TOOL = Path("tools/unasync.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for path in (TOOL, Path("pyproject.toml"), *map(CLIENTS.joinpath, PARTS)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / TOOL), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_committed_client_is_what_its_source_says() -> None:
    done = run(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_client_that_was_changed_by_hand_is_refused_with_what_to_do(checkout: Path) -> None:
    client = checkout / CLIENTS / "client.py"
    committed = client.read_text()
    client.write_text(committed.replace("self, asset_id: str, reason: str", "self, asset_id: str, why: str"))
    done = run(checkout, "--check")
    assert done.returncode == 1
    assert done.stderr == "client.py is not what async_client.py says: run `python tools/unasync.py`.\n"
    assert client.read_text() != committed
    assert run(checkout).returncode == 0
    assert client.read_text() == committed
