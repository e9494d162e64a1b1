"""What a taken-over decoder gets out of a worker: nothing, whoever runs the service."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from registry.sandbox.confinement import MAX_THREADS, NOBODYS
from tests.patience import HUNG_SECONDS
from tests.security import acts

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the acts are system calls of Linux on x86-64"
)

NOBODY = 65534
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Probed:
    held: dict[str, bool | None]
    outcomes: dict[str, str]
    lived: bool
    threads: int
    modes: set[int]


def run(interpreter: str, *arguments: str, user: int | None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((sysconfig.get_path("purelib"), str(ROOT)))}
    options: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(
        [interpreter, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=HUNG_SECONDS * 2,
        cwd=ROOT,
        env=environment,
        **options,
    )


@cache
def interpreter_of_everybody() -> str:
    """One of this version that every user may start, and that runs what this one runs."""
    for found in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            version = run(found, "-c", "import sys, cv2, cbor2; print(*sys.version_info[:2])", user=NOBODY).stdout
        except (OSError, subprocess.CalledProcessError):
            continue
        if version.split() == [str(each) for each in sys.version_info[:2]]:
            return found
    pytest.skip("no interpreter of this version that every user may start")


@cache
def probed(interpreter: str, user: int | None) -> Probed:
    folder = Path(run(interpreter, "-c", "import tempfile; print(tempfile.mkdtemp())", user=user).stdout.strip())
    make = f"import pathlib; [pathlib.Path({str(folder)!r}, n).write_bytes(b'x') for n in {acts.FILES}]"
    run(interpreter, "-c", make, user=user)
    before = {each.stat().st_mode for each in folder.iterdir()}
    answer = json.loads(run(interpreter, "-m", "tests.security.probe", str(folder), user=user).stdout)
    assert {each.name for each in folder.iterdir()} == set(acts.FILES)
    assert {each.stat().st_mode for each in folder.iterdir()} == before
    run(interpreter, "-c", f"import shutil; shutil.rmtree({str(folder)!r})", user=user)
    return Probed(**answer, modes=before)


@pytest.fixture(params=["as it is", "as root", "as nobody"])
def probe(request: pytest.FixtureRequest) -> Probed:
    if request.param == "as it is":
        return probed(sys.executable, None)
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    return probed(interpreter_of_everybody(), None if request.param == "as root" else NOBODY)


def test_every_act_is_refused(probe: Probed) -> None:
    assert len(probe.outcomes) == len(acts.ACTS) >= 40
    assert [name for name, outcome in probe.outcomes.items() if outcome == "done"] == []
    assert probe.lived


def test_each_act_was_seen_to_succeed_or_is_said_to_have_been_refused_before() -> None:
    succeeded = [each.name for each in acts.ACTS if not each.was]
    assert len(succeeded) >= 40
    assert len({each.name for each in acts.ACTS}) == len(acts.ACTS)


def test_a_server_that_root_started_gives_each_worker_a_user_and_few_threads() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    as_root, as_nobody = probed(interpreter_of_everybody(), None), probed(interpreter_of_everybody(), NOBODY)
    assert (as_root.held["own_user"], as_nobody.held["own_user"]) == (True, None)
    assert as_root.threads < MAX_THREADS
    assert NOBODY not in NOBODYS
