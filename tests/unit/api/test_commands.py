"""The commands, as an operator runs them."""

import base64
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from api.__main__ import main
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.note import ML_DSA_44, VerifierKey
from registry.database import Store
from tests.buckets import BucketServer
from tests.patience import HUNG_SECONDS
from tests.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Outcome:
    returncode: int
    stdout: str
    stderr: str


FOUND = ("log", "init")


def _environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERMARK_")}
    return clean | {
        "COUNTERMARK_FOLDER": str(folder),
        "COUNTERMARK_KEY_PASSPHRASE": "a passphrase for tests",
        "COUNTERMARK_SANDBOX_WITHOUT": "own_user",  # root's interpreter may be closed to other users
        "COUNTERMARK_WORKERS": "1",
    }


def _run(folder: Path, *arguments: str, **environment: str) -> Outcome:
    """Runs a command in this process: starting another for each would take most of these tests' time."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.dict(os.environ, _environment(folder) | environment, clear=True),
        mock.patch.object(sys, "argv", ["api", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def _listed(lines: str, name: str) -> dict[str, str]:
    """The key of this name: keys made within one second are listed in no promised order."""
    return next(key for key in map(json.loads, lines.splitlines()) if key["name"] == name)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a registry with a log that has begun, to be copied."""
    made = tmp_path_factory.mktemp("founded") / "data"
    assert _run(made, *FOUND).returncode == 0
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, founded: Path) -> Path:
    """A registry's, made before any test: they may run in any order."""
    return Path(shutil.copytree(founded, tmp_path_factory.mktemp("commands") / "data"))


