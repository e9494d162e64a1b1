"""An audit: sources are listed, examined, looked up, sent where that is allowed, and what was found is proven.

1. The sources are listed: only then is it known how many items there are.
2. Batches of items are examined by worker processes, looked up by their digests, and committed.
3. What the look-up did not settle is verified by the service, if it may be sent.
4. The receipt of each record that items lead to is fetched once, checked here, and kept.
5. The first and the last checkpoint that answers spoke for are compared by a consistency proof.

Each step goes on where an earlier run left it. Whatever ends an audit, the report so far can be written.
"""

import asyncio
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from countermark.async_client import AsyncClient
from countermark.audit.buckets import NOT_COMPARED, Bucket, Outcome, could_not_check, of_error, of_lookup, of_report
from countermark.audit.items import Entry, Examined, Reading, can_decode, read
from countermark.audit.policy import AuditPolicy
from countermark.audit.proofs import check_receipt, prove_consistency
from countermark.audit.sources import Sources
from countermark.audit.state import CheckedRecord, Settled, State
from countermark.audit.workers import Cluster, Examiner, Workers
from countermark.digests import Digests
from countermark.retries import backoff
from provenance.errors import (
    CountermarkError,
    ExaminationUnavailable,
    Exit,
    Overloaded,
    RateLimited,
    RequestTimeout,
    ServiceError,
    ServiceUnreachable,
    SignerUnavailable,
    StoreCorrupt,
    StoreUnavailable,
    UnexpectedAnswer,
    WrongService,
)

if TYPE_CHECKING:
    from countermark.models import Report

T = TypeVar("T")
Send = Literal["never", "unsettled", "all"]

BATCH = 1_000
"""Items that are at work and not committed: what a killed audit repeats at most, and what one look-up takes."""

HALVES = 2
"""Batches are worked on in halves, so that one is hashed while the other is looked up."""

CHUNK = 64
"""Entries that a worker is asked at once, at most."""

MAX_REFUSED = 5
"""Refused connections in a row after which a service counts as dead."""

MAX_TRIES = 3
"""Attempts at what a service fails to answer, unless it says that it only has to wait."""

LONGEST_HOLD = 3_600.0
"""Seconds of one wait that a service may ask for."""

PICTURED = frozenset(Bucket) - {Bucket.IDENTICAL, Bucket.SAME_PICTURE, Bucket.NOT_FOUND, Bucket.COULD_NOT_CHECK}
"""Buckets of sent items that the report shows with pictures."""


_FAILURES = (ServiceError, ExaminationUnavailable, RequestTimeout, SignerUnavailable, StoreUnavailable, StoreCorrupt)
"""What a service answers that cannot answer now."""


class Stopped(CountermarkError):
    """The audit ended before everything was asked: the report has what was found so far."""

    exit_status = Exit.INCOMPLETE


class NoAnswerError(CountermarkError):
    """The service failed to answer one call, again and again."""

    exit_status = Exit.INCOMPLETE


@dataclass(frozen=True)
class Options:
    """How to audit.

    Attributes:
        url: of the service.
        send: which pictures may be sent: those that digests do not settle, all, or none.
        jobs: worker processes.
        in_flight: requests at a time.
        policy: whom the auditor trusts.
        pictures: decode here, for digests of pixels and fingerprints.
        private: fetch addresses of private networks too.
        receipts: fetch and check them.
        full: keep whole reports.
        cluster: address of a Dask scheduler, in place of worker processes.
        restart: forget an earlier run in the folder.
        api_key: sent with each request; not needed.
    """

    url: str
    send: Send = "never"
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    in_flight: int = 4
    policy: AuditPolicy = field(default_factory=AuditPolicy)
    pictures: bool = field(default_factory=can_decode)
    private: bool = False
    receipts: bool = True
    full: bool = False
    cluster: str | None = None
    restart: bool = False
    api_key: str | None = None

    def purpose(self, sources: Sources) -> dict[str, Any]:
        """What makes a further run the same audit."""
        counts = self.policy.counts
        return {
            "url": self.url,
            "send": self.send,
            "pictures": self.pictures,
            "sources": sources.described(),
            "publishers": sorted(counts.publishers),
            "trust_lists": sorted(counts.trust_lists),
        }


@dataclass
class Progress:
    """How far an audit is.

    Attributes:
        step: what is being done.
        total: items listed so far.
        done: of these, those that are settled.
        now: of these, those that this run settled.
        buckets: how many settled items are in each.
        records: receipts checked, of so many.
        waits: seconds until which the service wants to be left alone (monotonic), and why.
    """

    step: str = "listing"
    total: int = 0
    done: int = 0
    now: int = 0
    buckets: Counter[str] = field(default_factory=Counter)
    records: tuple[int, int] = (0, 0)
    waits: tuple[float, str] | None = None


