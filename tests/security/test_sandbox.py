"""What a taken-over decoder gets out of a worker: nothing, whoever runs the service."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest

from registry.sandbox.confinement import MAX_THREADS, NOBODYS
from tests.patience import HUNG_SECONDS
from tests.security import acts
from tests.security.hostile import honest
from tests.served import served

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


@pytest.fixture
def environment_of_everybody() -> Iterator[str]:
    """The interpreter of a virtual environment that every user may read, with the libraries of this one."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    base, libraries = interpreter_of_everybody(), sysconfig.get_path("purelib")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
        place = Path(folder, "lib", Path(libraries).parent.name, "site-packages")
        place.rmdir()
        place.symlink_to(libraries)
        yield f"{folder}/bin/python"


def user_of(process: Path) -> int:
    return process.stat().st_uid


def test_a_service_that_root_started_in_production_works_with_workers_that_are_nobody(
    environment_of_everybody: str, tmp_path: Path
) -> None:
    settings = {
        "environment": "production",
        "origin": "log.example.org",
        "key_passphrase": "a passphrase of thirty characters",
        "workers": "2",
    }
    given = {f"COUNTERMARK_{name.upper()}": value for name, value in settings.items()}
    command = [environment_of_everybody, "-m", "api", "log", "init", "--json"]
    here = os.environ | given | {"COUNTERMARK_FOLDER": str(tmp_path / "data")}
    founded = subprocess.run(command, cwd=ROOT, env=here, check=True, stdout=subprocess.PIPE)
    bearer = {"Authorization": f"Bearer {json.loads(founded.stdout)['api_key']}"}
    with served(tmp_path, interpreter=environment_of_everybody, **settings) as server:
        server.wait()
        with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=HUNG_SECONDS) as http:
            assert http.get("/readyz").json()["sandbox"] == dict.fromkeys(
                ("system_calls", "files", "signals", "own_user"), True
            )
            picture = honest("JPEG")
            registered = http.post("/v1/assets", files={"file": ("a", picture)}, headers=bearer)
            assert registered.status_code == 201, registered.text
            signed = http.get(f"/v1/assets/{registered.json()['id']}/credentialed").content
            for each in (picture, signed):
                report = http.post("/v1/verifications", content=each).json()
                assert report["axes"]["registration"]["value"] == "EXACT_MATCH"
        children = [Path("/proc", each) for each in server.children()]
        assert len(children) == 2
        users = {user_of(each) for each in children}
        assert len(users) == 2
        assert users <= set(NOBODYS)
