"""What `deploy/compose.yaml` starts, as processes on this machine: PostgreSQL, an S3 server, and the service.

Its settings are read out of the file; only addresses and the place of the data differ. The code is what
`deploy/Containerfile` copies, and nothing else.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.port import kept_port
from tests.buckets import BucketServer
from tests.patience import HUNG_SECONDS, eventually
from tests.postgres import PostgresServer
from tests.served import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
SECRETS = dict.fromkeys(
    ("COUNTERMARK_KEY_PASSPHRASE", "DATABASE_PASSWORD", "OBJECTS_PASSWORD"), "made by up.sh, 32 characters long"
)
ORIGIN = "127.0.0.1:8000/log"


def stated(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service, with the variables that the file asks for."""

    def value(found: re.Match[str]) -> str:
        name, operator, default = found.groups()
        assert operator != ":?" or given.get(name), name
        return given.get(name) or (default if operator == ":-" else "")

    pattern = r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}"
    return {
        name: re.sub(pattern, value, str(text)) for name, text in COMPOSE["services"][service]["environment"].items()
    }


def copied(folder: Path) -> Path:
    """The tree that `Containerfile` makes, without the environment of Python."""
    lines = (ROOT / "deploy/Containerfile").read_text().splitlines()
    for line in (each for each in lines if each.startswith("COPY ") and "--from" not in each):
        *sources, target = line.split()[1:]
        for source in sources:
            place = folder / target / Path(source).name if target.endswith("/") else folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    return folder


