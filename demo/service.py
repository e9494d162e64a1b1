"""A temporary service: the production server as a child process, on a free loopback port, with a scratch folder."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from countermark import Client, ServiceError

from demo.port import kept_port

START_SECONDS = 300.0
"""Seconds that a start may take: about 4 on a laptop, a minute on a busy machine."""

STOP_SECONDS = 60.0

_UNLIMITED = "100000000/minute"
_UNLIMITED_DAILY = "1000000000"
UNBOUNDED: dict[str, str] = {
    "read_rate": _UNLIMITED,
    "verification_rate": _UNLIMITED,
    "lookup_rate": _UNLIMITED,
    "verification_quota": _UNLIMITED_DAILY,
    "lookup_quota": _UNLIMITED_DAILY,
    "write_quota": _UNLIMITED_DAILY,
}
"""Settings of a service that refuses nobody for asking often: all of a test or benchmark comes from one address."""


@dataclass(frozen=True)
class Service:
    """URL and folder of a running service, and an API key that may register."""

    url: str
    api_key: str
    folder: Path
    process_id: int

    def enrol(self, publisher: str, name: str) -> str:
        """Enrols another publisher; returns an API key for it."""
        with httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.api_key}"}) as http:
            enrolled = http.post("/v1/publishers", json={"id": publisher, "name": name}, timeout=START_SECONDS)
            enrolled.raise_for_status()
            asked = {"name": name, "scopes": ["assets:write"], "publisher": publisher}
            minted = http.post("/v1/keys", json=asked, timeout=START_SECONDS)
            minted.raise_for_status()
        return str(minted.json()["key"])


class ServiceDidNotStartError(RuntimeError):
    """The child process ended, or was not ready in time; the message has the end of its log."""


@contextmanager
def running_service(
    folder: Path, *, operator: str = "The Demonstration Daily", processes: int = 1, api_key: str = "", **settings: str
) -> Iterator[Service]:
    """Starts the service, in so many processes, waits until it is ready, and stops it when the context closes.

    `api_key` is of a log that the folder has already; without one, a log is founded. `settings` are further settings of
    the server, by their environment names without the prefix.
    """
    with kept_port() as port, _running(port, folder, operator, processes, api_key, settings) as service:
        yield service


@contextmanager
def _running(
    port: int, folder: Path, operator: str, processes: int, api_key: str, settings: Mapping[str, str]
) -> Iterator[Service]:
    environment = os.environ | {
        "COUNTERMARK_ENVIRONMENT": "development",
        "COUNTERMARK_FOLDER": str(folder),
        "COUNTERMARK_OPERATOR": operator,
        "COUNTERMARK_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "COUNTERMARK_PORT": str(port),
        "COUNTERMARK_KEY_PASSPHRASE": secrets.token_urlsafe(24),
    }
    environment |= {f"COUNTERMARK_{name.upper()}": value for name, value in settings.items()}
    api_key = api_key or _founded(environment)
    log_path = folder.parent / f"{folder.name}.log"
    with log_path.open("w+") as log:
        command = [sys.executable, "-m", "api", "serve", "--processes", str(processes)]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, url, log_path)
            yield Service(url, api_key, folder, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _founded(environment: Mapping[str, str]) -> str:
    """The first API key of a new log."""
    command = [sys.executable, "-m", "api", "log", "init", "--json"]
    begun = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return str(json.loads(begun.stdout)["api_key"])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Client(url, max_retries=0) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                client.ready()
            except ServiceError:
                time.sleep(0.05)
            else:
                return
    raise ServiceDidNotStartError(f"the service did not start:\n{log_path.read_text()[-2000:]}")