def test_a_key_is_printed_once_listed_without_its_secret_and_revoked(tmp_path: Path, founded: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(founded, folder)
    made = _run(folder, "key", "create", "--name", "desk", "--scope", "assets:write", "--days", "30")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key.startswith("cmk_")
    listed = _run(folder, "key", "list", "--json")
    line = _listed(listed.stdout, "desk")
    assert line["publisher"] == "newsroom"
    assert line["state"].startswith("expires")
    assert key.rpartition("_")[2] not in listed.stdout + listed.stderr
    assert _run(folder, "key", "revoke", line["id"]).returncode == 0
    assert _listed(_run(folder, "key", "list", "--json").stdout, "desk")["state"] == "revoked"


@pytest.mark.parametrize(
    "command",
    [
        ("serve",),
        ("key", "create", "--name", "desk", "--scope", "admin"),
        ("key", "list"),
        ("index", "rebuild"),
        ("log", "freeze", "--reason", "moved", "--yes"),
        ("log", "info"),
    ],
)
def test_in_production_no_command_but_one_begins_a_log(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = _run(tmp_path / "data", *command)
    assert refused.returncode == 2
    assert "python -m api log init" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_log_begins_when_it_is_told_to_and_only_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    begun = _run(folder, *FOUND)
    assert begun.returncode == 0, begun.stderr
    assert "cmk_" in begun.stderr
    assert json.loads(_run(folder, "log", "info", "--json").stdout)["vkey"] == begun.stdout.splitlines()[0]
    again = _run(folder, *FOUND)
    assert again.returncode == 2
    assert "there is a log already" in again.stderr


def test_a_log_does_not_begin_anew_where_its_folder_is_gone_and_its_last_checkpoint_is_kept(tmp_path: Path) -> None:
    folder, water = tmp_path / "data", str(tmp_path / "high-water")
    assert _run(folder, *FOUND, COUNTERMARK_HIGH_WATER=water).returncode == 0
    folder.rename(tmp_path / "unmounted")
    for command in (FOUND, ("serve",)):
        assert _run(folder, *command, COUNTERMARK_HIGH_WATER=water).returncode == 2
    assert not folder.exists()


def test_a_log_whose_keys_are_gone_gets_no_others(tmp_path: Path, founded: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(founded, folder)
    (folder / "keys").rename(tmp_path / "keys")
    refused = _run(folder, "serve", COUNTERMARK_ENVIRONMENT="development")
    assert refused.returncode == 3
    assert "restore the keys" in refused.stderr
    assert not (folder / "keys").exists()


def test_the_log_says_who_it_is_while_the_service_runs_and_while_it_does_not(folder: Path) -> None:
    stopped = json.loads(_run(folder, "log", "info", "--json").stdout)
    assert stopped["origin"] == "127.0.0.1:8000/log"
    key = VerifierKey.parse(stopped["vkey"])
    checkpoint, _ = open_checkpoint(stopped["checkpoint"].encode(), [key], stopped["origin"])
    assert (checkpoint.size, base64.b64encode(checkpoint.root).decode()) == (stopped["size"], stopped["root"])
    with contextlib.closing(Store.open(folder)):
        running = _run(folder, "log", "info", "--json")
    assert running.returncode == 0, running.stderr
    assert json.loads(running.stdout) == stopped
    shown = _run(folder, "log", "info").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["origin", "vkey", "ml-dsa", "size", "root"]
    (second,) = (VerifierKey.parse(each) for each in stopped["ml_dsa"])
    assert second.key_type == ML_DSA_44
    assert shown[2].split()[1] == str(second)
    assert open_checkpoint(stopped["checkpoint"].encode(), [second], stopped["origin"])[0] == checkpoint


def test_the_log_has_no_key_for_who_serves_another_log(folder: Path) -> None:
    refused = _run(folder, "log", "info", COUNTERMARK_ORIGIN="log.other.example")
    assert refused.returncode == 3
    assert "another log" in refused.stderr


def test_the_log_goes_over_to_a_new_key(tmp_path: Path, founded: Path) -> None:
    folder = tmp_path / "data"
    assert _run(folder, "log", "rotate-key").returncode == 2  # nothing is made where there is nothing
    assert not folder.exists()
    shutil.copytree(founded, folder)
    before = json.loads(_run(folder, "log", "info", "--json").stdout)
    rotated = _run(folder, "log", "rotate-key", "--reason", "a yearly change")
    assert rotated.returncode == 0, rotated.stderr
    after = json.loads(_run(folder, "log", "info", "--json").stdout)
    assert rotated.stdout.splitlines() == [after["vkey"], *after["ml_dsa"]]
    assert after["vkey"] != before["vkey"]
    assert f"{before['vkey']}@{before['size']}" in rotated.stderr
    assert f"{before['ml_dsa'][0]}@{before['size']}" in rotated.stderr
    again = json.loads(_run(folder, "log", "rotate-key", "--json").stdout)
    assert (again["index"], len(again["keys"]), len(again["retired"])) == (after["size"], 2, 2)
    assert _run(folder, "fsck").returncode == 0


def test_a_signer_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for uri, code in (("pkcs11:token=t", 2), ("ftp://key", 2), ("exec:/nowhere/program", 3)):
        refused = _run(tmp_path / "data", *FOUND, COUNTERMARK_LOG_SIGNER=uri)
        assert (refused.returncode, "Traceback" in refused.stderr) == (code, False), refused.stderr


def test_the_certificate_in_use_can_be_shown_and_fits_the_profile(folder: Path) -> None:
    shown = _run(folder, "certificate", "show")
    assert "issuer" in shown.stdout
    assert _run(folder, "certificate", "check").returncode == 0


def test_a_file_that_is_no_certificate_is_a_finding(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "chain.pem"
    file.write_text("no certificate")
    assert _run(folder, "certificate", "check", str(file)).returncode == 1


def test_a_sound_folder_has_no_findings(folder: Path) -> None:
    checked = _run(folder, "fsck", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout == ""


def test_insecure_settings_are_a_usage_error(tmp_path: Path) -> None:
    refused = _run(tmp_path, "serve", COUNTERMARK_KEY_PASSPHRASE="short")
    assert refused.returncode == 2
    assert "COUNTERMARK_KEY_PASSPHRASE" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not any(tmp_path.iterdir())


def test_several_processes_on_sqlite_are_a_usage_error(tmp_path: Path) -> None:
    refused = _run(tmp_path, "serve", "--processes", "2")
    assert refused.returncode == 2
    assert "several processes need a database on PostgreSQL: set COUNTERMARK_DATABASE_URL" in refused.stderr
    assert not any(tmp_path.iterdir())


def test_a_wrong_passphrase_is_one_line(folder: Path) -> None:
    refused = _run(folder, "log", "info", COUNTERMARK_KEY_PASSPHRASE="another passphrase for tests")
    assert refused.returncode == 3
    assert "UnusableKey" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_contract_that_is_not_the_code_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "openapi.yaml"
    assert _run(tmp_path, "openapi", "--path", str(path)).returncode == 0
    assert _run(tmp_path, "openapi", "--check", "--path", str(path)).returncode == 0
    path.write_text(path.read_text() + "\n")
    assert _run(tmp_path, "openapi", "--check", "--path", str(path)).returncode == 1


def test_a_bit_that_flipped_is_a_finding(tmp_path: Path, founded: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(founded, folder)
    tile = folder / "objects/log/tile/0/000.p/2"
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    checked = _run(folder, "fsck", "--json")
    assert checked.returncode == 1, checked.stderr
    assert json.loads(checked.stdout.splitlines()[0])["kind"] == "tile"


def test_a_backup_becomes_the_folder_again_and_an_older_one_only_where_that_is_accepted(tmp_path: Path) -> None:
    folder, water, backup = tmp_path / "data", str(tmp_path / "high-water"), str(tmp_path / "backup")
    assert _run(folder, *FOUND, COUNTERMARK_HIGH_WATER=water).returncode == 0
    made = _run(folder, "backup", backup, COUNTERMARK_HIGH_WATER=water)
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    assert "2 entries, 0 findings" in made.stderr
    assert _run(folder, "backup", backup, COUNTERMARK_HIGH_WATER=water).returncode == 3
    assert _run(folder, "restore", backup, COUNTERMARK_HIGH_WATER=water).returncode == 3
    folder.rename(tmp_path / "lost")
    assert _run(folder, "restore", backup, COUNTERMARK_HIGH_WATER=water).returncode == 0
    assert _run(folder, "fsck", COUNTERMARK_HIGH_WATER=water).returncode == 0
    frozen = _run(folder, "log", "freeze", "--reason", "moved", "--yes", COUNTERMARK_HIGH_WATER=water)
    assert frozen.returncode == 0, frozen.stderr
    assert frozen.stdout.splitlines()[1] == "3"
    (tmp_path / "data").rename(tmp_path / "lost again")
    refused = _run(folder, "restore", backup, COUNTERMARK_HIGH_WATER=water)
    assert refused.returncode == 3
    assert "will sign a second history" in refused.stderr
    assert not (folder / "countermark.db").exists()
    assert _run(folder, "restore", backup, "--discard-newer", COUNTERMARK_HIGH_WATER=water).returncode == 0
    assert json.loads(_run(folder, "log", "info", "--json", COUNTERMARK_HIGH_WATER=water).stdout)["size"] == 2


def test_a_backup_that_is_damaged_is_not_restored(tmp_path: Path, founded: Path) -> None:
    folder, backup = tmp_path / "data", tmp_path / "backup"
    shutil.copytree(founded, folder)
    assert _run(folder, "backup", str(backup)).returncode == 0
    tile = backup / "objects/log/tile/0/000.p/2"
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    folder.rename(tmp_path / "lost")
    refused = _run(folder, "restore", str(backup))
    assert refused.returncode == 3
    assert "tile/0/000.p/2" in refused.stderr
    assert not (folder / "countermark.db").exists()


def test_a_log_is_frozen_once_and_says_so(tmp_path: Path, founded: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(founded, folder)
    assert _run(folder, "log", "freeze", "--reason", "the end", "--yes").returncode == 0
    again = _run(folder, "log", "freeze", "--reason", "the end", "--yes")
    assert again.returncode == 3
    assert "no other follows" in again.stderr
    assert _run(folder, "fsck").returncode == 0


@pytest.mark.parametrize("command", [["fsck"], ["key", "list"], ["log", "info"], ["certificate", "show"]])
def test_looking_at_a_folder_that_holds_no_registry_makes_none(tmp_path: Path, command: list[str]) -> None:
    assert _run(tmp_path / "data", *command).returncode == 2
    assert not any(tmp_path.iterdir())


def test_a_usage_error_has_its_exit_code_and_no_trace(tmp_path: Path) -> None:
    for arguments in (["nonsense"], ["serve"]):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "api", *arguments],
            cwd=ROOT,
            env=_environment(tmp_path) | {"COUNTERMARK_KEY_PASSPHRASE": "short"},
            capture_output=True,
            text=True,
            timeout=HUNG_SECONDS,
            check=False,
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_a_store_is_migrated_to_postgresql_where_the_log_has_the_same_checkpoint(
    tmp_path: Path, founded: Path, postgres: PostgresServer
) -> None:
    folder, url = tmp_path / "data", postgres.new_database()
    shutil.copytree(founded, folder)
    before = json.loads(_run(folder, "log", "info", "--json").stdout)
    moved = _run(folder, "migrate-store", "--to", url, "--json")
    assert moved.returncode == 0, moved.stderr
    assert json.loads(moved.stdout)["entries"] == before["size"] == 2
    assert "the root is the same" in moved.stderr
    after = _run(folder, "log", "info", "--json", COUNTERMARK_DATABASE_URL=url)
    assert json.loads(after.stdout) == before
    assert _run(folder, "fsck", COUNTERMARK_DATABASE_URL=url).returncode == 0
    again = _run(folder, "migrate-store", "--to", url)
    assert again.returncode == 3
    assert again.stderr.startswith("Conflict: the target is not empty")


@pytest.mark.parametrize("url", ["sqlite:///elsewhere.db", "postgresql://user:secret@host", "no address: secret"])
def test_an_address_that_is_no_postgresql_database_is_a_usage_error(folder: Path, url: str) -> None:
    _run(folder, "log", "info")
    refused = _run(folder, "migrate-store", "--to", url)
    assert refused.returncode == 2
    assert "database URL" in refused.stderr
    assert "secret" not in refused.stderr


def test_backing_up_a_database_is_left_to_its_own_tools(tmp_path: Path, postgres: PostgresServer) -> None:
    refused = _run(
        tmp_path / "data", "backup", str(tmp_path / "copy"), COUNTERMARK_DATABASE_URL=postgres.new_database()
    )
    assert refused.returncode == 2
    assert "PostgreSQL's tools" in refused.stderr
    assert not (tmp_path / "copy").exists()


def test_a_log_can_lie_in_a_bucket_with_its_high_water_mark(
    tmp_path: Path, postgres: PostgresServer, buckets: BucketServer
) -> None:
    places = {
        "COUNTERMARK_DATABASE_URL": postgres.new_database(),
        "COUNTERMARK_OBJECTS_URL": buckets.new_bucket(),
        "COUNTERMARK_HIGH_WATER": buckets.new_bucket() + "/high-water",
    }
    made = _run(tmp_path / "data", *FOUND, **places)
    assert made.returncode == 0, made.stderr
    first = _run(tmp_path / "data", "log", "info", "--json", **places)
    assert json.loads(first.stdout)["size"] == 2, first.stderr
    assert _run(tmp_path / "data", "fsck", **places).stdout == ""
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["keys", "spool", "starting"]
