"""A hot folder: what lands in it is registered, and moves to `done/` or, with a reason, to `failed/`.

Of each picture that has settled:

1. It is registered; a service carries out equal registrations once.
2. What is kept of it (receipt, signed copy or manifest) is written to `done/`, whole and durable.
3. The file itself moves there. Only then it is done: whatever stops the work before that, it is done again from 1, and
   leads to the same record and the same names.

A file that cannot be registered moves to `failed/`, after its reason. One that cannot be registered *now* stays.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from countermark.async_client import AsyncClient
from countermark.audit.engine import together
from countermark.audit.items import stamp_of
from countermark.audit.patience import NoAnswerError, Patience, Stopped, impatient
from countermark.audit.progress import Progress
from countermark.audit.report import printable, shown
from countermark.claims import Claims
from countermark.newsroom.folders import HIDDEN, PICTURES
from countermark.newsroom.registering import REFUSALS, keep, receipt_name, register, sync_folder, write_durably
from provenance.errors import CountermarkError, InvalidRequest, MalformedReceipt, MissingExtra, StoreUnavailable
from provenance.statement.keys import Signer

DONE, FAILED = "done", "failed"

SETTLE_SECONDS = 3.0
"""Seconds for which size and times of a file must not change: a slow copy writes in bursts of a second or so."""

AGAIN_SECONDS = 30.0
"""Seconds after which a picture is tried again that the service did not answer about."""


@dataclass(frozen=True)
class WatchOptions:
    """How to watch.

    Attributes:
        claims: stated of each picture.
        settle: seconds for which a file must not change before it is taken.
        in_flight: registrations at a time.
        signer: holds the publisher's own key, as for `register_folders`.
        once: end when every picture that is there has been dealt with; raise where the service does not answer.
    """

    url: str
    api_key: str | None = field(repr=False)
    claims: Claims = field(default_factory=Claims)
    settle: float = SETTLE_SECONDS
    in_flight: int = 4
    once: bool = False
    signer: Signer | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Landed:
    """A picture that was dealt with: its path below the folder, safe to print; record and index, or why it failed."""

    path: str
    record: str | None = None
    index: int | None = None
    reason: str | None = None


class Settling:
    """Which files have not changed for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Path, tuple[str, float]] = {}

    def look(self, found: dict[Path, str], now: float) -> list[Path]:
        """The files that have settled, of those that are there, each with its stamp. `now` is monotonic."""
        self._since = {
            path: before if (before := self._since.get(path)) is not None and before[0] == stamp else (stamp, now)
            for path, stamp in found.items()
        }
        return [path for path, (_, since) in self._since.items() if now - since >= self._seconds]


