"""A publisher's key is rotated under load, and the service is killed: no append fails, and none is lost."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from registry.database import publishers
from registry.keys.api_keys import DEFAULT_PUBLISHER
from tests.patience import eventually
from tests.unit.registry.log_folder import Log

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10


def load_until_killed(folder: Path, output: Path, count: int) -> tuple[list[str], float]:
    """The lines of one life that logged `count` records or more and rotated the key, and the seconds that took."""

    def is_done() -> bool:
        said = output.read_bytes()
        return (said.count(b"logged") >= count and b"rotated" in said) or child.poll() is not None

    with output.open("wb") as lines:
        command = [sys.executable, "-m", "tests.faults.key_load_child", str(folder)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=lines, stderr=subprocess.PIPE)
        try:
            eventually(lambda: output.stat().st_size or child.poll() is not None)
            began = time.monotonic()
            eventually(is_done)
            assert child.poll() is None, child.stderr and child.stderr.read().decode()
        finally:
            lived = time.monotonic() - began
            child.kill()
            child.communicate()
    return output.read_text().split("\n")[:-1], lived  # what was cut off in the middle was never said


def test_rotations_under_load_with_kills_fail_no_append(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, choose = tmp_path / "data", random.Random(15)
    said: list[str] = []
    seconds = 0.0
    for number in range(KILLS):
        lines, lived = load_until_killed(folder, tmp_path / f"life-{number}", choose.randint(50, 800))
        said += lines
        seconds += lived
    kinds = Counter(line.partition(" ")[0] for line in said)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kinds['logged'] / seconds:.0f} records/s, {kinds['rotated']} rotations, {KILLS} kills, "
            f"{kinds['failed']} failed\n"
        )
    assert [line for line in said if line.startswith("failed")] == []
    assert kinds["rotated"] >= KILLS
    logged = [bytes.fromhex(line.partition(" ")[2]) for line in said if line.startswith("logged")]
    with Log(folder) as log:
        log.settle()
        assert log.findings() == []  # every signature by the key that was in force at its index
        for record_id in logged:
            assert log.proofs.tlog_proof(record_id).index < log.sequencer.size
        with log.store.read() as session:
            kept = {row.kid.hex() for row in publishers.keys_of(session, DEFAULT_PUBLISHER)}
        assert {line.partition(" ")[2] for line in said if line.startswith("rotated")} <= kept