class Audit:
    """One run of an audit in a folder."""

    def __init__(self, sources: Sources, folder: Path, options: Options, tell: Callable[[str], None]) -> None:
        """`tell` is called with a line about something that the auditor should know now. Raises as `State`."""
        self.progress = Progress()
        self._sources, self._folder, self._options, self._tell = sources, folder, options, tell
        self.state = State(folder, options.purpose(sources), restart=options.restart)
        self._reading = Reading(options.pictures, options.private)
        self._refused = 0
        self._has_answered = False
        self._resume_at = 0.0
        self._stopped: Stopped | None = None

    async def run(self) -> None:
        """Does what is left to do. Raises Stopped, WrongService, StoreUnavailable, MissingExtra, InvalidRequest."""
        options = self._options
        await self._list()
        examiner: Examiner = (
            Workers(options.jobs, self._reading) if options.cluster is None else Cluster(options.cluster, self._reading)
        )
        try:
            async with AsyncClient(options.url, api_key=options.api_key, max_retries=0) as client:
                self._client = client
                await self._examine(examiner)
                if options.send != "never":
                    await self._send(examiner)
                if options.receipts:
                    await self._check_records()
                    await self._compare_checkpoints()
        finally:
            await examiner.close()

    # 1 --------------------------------------------------------------------------------------------

    async def _list(self) -> None:
        for number in self.state.list(_batched(self._sources.entries(), BATCH)):
            self.progress.total = number
            await asyncio.sleep(0)
        if self._sources.links:
            self._tell(f"links within folders that were not followed: {self._sources.links:,}")
        total, done, buckets = self.state.progress()
        self.progress.total, self.progress.done, self.progress.buckets = total, done, Counter(buckets)

    # 2 --------------------------------------------------------------------------------------------

    async def _examine(self, examiner: Examiner) -> None:
        self.progress.step = "looking up"
        halves = _batched(self.state.listed(), BATCH // HALVES)

        async def work() -> None:
            for half in halves:
                examined = [
                    found
                    for part in await asyncio.gather(*map(examiner.examine, _chunks(half, examiner.width)))
                    for found in part
                ]
                self._commit(await self._look_up(half, examined))

        await _together(work() for _ in range(HALVES))

    async def _look_up(self, entries: Sequence[Entry], examined: Sequence[Examined]) -> list[Settled]:
        known = {found.name: NOT_COMPARED for found in examined if found.sha256 is not None}
        try:
            known |= await self._known([found for found in examined if found.name in known], _exact)
            if self._options.send == "never":  # what is sent is compared: then a near fingerprint adds nothing
                near = [found for found in examined if known.get(found.name) is NOT_COMPARED and found.pdq is not None]
                known |= await self._known(near, _near)
        except (Stopped, WrongService):
            raise
        except CountermarkError as error:
            failed = could_not_check("server", str(error))
            return [Settled(found, _failed(found) or failed) for found in examined]
        return [
            Settled(found, self._settle(entry, found, known.get(found.name, NOT_COMPARED)))
            for entry, found in zip(entries, examined, strict=True)
        ]

    async def _known(self, asked: Sequence[Examined], digests: Callable[[Examined], Digests]) -> dict[bytes, Outcome]:
        if not asked:
            return {}
        answer = await self._ask(lambda: self._client.lookup([digests(found) for found in asked]))
        self._speaks_for(answer.checkpoint)
        counts = self._options.policy.counts
        return {found.name: of_lookup(each, counts) for found, each in zip(asked, answer.items, strict=True)}

    def _settle(self, entry: Entry, found: Examined, outcome: Outcome) -> Outcome | None:
        """What came of an item by its digests; None if it is to be sent."""
        settled = outcome.bucket not in (Bucket.NOT_COMPARED, Bucket.LEAD)
        if self._options.send == "all" and entry.kind != "digest" and found.failure is None:
            return None
        if settled:
            return outcome
        if found.failure is not None:
            return _failed(found)
        return outcome if self._options.send == "never" or entry.kind == "digest" else None

    def _commit(self, settled: Sequence[Settled]) -> None:
        self.state.settle(settled)
        outcomes = [each.outcome for each in settled if each.outcome is not None]
        self._count(outcome.bucket for outcome in outcomes)

    def _count(self, buckets: Iterable[Bucket]) -> None:
        for bucket in buckets:
            self.progress.buckets[bucket.value] += 1
            self.progress.done += 1
            self.progress.now += 1

    # 3 --------------------------------------------------------------------------------------------

    async def _send(self, examiner: Examiner) -> None:
        self.progress.step = "verifying"
        unsent = self.state.to_send()

        async def work() -> None:
            for sha256, entry in unsent:
                outcome, report, body, pictures = await self._verify(examiner, sha256, entry)
                number = self.state.settle_sent(sha256, outcome, report, body, pictures)
                self._count([outcome.bucket] * number)

        await _together(work() for _ in range(self._options.in_flight))

    async def _verify(
        self, examiner: Examiner, sha256: str, entry: Entry
    ) -> tuple[Outcome, str | None, str | None, dict[str, bytes]]:
        try:
            data = await asyncio.to_thread(read, entry, self._reading)
        except CountermarkError as error:
            return could_not_check("unreadable", str(error)), None, None, {}
        if hashlib.sha256(data).hexdigest() != sha256:
            return could_not_check("unreadable", "it changed after it was hashed"), None, None, {}
        try:
            report = await self._ask(lambda: self._client.verify(data))
        except Stopped:
            raise
        except CountermarkError as error:
            return of_error(error), None, None, {}
        if report.input.sha256 != sha256:
            return could_not_check("server", "the service answered about another file"), None, None, {}
        outcome = of_report(report, self._options.policy.counts)
        pictures = await self._pictures(examiner, entry, outcome, report) if outcome.bucket in PICTURED else {}
        body = None
        if self._options.full:
            from countermark.models import dump

            body = json.dumps(dump(report), separators=(",", ":"))
        return outcome, report.id, body, pictures

    async def _pictures(self, examiner: Examiner, entry: Entry, outcome: Outcome, report: "Report") -> dict[str, bytes]:
        """What the report shows of a finding: the file, the registered picture, and where they differ."""
        found = {"file": await examiner.draw(entry)}
        if outcome.record is not None:
            record = outcome.record
            found["record"] = await self._optional(lambda: self._client.thumbnail(record))
            if report.matches[0].difference_url is not None:
                found["difference"] = await self._optional(lambda: self._client.difference(report.id, record))
        return {kind: data for kind, data in found.items() if data is not None}

    async def _optional(self, ask: Callable[[], Awaitable[bytes]]) -> bytes | None:
        try:
            return await self._ask(ask)
        except Stopped:
            raise
        except CountermarkError:
            return None

    # 4, 5 -----------------------------------------------------------------------------------------

    async def _check_records(self) -> None:
        self.progress.step = "checking receipts"
        keys = self._options.policy.keys_digest
        waiting = self.state.unchecked_records(keys)
        checked, total = 0, self.state.count_unchecked(keys)

        async def work() -> None:
            nonlocal checked
            for record in waiting:
                self.state.check_record(await self._check_record(record, keys))
                checked += 1
                self.progress.records = checked, total

        await _together(work() for _ in range(self._options.in_flight))

    async def _check_record(self, record: str, keys: str) -> CheckedRecord:
        file = receipt_path(self._folder, record)
        try:
            receipt = file.read_bytes()
        except FileNotFoundError:
            try:
                receipt = await self._ask(lambda: self._client.receipt(record))
            except Stopped:
                raise
            except CountermarkError as error:
                return CheckedRecord(record, "missing", str(error), keys, False, {})
            write_whole(file, receipt)
        return await asyncio.to_thread(check_receipt, record, receipt, self._options.policy)

    async def _compare_checkpoints(self) -> None:
        first, last = self.state.get("first_checkpoint"), self.state.get("last_checkpoint")
        if first is None or last is None:
            return
        self.progress.step = "comparing checkpoints"
        try:
            outcome = await asyncio.to_thread(prove_consistency, self._options.url, first, last)
        except CountermarkError as error:
            outcome = {"outcome": "not checked", "detail": str(error)}
        self.state.put("consistency", json.dumps(outcome))

    def _speaks_for(self, checkpoint: str) -> None:
        if self.state.get("first_checkpoint") is None:
            self.state.put("first_checkpoint", checkpoint)
        if self.state.get("last_checkpoint") != checkpoint:
            self.state.put("last_checkpoint", checkpoint)

    # Asking ---------------------------------------------------------------------------------------

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
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
            except WrongService:
                raise
            except _FAILURES as error:
                self._refused = 0
                if isinstance(error, UnexpectedAnswer) and not self._has_answered:
                    self._stop(f"{self._options.url} cannot be asked: {error}")
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
        self.progress.waits = self._resume_at, why

    async def _wait(self) -> None:
        if self._stopped is not None:
            raise self._stopped
        while (left := self._resume_at - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self.progress.waits = None


def receipt_path(folder: Path, record: str) -> Path:
    """Where the receipt of a record is kept."""
    return folder / "receipts" / record[:2] / f"{record}.countermark"


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file so that it is there as a whole or not at all. Raises StoreUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror or error}") from error


def _exact(found: Examined) -> Digests:
    return Digests(found.sha256 or "", found.pixels_sha256)


def _near(found: Examined) -> Digests:
    return Digests(found.sha256 or "", found.pixels_sha256, found.pdq, found.phash)


def _failed(found: Examined) -> Outcome | None:
    return None if found.failure is None else could_not_check(*found.failure)


def _batched(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    waiting = iter(entries)
    while batch := list(islice(waiting, size)):
        yield batch


def _chunks(entries: Sequence[Entry], width: int) -> Iterator[Sequence[Entry]]:
    """Pieces for workers, each of one archive if it is of an archive; a compressed one is read from its start once."""
    size = min(CHUNK, max(1, len(entries) // (4 * width)))
    for (kind, _), group in groupby(
        entries, key=lambda entry: (entry.kind, entry.at if entry.kind == "stream" else b"")
    ):
        together = list(group)
        yield from _batched(together, len(together) if kind == "stream" else size)


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of them; the first failure ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