@dataclass
class Deployed:
    code: Path
    data: Path
    temporary: Path
    here: dict[str, str]

    def environment(self, service: str, **given: str) -> dict[str, str]:
        clean = {name: each for name, each in os.environ.items() if not name.startswith("COUNTERMARK_")}
        return clean | stated(service, SECRETS | given) | self.here

    def found(self, **given: str) -> "subprocess.CompletedProcess[str]":
        assert COMPOSE["services"]["found"]["entrypoint"] == ["sh", "deploy/found.sh"]
        return subprocess.run(
            ["sh", "deploy/found.sh"],
            cwd=self.code,
            env=self.environment("found", **given),
            capture_output=True,
            text=True,
            timeout=HUNG_SECONDS,
            check=False,
        )

    def start(self, log: Path) -> "subprocess.Popen[bytes]":
        with log.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "api", *COMPOSE["services"]["serve"]["command"]],
                cwd=self.code,
                env=self.environment("serve"),
                stdout=out,
                stderr=out,
            )

    def healthy(self) -> bool:
        command = [sys.executable, "deploy/health.py"]
        done = subprocess.run(command, cwd=self.code, env=self.environment("serve"), capture_output=True, check=False)
        return done.returncode == 0

    @contextmanager
    def serving(self, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
        process = self.start(log)
        try:

            def ready() -> bool:
                assert process.poll() is None, log.read_text()
                return self.healthy()

            eventually(ready)
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def deployed(tmp_path: Path, postgres: PostgresServer, buckets: BucketServer) -> Iterator[Deployed]:
    own = f"{os.getpid()}-{tmp_path.name.lower().replace('_', '-')}"[:40]
    for name in ("countermark", "countermark-high-water"):
        buckets.request("PUT", f"/{name}-{own}")
    data, temporary = tmp_path / "data", tmp_path / "tmp"
    data.mkdir(mode=0o700)
    temporary.mkdir()
    code = copied(tmp_path / "code")
    with kept_port() as port:
        here = {
            "COUNTERMARK_FOLDER": str(data),
            "COUNTERMARK_PORT": str(port),
            "COUNTERMARK_DATABASE_URL": postgres.new_database(),
            "COUNTERMARK_OBJECTS_URL": f"s3://countermark-{own}/newsroom",
            "COUNTERMARK_HIGH_WATER": f"s3://countermark-high-water-{own}/high-water",
            "COUNTERMARK_WORKERS": "1",
            "COUNTERMARK_SANDBOX_WITHOUT": "system_calls,files,own_user",  # what this machine has is not what is tested
            "PYTHONPATH": os.pathsep.join((str(code), str(code / "clients/python"))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "TMPDIR": str(temporary),
            **buckets.environment,
        }
        yield Deployed(code, data, temporary, here)


def files_of(folder: Path) -> set[Path]:
    return {each for each in folder.rglob("*") if each.is_file()}


def test_the_log_is_founded_once_and_by_its_name_alone(deployed: Deployed, tmp_path: Path) -> None:
    unasked = deployed.found()
    assert unasked.returncode == 2
    assert f"COUNTERMARK_FOUND_LOG={ORIGIN}" in unasked.stderr
    assert deployed.found(COUNTERMARK_FOUND_LOG="another/log").returncode == 2
    assert deployed.start(tmp_path / "log").wait(HUNG_SECONDS) == 2
    assert list(deployed.data.iterdir()) == []
    founded = deployed.found(COUNTERMARK_FOUND_LOG=ORIGIN)
    assert founded.returncode == 0, founded.stderr
    assert founded.stdout.startswith(f"{ORIGIN}+")
    assert "cmk_" in founded.stderr
    again = deployed.found(COUNTERMARK_FOUND_LOG=ORIGIN)
    assert again.returncode == 0, again.stderr
    assert founded.stdout.splitlines()[0] in again.stdout
    assert "cmk_" not in again.stdout + again.stderr
    shutil.rmtree(deployed.data)
    deployed.data.mkdir(mode=0o700)
    lost = deployed.found(COUNTERMARK_FOUND_LOG=ORIGIN)
    assert lost.returncode == 2
    assert "there is a log already" in lost.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl, with which the README asks")
def test_the_lines_of_the_readme_hold_where_everything_is_deployed(deployed: Deployed, tmp_path: Path) -> None:
    founded = deployed.found(COUNTERMARK_FOUND_LOG=ORIGIN)
    assert founded.returncode == 0, founded.stderr
    key = re.search(r"cmk_\S+", founded.stderr)
    assert key is not None
    vkey = founded.stdout.splitlines()[0]
    code = files_of(deployed.code)
    with deployed.serving(tmp_path / "log") as process:
        desk = tmp_path / "desk"
        desk.mkdir()
        (desk / "demo").symlink_to(ROOT / "demo")
        api = f"http://127.0.0.1:{deployed.here['COUNTERMARK_PORT']}"
        asked = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", readme_lines()],
            cwd=desk,
            env=deployed.environment("serve") | {"KEY": key[0], "API": api},
            capture_output=True,
            text=True,
            timeout=HUNG_SECONDS,
            check=False,
        )
        assert asked.returncode == 0, asked.stderr
        report = json.loads(asked.stdout)
        assert [match["asset"]["title"] for match in report["matches"]] == ["Path below the Picos"]
        assert report["axes"]["proof"]["value"] == "PUBLISHED"
        process.send_signal(signal.SIGTERM)
        assert process.wait(HUNG_SECONDS) == 0, (tmp_path / "log").read_text()
    checked = subprocess.run(
        [
            *(sys.executable, "-c", "from countermark.cli import main; main()", "receipt", "verify"),
            *("mountains.countermark", "demo/photos/mountains.jpg", "--vkey", vkey),
        ],
        cwd=desk,
        env=deployed.environment("serve"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert files_of(deployed.code) == code  # the root file system is read-only there
    assert list(deployed.temporary.iterdir()) == []
    assert [each.name for each in deployed.data.glob("spool/*")] == []


def readme_lines() -> str:
    """The lines of "Run it" that ask the service."""
    text = (ROOT / "README.md").read_text()
    lines = text[text.index("    # register: ") : text.index("With `-F")]
    assert lines.count("curl") == 4
    return "\n".join(line.removeprefix("    ") for line in lines.splitlines())


def test_containers_have_no_rights_and_write_nowhere_but_to_their_data() -> None:
    for name in ("found", "serve"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["volumes"] == ["data:/data"]
        assert [each.partition(":")[0] for each in service["tmpfs"]] == ["/tmp"]
        assert service["environment"].keys() >= {"COUNTERMARK_KEY_PASSPHRASE", "COUNTERMARK_HIGH_WATER"}
    assert COMPOSE["services"]["objects"]["ports"] == ["127.0.0.1:8000:8000"]
    container = (ROOT / "deploy/Containerfile").read_text()
    assert re.findall(r"^USER (.*)$", container, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in container


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_unit_is_hardened() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", ROOT / "deploy/countermark.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "offline" in done.stderr:
        pytest.skip("systemd-analyze cannot look at files here")
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    unit = tmp_path / "countermark.service"
    stated = (ROOT / "deploy/countermark.service").read_text()
    unit.write_text(stated.replace("/srv/countermark/.venv/bin/python", sys.executable))
    assert unit.read_text() != stated
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "countermark" in line] == []
    assert done.returncode == 0, done.stderr
