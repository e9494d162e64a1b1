"""A kill at any step of a rotation of the log's key leaves a log that goes on, under the old key or the new."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.receipts.procedure import verify_receipt
from tests.patience import HUNG_SECONDS
from tests.unit.registry.log_folder import Log

ROOT = Path(__file__).resolve().parents[2]
MANY = 10**9
KILLS = 60


def rotate(folder: Path, calls: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults.rotation_child", str(folder), str(calls)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HUNG_SECONDS, check=False)


@pytest.mark.timeout(1200)
def test_a_kill_at_any_step_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    template = tmp_path / "template"
    with Log(template) as log:
        log.grow()
        old, before = log.sequencer.key, log.receipt(0)
    whole = rotate(Path(shutil.copytree(template, tmp_path / "whole")), MANY)
    assert whole.returncode == 0, whole.stderr
    calls = MANY - int(whole.stdout)
    choose = random.Random(15)
    outcomes = {"old": 0, "new": 0}
    for number in range(KILLS):
        at = 1 + (calls * number + choose.randrange(calls)) // KILLS  # spread over the whole rotation
        folder = Path(shutil.copytree(template, tmp_path / f"kill-{number}"))
        killed = rotate(folder, at)
        assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr  # threads take turns, so the count is not exact
        with Log(folder) as log:
            log.settle()
            key = log.sequencer.key
            outcomes["old" if key == old else "new"] += 1
            log.grow()
            after = log.receipt(0)
            assert verify_receipt(before, trusted_keys=[old]).holds
            for trusted in {old, key}:
                report = verify_receipt(after, trusted_keys=[trusted])
                assert report.holds, (at, report.steps)
                assert report.log_key_pinned
            assert log.findings() == []
            log.rotate()
            log.grow()
            assert log.findings() == []
        shutil.rmtree(folder)
    assert outcomes["old"] > 5, outcomes  # the kills fell on both sides of the entry
    assert outcomes["new"] > 5, outcomes