async def watch_folder(
    folder: Path, options: WatchOptions, tell: Callable[[str], None] = lambda line: None
) -> AsyncIterator[Landed]:
    """Register what lands in a folder, until the iteration is left. Yields each picture that was dealt with.

    Args:
        tell: called with a line about something to know now.

    Raises:
        NotAuthenticated, NotPermitted, KeyRefused, WrongService, FrozenLog: what it would answer to every file.
        Stopped, NoAnswerError: the service does not answer, with `once`.
        StoreUnavailable: `done/` or `failed/` cannot be written. What was not done is still in the folder.
        InvalidRequest: there is no such folder.
        MissingExtra: watchfiles is not installed.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"{folder} is not a folder")
    async with impatient(options.url, options.api_key) as client:
        work = _HotFolder(folder, options, client, tell)
        async for _ in _looks(folder, options.settle, once=options.once):
            for landed in await work.round():
                yield landed
            if options.once and not work.waiting:
                return


async def _looks(folder: Path, settle: float, *, once: bool) -> AsyncIterator[None]:
    """Yields at once, when something changes, and whenever something may have settled (also without notice of it)."""
    yield
    if once:
        while True:
            await asyncio.sleep(min(settle, 1.0))
            yield
    try:
        from watchfiles import awatch
    except ImportError as error:
        raise MissingExtra("watching a folder needs watchfiles: install countermark[watch]") from error
    async for _ in awatch(folder, yield_on_timeout=True, rust_timeout=max(100, int(settle * 1000))):
        yield


class _HotFolder:
    def __init__(self, folder: Path, options: WatchOptions, client: AsyncClient, tell: Callable[[str], None]) -> None:
        self._folder, self._options, self._client, self._tell = folder, options, client, tell
        self._settling = Settling(options.settle)
        self._again: dict[Path, float] = {}
        self._placing = asyncio.Lock()  # two files never go to one place
        self._told: set[Path] = set()
        self._patience = Patience(options.url, Progress(), tell)
        self.waiting = False
        """Whether there are pictures that have not settled, or wait for another try."""

    async def round(self) -> list[Landed]:
        """Deals with everything that has settled."""
        now = time.monotonic()
        found = dict(self._found())
        self._again = {path: at for path, at in self._again.items() if path in found}
        ready = [path for path in self._settling.look(found, now) if self._again.get(path, 0.0) <= now]
        landed: list[Landed] = []
        left = iter(sorted(ready))

        async def work() -> None:
            for path in left:
                done = await self._take(path, found[path])
                landed.extend(() if done is None else (done,))

        try:
            await together(work() for _ in range(self._options.in_flight))
        except Stopped as error:
            if self._options.once:
                raise
            self._tell(f"{error}; again in {AGAIN_SECONDS:.0f} s")
            self._patience = Patience(self._options.url, Progress(), self._tell)
            self._again |= dict.fromkeys(ready, time.monotonic() + AGAIN_SECONDS)
        self.waiting = any(path.exists() for path in found)
        return landed

    def _found(self) -> Iterator[tuple[Path, str]]:
        """The pictures in the folder, by name, with their stamps; other files are told once."""
        for here, folders, names in os.walk(self._folder):
            at = Path(here)
            folders[:] = [
                name
                for name in folders
                if not name.startswith(".") and (at != self._folder or name not in (DONE, FAILED))
            ]
            for name in names:
                path = at / name
                if fnmatch(name, HIDDEN) or path.is_symlink():
                    continue
                if not any(fnmatch(name, glob) for glob in PICTURES):
                    if path not in self._told:
                        self._told.add(path)
                        self._tell(f"{shown(os.fsencode(path))} is left alone: it has no picture's name")
                    continue
                try:
                    yield path, stamp_of(path.stat())
                except FileNotFoundError:
                    continue

    async def _take(self, path: Path, stamp: str) -> Landed | None:
        """What came of a picture; None if it stays for now."""
        below = path.relative_to(self._folder)
        told, options = shown(os.fsencode(below)), self._options
        try:
            asset = await register(self._client, self._patience.ask, path, options.claims, self._tell, options.signer)
            async with self._placing:
                place = _place(self._folder / DONE / below, asset.id)
                await keep(self._client, self._patience.ask, asset, place.name, place.parent)
                if not await asyncio.to_thread(move, path, stamp, place):
                    return None
            return Landed(told, asset.id, asset.index)
        except REFUSALS:
            raise
        except NoAnswerError as error:
            if self._options.once:
                raise
            self._tell(f"{told}: {error}; again in {AGAIN_SECONDS:.0f} s")
            self._again[path] = time.monotonic() + AGAIN_SECONDS
            return None
        except CountermarkError as error:
            reason = printable(str(error))
            async with self._placing:
                place = _place(self._folder / FAILED / below, None)
                write_durably(place.with_name(f"{place.name}.txt"), f"{reason}\n".encode())
                moved = await asyncio.to_thread(move, path, stamp, place)
            return Landed(told, reason=reason) if moved else None


def _place(wanted: Path, record: str | None) -> Path:
    """Where a file goes: under its name, or with a number where another has that, or its receipt."""
    number, place = 1, wanted
    while place.exists() or _is_taken(place.with_name(receipt_name(place.name)), record):
        number += 1
        place = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return place


def _is_taken(receipt: Path, record: str | None) -> bool:
    """Whether a receipt of another record lies there: one of the same was left when this work was stopped."""
    from provenance.receipts.other_formats import parse_any_receipt, receipt_statement

    try:
        found = receipt_statement(parse_any_receipt(receipt.read_bytes())).record_id.hex()
    except FileNotFoundError:
        return False
    except (OSError, MalformedReceipt):
        return True
    return found != record


def move(path: Path, stamp: str, place: Path) -> bool:
    """Moves a file, unless it is gone or was changed since it was looked at. Raises StoreUnavailable."""
    try:
        if stamp_of(path.stat()) != stamp:
            return False
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
        sync_folder(place.parent)
        sync_folder(path.parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be moved to {place}: {error.strerror or error}") from error
    return True
