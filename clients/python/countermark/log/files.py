"""The files of a log, fetched over HTTP: bounded in size and in time, from no other address than the log's own."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Self, TypeVar

from countermark import calls
from countermark.async_client import AsyncClient
from countermark.calls import Call
from countermark.defaults import DEFAULT_FILE_SECONDS, DEFAULT_RETRIES
from countermark.reply import Reply
from provenance.errors import InvalidRequest, UnexpectedAnswer
from provenance.limits import MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, TILE_WIDTH
from provenance.transparency.merkle import HASH_BYTES
from provenance.transparency.tiles import parse_tile_path

T = TypeVar("T")


class LogFiles:
    """The files of the log at an address. Close it after use, or use it as a context manager.

    Args:
        url: the log's prefix, such as `https://registry.example/log`.
        timeout: seconds for one try of one whole file, headers included.
        max_retries: further tries after a failed connection or an answer that invites them.

    Raises:
        InvalidRequest: an address or option that cannot be meant; or it is used inside a running event loop.
    """

    def __init__(self, url: str, *, timeout: float = DEFAULT_FILE_SECONDS, max_retries: int = DEFAULT_RETRIES) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass  # as it has to be
        else:
            raise InvalidRequest("a log is read in a thread of its own, not inside a running event loop")
        self.url = url
        self._client = _PunctualClient(url, timeout=timeout, max_retries=max_retries)
        self._runner = asyncio.Runner()

    def checkpoint(self) -> bytes:
        """The latest checkpoint: a note of which nothing is checked. Raises ServiceError and its like."""
        note = self._get("checkpoint", MAX_NOTE_BYTES)
        if note is None:
            raise UnexpectedAnswer(f"{self.url} has no checkpoint: it is not the address of a log")
        return note

    def fetch(self, path: str) -> bytes | None:
        """A tile or bundle by its path, None where there is none. Raises MalformedTile, ServiceError and its like."""
        tile = parse_tile_path(path)
        return self._get(path, MAX_BUNDLE_BYTES if tile.level is None else TILE_WIDTH * HASH_BYTES)

    def close(self) -> None:
        """Close the connections."""
        self._run(self._client.close())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _get(self, path: str, limit: int) -> bytes | None:
        return self._run(self._client.send(calls.log_file(path, limit)))

    def _run(self, asked: Coroutine[None, None, T]) -> T:
        return self._runner.run(asked)


class _PunctualClient(AsyncClient):
    """A client to which a try that lasts is a try that failed: a service that drips can hold up a file only so long."""

    async def send(self, call: Call[T]) -> T:
        """The answer to any call."""
        return await self._send(call)

    async def _try(self, call: Call[T]) -> Reply:
        seconds = self._connection.timeout
        try:
            async with asyncio.timeout(seconds):
                return await super()._try(call)
        except TimeoutError as error:
            raise TimeoutError(f"not the whole of {call.path} within {seconds:g} seconds") from error
