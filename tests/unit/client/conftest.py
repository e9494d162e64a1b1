"""A service that answers as told, and both clients to ask it with."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from countermark import AsyncClient, Client, retries
from countermark.cli import main
from countermark.log import auditing

from tests.logs.server import Server, serving
from tests.unit.client import story
from tests.unit.client.commands import FORMATTING, Done, Run


class Ask(Protocol):
    """Makes a client with these options, calls one of its methods, and closes it."""

    def __call__(self, method: str, *args: object, options: dict[str, Any] | None = None, **named: object) -> Any: ...


@pytest.fixture
def service() -> Iterator[story.Service]:
    with story.running() as service:
        yield service


@pytest.fixture(params=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest, service: story.Service) -> Ask:
    """The same call through either client."""

    def blocking(method: str, *args: object, options: dict[str, Any] | None = None, **named: object) -> Any:
        with Client(**({"url": service.url} | (options or {}))) as client:
            return getattr(client, method)(*args, **named)

    async def one(method: str, args: tuple[object, ...], options: dict[str, Any], named: dict[str, object]) -> Any:
        async with AsyncClient(**({"url": service.url} | options)) as client:
            return await getattr(client, method)(*args, **named)

    def asynchronous(method: str, *args: object, options: dict[str, Any] | None = None, **named: object) -> Any:
        return asyncio.run(one(method, args, options or {}, named))

    return blocking if request.param == "blocking" else asynchronous


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once where the service does not say when."""
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("COUNTERMARK_URL", "COUNTERMARK_API_KEY", "COUNTERMARK_VKEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(service: story.Service) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in FORMATTING}
    return kept | {"COUNTERMARK_URL": service.url, "COUNTERMARK_API_KEY": "cmk_a_b", "PYTHONWARNINGS": "error"}


@pytest.fixture
def run(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The command in this process: starting Python each time would take longer than all the tests."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in FORMATTING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        assert isinstance(left.value.code, int)
        return Done(left.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of a log's files, which has none yet."""
    with serving() as server:
        yield server


@pytest.fixture
def at_home(impatient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Audits look again at once, and keep what they know in the test's folder."""
    monkeypatch.setattr(auditing, "RECHECK_SECONDS", 0.0)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
