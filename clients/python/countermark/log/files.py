"""The files and records of a log, over HTTP: bounded in size and time, without redirects."""

import asyncio
from types import TracebackType
from typing import Self, TypeVar

from countermark import calls
from countermark.async_client import AsyncClient
from countermark.calls import Call, Reply
from countermark.defaults import DEFAULT_FILE_SECONDS, DEFAULT_RETRIES
from countermark.interruptible import InterruptibleRunner
from provenance.errors import InvalidRequest, NotFound, UnexpectedAnswer, WrongService
from provenance.limits import MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, TILE_WIDTH
from provenance.transparency.merkle import HASH_BYTES
from provenance.transparency.tiles import parse_tile_path

T = TypeVar("T")


class _Files:
    """Fetches files from one URL. Close it after use, or use it as a context manager.

    Args:
        url: http or https.
        timeout: seconds for one attempt to fetch one file, headers included.
        max_retries: retries after a failed connection or a retryable status.

    Raises:
        InvalidRequest: an invalid URL or option; or the caller is inside a running event loop.
    """

    def __init__(self, url: str, *, timeout: float = DEFAULT_FILE_SECONDS, max_retries: int = DEFAULT_RETRIES) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise InvalidRequest("a log cannot be read inside a running event loop: use a thread")
        self.url = url
        self._client = _DeadlineClient(url, timeout=timeout, max_retries=max_retries)
        self._runner = InterruptibleRunner()

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._client.close())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, call: Call[T]) -> T:
        return self._runner.run(self._client.send(call))


class LogFiles(_Files):
    """The files of the log at a URL: its prefix, such as `https://registry.example/log`."""

    def checkpoint(self) -> bytes:
        """The latest checkpoint, unchecked. Raises CountermarkError."""
        note = self._ask(calls.log_file("checkpoint", MAX_NOTE_BYTES))
        if note is None:
            raise UnexpectedAnswer(f"{self.url} has no checkpoint: it is not the URL of a log")
        return note

    def cosigned_checkpoint(self) -> bytes | None:
        """The newest checkpoint that a quorum of the log's witnesses has cosigned; None if the log serves none.

        An addition of Countermark to C2SP tlog-tiles. Raises CountermarkError.
        """
        return self._ask(calls.log_file("cosigned-checkpoint", MAX_NOTE_BYTES))

    def fetch(self, path: str) -> bytes | None:
        """A tile or bundle by its path; None if there is none. Raises MalformedTile, CountermarkError."""
        tile = parse_tile_path(path)
        return self._ask(calls.log_file(path, MAX_BUNDLE_BYTES if tile.level is None else TILE_WIDTH * HASH_BYTES))


class RecordFiles(_Files):
    """The public records of the service at a URL."""

    def key_receipt(self) -> bytes | None:
        """The receipt of the newest `log.key` record, unchecked; None if there is none. Raises CountermarkError."""
        try:
            newest = max(self._ask(calls.log_keys()).items, key=lambda key: key.first_size, default=None)
            if newest is None or newest.first_size == 0:
                return None
            return self._ask(calls.receipt(newest.record, "countermark"))
        except (NotFound, WrongService, UnexpectedAnswer, InvalidRequest):  # not a Countermark service
            return None

    def fetch(self, record_id: bytes) -> bytes | None:
        """A record, unchecked; None if it is withheld. Raises CountermarkError."""
        return self._ask(calls.public_record(record_id))


class _DeadlineClient(AsyncClient):
    """A client whose timeout is for a whole attempt: a server that trickles bytes cannot delay a file further."""

    async def send(self, call: Call[T]) -> T:
        """The answer to a call."""
        return await self._send(call)

    async def _try(self, call: Call[T]) -> Reply:
        seconds = self._connection.timeout
        try:
            async with asyncio.timeout(seconds):
                return await super()._try(call)
        except TimeoutError as error:
            raise TimeoutError(f"{call.path} was not complete within {seconds:g} seconds") from error
