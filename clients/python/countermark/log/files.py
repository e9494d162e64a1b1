"""The files of a log and its records, over HTTP: bounded in size and time, from no other address than is given."""

import asyncio
from types import TracebackType
from typing import Self, TypeVar

from countermark import calls
from countermark.async_client import AsyncClient
from countermark.calls import Call, Reply
from countermark.defaults import DEFAULT_FILE_SECONDS, DEFAULT_RETRIES
from provenance.errors import InvalidRequest, NotFound, UnexpectedAnswer
from provenance.limits import MAX_BUNDLE_BYTES, MAX_NOTE_BYTES, TILE_WIDTH
from provenance.transparency.merkle import HASH_BYTES
from provenance.transparency.tiles import parse_tile_path

T = TypeVar("T")


class _Files:
    """What is fetched from one address. Close it after use, or use it as a context manager.

    Args:
        url: http or https.
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
    """The files of the log at an address: its prefix, such as `https://registry.example/log`."""

    def checkpoint(self) -> bytes:
        """The latest checkpoint: a note of which nothing is checked. Raises ServiceError and its like."""
        note = self._ask(calls.log_file("checkpoint", MAX_NOTE_BYTES))
        if note is None:
            raise UnexpectedAnswer(f"{self.url} has no checkpoint: it is not the address of a log")
        return note

    def cosigned_checkpoint(self) -> bytes | None:
        """The newest checkpoint that a quorum of the log's witnesses has cosigned; None where the log shows none.

        Not of C2SP tlog-tiles: our own logs show it. Raises ServiceError and its like.
        """
        return self._ask(calls.log_file("cosigned-checkpoint", MAX_NOTE_BYTES))

    def fetch(self, path: str) -> bytes | None:
        """A tile or bundle by its path, None where there is none. Raises MalformedTile, ServiceError and its like."""
        tile = parse_tile_path(path)
        return self._ask(calls.log_file(path, MAX_BUNDLE_BYTES if tile.level is None else TILE_WIDTH * HASH_BYTES))


class RecordFiles(_Files):
    """The records that the service at an address shows to anybody."""

    def key_receipt(self) -> bytes | None:
        """A receipt of the record that changed the log's keys last, unchecked; None where there is no such record.

        Raises ServiceUnreachable and its like.
        """
        try:
            newest = max(self._ask(calls.log_keys()).items, key=lambda key: key.first_size, default=None)
            if newest is None or newest.first_size == 0:
                return None
            return self._ask(calls.receipt(newest.record, "countermark"))
        except (NotFound, UnexpectedAnswer, InvalidRequest):  # the log of another program
            return None

    def fetch(self, record_id: bytes) -> bytes | None:
        """What is served as a record, unchecked; None where it is withheld. Raises ServiceError and its like."""
        return self._ask(calls.public_record(record_id))


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
