"""Patience: how an audit, or another work of many files, asks a service that limits requests, fails, or is gone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from countermark.async_client import AsyncClient
from countermark.audit.progress import Progress
from countermark.retries import backoff
from provenance.errors import (
    CountermarkError,
    ExaminationUnavailable,
    Exit,
    Overloaded,
    RateLimited,
    RecordRefused,
    RequestTimeout,
    ServiceError,
    ServiceUnreachable,
    SignerUnavailable,
    StoreCorrupt,
    StoreUnavailable,
    UnexpectedAnswer,
    WrongService,
)

T = TypeVar("T")

MAX_REFUSED = 5
"""Refused connections in a row after which a service counts as dead."""

MAX_TRIES = 3
"""Attempts at what a service fails to answer, unless it says that it only has to wait."""

LONGEST_HOLD = 3_600.0
"""Seconds of one wait that a service may ask for."""

_FAILURES = (ServiceError, ExaminationUnavailable, RequestTimeout, SignerUnavailable, StoreUnavailable, StoreCorrupt)
"""What a service answers that cannot answer now."""


class Stopped(CountermarkError):
    """The work ended before everything was asked; what was done until then is kept."""

    exit_status = Exit.INCOMPLETE


class NoAnswerError(CountermarkError):
    """The service failed to answer one call, again and again."""

    exit_status = Exit.INCOMPLETE


def impatient(url: str, api_key: str | None) -> AsyncClient:
    """A client to ask through `Patience`, which waits in its place, and tells."""
    return AsyncClient(url, api_key=api_key, max_retries=0, max_wait=0.0)


class Patience:
    """What one work knows of its service: whether it answers, and until when it is to be left alone."""

    def __init__(self, url: str, progress: Progress, tell: Callable[[str], None]) -> None:
        self._url, self._progress, self._tell = url, progress, tell
        self._refused = 0
        self._has_answered = False
        self._resume_at = 0.0
        self._stopped: Stopped | None = None

    async def ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a call. Waits as long as the service says.

        Raises:
            Stopped: the service counts as dead, or does not answer as one.
            WrongService: it is no service, or an older one without what was asked for.
            NoAnswerError: it failed to answer this call, again and again.
            CountermarkError: it refused the call.
        """
        tries = 0
        while True:
            await self._wait()
            try:
                answer = await ask()
            except (RateLimited, Overloaded) as refusal:
                self._hold(refusal.retry_after, "the service takes no more requests for now")
                continue
            except ServiceUnreachable as error:
                self._refused += 1
                if self._refused >= MAX_REFUSED:
                    self._stop(f"the service did not answer {MAX_REFUSED} times in a row: {error}")
                tries += 1
                if tries >= MAX_TRIES and self._refused < tries:
                    raise NoAnswerError(str(error)) from error
                await asyncio.sleep(backoff(tries, 0.5))
            except (WrongService, RecordRefused):
                raise
            except _FAILURES as error:
                self._refused = 0
                if isinstance(error, UnexpectedAnswer) and not self._has_answered:
                    self._stop(f"{self._url} cannot be asked: {error}")
                tries += 1
                if tries >= MAX_TRIES:
                    raise NoAnswerError(str(error)) from error
                await asyncio.sleep(max(backoff(tries, 0.5), getattr(error, "retry_after", None) or 0.0))
            else:
                self._refused, self._has_answered = 0, True
                return answer

    def _stop(self, why: str) -> NoReturn:
        self._stopped = self._stopped or Stopped(why)
        raise self._stopped

    def _hold(self, seconds: float, why: str) -> None:
        until = time.monotonic() + min(max(seconds, 1.0), LONGEST_HOLD)
        if until > self._resume_at + 1:
            self._tell(f"waiting {until - time.monotonic():.0f} s: {why}")
        self._resume_at = max(self._resume_at, until)
        self._progress.waits = self._resume_at, why

    async def _wait(self) -> None:
        if self._stopped is not None:
            raise self._stopped
        while (left := self._resume_at - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self._progress.waits = None
