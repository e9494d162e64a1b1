"""An audit: sources are listed, examined, looked up, sent where that is allowed, and what was found is proven.

1. The sources are listed: only then is it known how many items there are.
2. Batches of items are hashed by worker processes, looked up by their digests, and committed. Only what the digest of
   its bytes does not settle is decoded, and looked up by the rest.
3. What the look-up did not settle is verified by the service, if it may be sent.
4. The receipt of each record that items lead to is fetched once, checked here, and kept.
5. The first and the last checkpoint that answers spoke for are compared by a consistency proof.

Each step goes on where an earlier run left it. Whatever ends an audit, the report so far can be written.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countermark.audit.buckets import NOT_COMPARED, Bucket, Outcome, could_not_check, of_error, of_lookup, of_report
from countermark.audit.folder import receipt_path, write_whole
from countermark.audit.items import Entry, Examined, Look, Reading, examine, read
from countermark.audit.options import Options
from countermark.audit.patience import Patience, Stopped, impatient
from countermark.audit.progress import Progress
from countermark.audit.proofs import check_receipt, prove_consistency
from countermark.audit.sources import Sources
from countermark.audit.state import CheckedRecord, Settled, State
from countermark.audit.workers import Cluster, Examiner, Workers
from countermark.digests import Digests
from provenance.errors import CountermarkError, WrongService

if TYPE_CHECKING:
    from countermark.models import Report

BATCH = 1_000
"""Items that are at work and not committed: what a killed audit repeats at most, and what one look-up takes."""

HALVES = 2
"""Batches are worked on in halves, so that one is hashed while the other is looked up."""

CHUNK = 64
"""Entries that a worker is asked at once, at most."""

READ_AGAIN = frozenset(("file", "zip", "tar"))
"""Kinds of entries that are decoded on a second reading: of any other, that costs more than decoding in vain."""

WITHOUT_BYTES = frozenset(("digest", "failed"))
"""Kinds of entries of which nothing is read: no worker is started for them."""

PICTURED = frozenset(Bucket) - {Bucket.IDENTICAL, Bucket.SAME_PICTURE, Bucket.NOT_FOUND, Bucket.COULD_NOT_CHECK}
"""Buckets of sent items that the report shows with pictures."""


class Audit:
    """One run of an audit in a folder."""

    def __init__(self, sources: Sources, folder: Path, options: Options, tell: Callable[[str], None]) -> None:
        """`tell` is called with a line about something that the auditor should know now. Raises as `State`."""
        self.progress = Progress()
        self._sources, self._folder, self._options, self._tell = sources, folder, options, tell
        self.state = State(folder, options.purpose(sources), restart=options.restart)
        # What is sent is compared: then a fingerprint, which gives a lead at most, adds nothing.
        decoded: Look = "fingerprints" if options.send == "never" else "pixels"
        self._hashed = Reading(private=options.private)
        self._seen = replace(self._hashed, look=decoded) if options.pictures else self._hashed
        self._patience = Patience(options.url, self.progress, tell)

    async def run(self) -> None:
        """Does what is left to do. Raises Stopped, WrongService, StoreUnavailable, MissingExtra, InvalidRequest."""
        options = self._options
        await self._list()
        examiner: Examiner = Workers(options.jobs) if options.cluster is None else Cluster(options.cluster)
        try:
            async with impatient(options.url, options.api_key) as client:
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
                self._commit(await self._look_up(examiner, half))

        await together(work() for _ in range(HALVES))

    async def _look_up(self, examiner: Examiner, entries: Sequence[Entry]) -> list[Settled]:
        found = await self._examined(examiner, entries, again=False)
        known: dict[bytes, Outcome] = {}
        try:
            known |= await self._known(found.values(), _exact)
            if self._seen != self._hashed:
                unsettled = [
                    each for each in entries if each.kind in READ_AGAIN and known.get(each.name) is NOT_COMPARED
                ]
                seen = await self._examined(examiner, unsettled, again=True)
                changed = [each for each in seen.values() if _exact(each) != _exact(found[each.name])]
                found |= seen
                known |= await self._known(changed, _exact)
            near = [each for each in found.values() if each.pdq is not None and known.get(each.name) is NOT_COMPARED]
            known |= await self._known(near, _near)
        except (Stopped, WrongService):
            raise
        except CountermarkError as error:
            failed = could_not_check("server", str(error))
            return [Settled(each, _failed(each) or failed) for each in found.values()]
        return [
            Settled(found[each.name], self._settle(each, found[each.name], known.get(each.name, NOT_COMPARED)))
            for each in entries
        ]

    async def _examined(self, examiner: Examiner, entries: Sequence[Entry], *, again: bool) -> dict[bytes, Examined]:
        """What is found in the bytes of entries, by name."""
        known = examine([each for each in entries if each.kind in WITHOUT_BYTES], self._hashed)
        to_read = [each for each in entries if each.kind not in WITHOUT_BYTES]
        parts = await asyncio.gather(
            *(
                examiner.examine(part, self._hashed if part[0].kind in READ_AGAIN and not again else self._seen)
                for part in _chunks(to_read, examiner.width)
            )
        )
        return {found.name: found for part in (known, *parts) for found in part}

    async def _known(self, found: Iterable[Examined], digests: Callable[[Examined], Digests]) -> dict[bytes, Outcome]:
        asked = [each for each in found if each.sha256 is not None]
        if not asked:
            return {}
        answer = await self._patience.ask(lambda: self._client.lookup([digests(found) for found in asked]))
        self._speaks_for(answer.checkpoint)
        counts = self._options.policy.counts
        return {each.name: of_lookup(told, counts) for each, told in zip(asked, answer.items, strict=True)}

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

        await together(work() for _ in range(self._options.in_flight))

    async def _verify(
        self, examiner: Examiner, sha256: str, entry: Entry
    ) -> tuple[Outcome, str | None, str | None, dict[str, bytes]]:
        try:
            data = await asyncio.to_thread(read, entry, self._hashed)
        except CountermarkError as error:
            return could_not_check("unreadable", str(error)), None, None, {}
        if hashlib.sha256(data).hexdigest() != sha256:
            return could_not_check("unreadable", "it changed after it was hashed"), None, None, {}
        try:
            report = await self._patience.ask(lambda: self._client.verify(data))
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
        found = {"file": await examiner.draw(entry, self._hashed)}
        if outcome.record is not None:
            record = outcome.record
            found["record"] = await self._optional(lambda: self._client.thumbnail(record))
            if report.matches[0].difference_url is not None:
                found["difference"] = await self._optional(lambda: self._client.difference(report.id, record))
        return {kind: data for kind, data in found.items() if data is not None}

    async def _optional(self, ask: Callable[[], Awaitable[bytes]]) -> bytes | None:
        try:
            return await self._patience.ask(ask)
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

        await together(work() for _ in range(self._options.in_flight))

    async def _check_record(self, record: str, keys: str) -> CheckedRecord:
        file = receipt_path(self._folder, record)
        try:
            receipt = file.read_bytes()
        except FileNotFoundError:
            try:
                receipt = await self._patience.ask(lambda: self._client.receipt(record))
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


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of them; the first failure ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
