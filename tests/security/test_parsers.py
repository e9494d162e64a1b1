"""Our own parsers take what they should and refuse the rest: fuzzed by atheris, and with damaged bytes."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HUNG_SECONDS
from tests.security.hostile import FULL, damaged
from tests.security.parsers import GROUPS, taken_or_refused
from tests.served import ROOT

FUZZER = ROOT / ".tools/fuzzer"
RUNS = 20_000 if FULL else 2_000
"""Inputs for each parser."""


@pytest.mark.skipif(not FUZZER.is_dir(), reason="no atheris (make corpora gets it)")
@pytest.mark.parametrize("group", GROUPS)
def test_parsers_refuse_what_atheris_finds(group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = os.pathsep.join((str(FUZZER), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [sys.executable, "-m", "tests.security.parsers", group, str(RUNS), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=20 * HUNG_SECONDS if FULL else 2 * HUNG_SECONDS,
        check=False,
    )
    found = [each.name for each in tmp_path.glob("*-*") if each.is_file()]
    assert (done.returncode, found) == (0, []), done.stderr[-4000:] + done.stdout[-4000:]
    reached = re.findall(r"#(\d+)\s+DONE\s+cov: (\d+)", done.stderr)
    assert reached, done.stderr[-2000:]
    with capsys.disabled():
        print(f"\n{group}: {reached[0][0]} inputs, {reached[0][1]} branches reached")  # noqa: T201


@pytest.mark.parametrize("group", GROUPS)
def test_parsers_refuse_damaged_bytes(group: str) -> None:
    for name, target in GROUPS[group]().items():
        random_, call = random.Random(name), taken_or_refused(target)
        for seed in target.seeds:
            call(seed)
            for _ in range(RUNS // 20):
                call(damaged(seed, random_))
