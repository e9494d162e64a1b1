"""A service that answers as told, and both clients to ask it with."""

import asyncio
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from countermark import AsyncClient, Client, retries

from tests.unit.client import story


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
