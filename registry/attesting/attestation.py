"""Attestation: what others say of the log's published checkpoints, asked for in a thread of its own.

Publishing comes first and waits for nobody. After it, rounds: the latest checkpoint goes to every witness that is due,
and to the time-stamping authority; what comes back in time is stored with the checkpoint, then shown with it. A round
ends when all have answered, or at its bound. What comes in between waits for the next round, which takes the latest.
"""

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from provenance.limits import COSIGNING_INTERVAL_SECONDS, COSIGNING_SECONDS
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.merkle import consistency_proof
from provenance.transparency.note import NoteSignature
from provenance.transparency.policy import Policy, is_cosigned
from provenance.transparency.witness import add_cosignatures
from registry.attesting.cosigning import WitnessDesk
from registry.attesting.timestamping import StampDesk, Timestamping
from registry.log.sequencer import Sequencer
from registry.outbound import Outbound
from registry.store import Store, checkpoints
from registry.times import to_milliseconds

log = logging.getLogger(__name__)


class Attestation:
    """Asks for cosignatures and time-stamp tokens until it is closed. `close` may be called from any thread."""

    def __init__(
        self,
        store: Store,
        sequencer: Sequencer,
        clock: Callable[[], datetime],
        *,
        policy: Policy | None = None,
        timestamping: Timestamping | None = None,
    ) -> None:
        """Begin with the latest checkpoint, if it lacks something.

        Args:
            policy: names the witnesses that are asked (those with an address), and how many of which are enough.
            timestamping: None for no tokens.
        """
        self._store = store
        self._sequencer = sequencer
        self._clock = clock
        self._policy = policy
        self._desks = [WitnessDesk(each, each.url) for each in policy.witnesses if each.url] if policy else []
        self._stamps = StampDesk(timestamping) if timestamping else None
        with store.read() as session:
            stamped = checkpoints.last_stamped(session)
        self._stamped_size = 0 if stamped is None else stamped.size
        # Shared with other threads, under _gate:
        self._gate = threading.Lock()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # The loop's own:
        self._published = asyncio.Event()
        self._published.set()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="countermark-attestation")
        self._thread.start()
        sequencer.notify(self._notice)

    def close(self) -> None:
        """End the round in hand, and the thread."""
        with self._gate:
            self._closed = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _notice(self) -> None:
        """There is a new checkpoint. Called by the sequencer."""
        with self._gate:
            if self._loop is not None and not self._closed:
                self._loop.call_soon_threadsafe(self._published.set)

    async def _run(self) -> None:
        with self._gate:
            if self._closed:
                return
            self._loop = asyncio.get_running_loop()
        rounds = asyncio.create_task(self._rounds())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((rounds, stop), return_when=asyncio.FIRST_COMPLETED)
        for task in (rounds, stop):
            task.cancel()
        await asyncio.gather(rounds, stop, return_exceptions=True)

    async def _rounds(self) -> None:
        async with Outbound() as outbound:
            again_in: float | None = None
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(again_in):
                        await self._published.wait()
                self._published.clear()
                try:
                    again_in = await self._round(outbound)
                except Exception:  # the thread outlives what any single round brings
                    log.exception("a round of cosigning failed")
                    again_in = COSIGNING_SECONDS
                await asyncio.sleep(COSIGNING_INTERVAL_SECONDS)

    async def _round(self, outbound: Outbound) -> float | None:
        """Ask who is due about the latest checkpoint; the seconds until somebody else is, if anybody is missing."""
        if self._sequencer.size == 0:
            return None
        note = self._sequencer.checkpoint()
        signed = SignedCheckpoint.parse(note)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._cosign(note, signed, outbound))
            tasks.create_task(self._stamp(signed, outbound))
        waits = [desk.patience.wait for desk in self._missing(SignedCheckpoint.parse(self._sequencer.checkpoint()))]
        if self._stamps is not None and self._stamped_size < self._sequencer.size:
            waits.append(self._stamps.patience.wait)
        return min(waits, default=None)

    async def _cosign(self, note: bytes, signed: SignedCheckpoint, outbound: Outbound) -> None:
        due = [desk for desk in self._missing(signed) if desk.patience.wait == 0]
        size = signed.checkpoint.size

        @functools.cache
        def proof(old_size: int) -> tuple[bytes, ...]:
            return tuple(consistency_proof(old_size, size, self._sequencer.tiles.reader(size)))

        async def prove(old_size: int) -> tuple[bytes, ...]:
            return await asyncio.to_thread(proof, old_size)

        asked = [asyncio.create_task(desk.cosign(note, size, prove, outbound)) for desk in due]
        try:
            found: list[NoteSignature] = []
            enough = self._is_enough(signed)
            for answered in asyncio.as_completed(asked):
                found += await answered
                if not enough and self._is_enough(_with(signed, found)):
                    enough = True
                    await self._keep(size, found)  # the quorum is not kept waiting for the slowest
                    found = []
            if found:
                await self._keep(size, found)
        finally:
            for task in asked:
                task.cancel()

    async def _stamp(self, signed: SignedCheckpoint, outbound: Outbound) -> None:
        size = signed.checkpoint.size
        if self._stamps is None or size == self._stamped_size or self._stamps.patience.wait > 0:
            return
        token = await self._stamps.stamp(signed.note.text, outbound)
        if token is not None:
            written = self._store.write(lambda session: checkpoints.stamp(session, size=size, token=token))
            await asyncio.wrap_future(written)
            self._stamped_size = size

    async def _keep(self, size: int, lines: Sequence[NoteSignature]) -> None:
        """Store a checkpoint with more cosignatures, then show it."""
        await asyncio.to_thread(self._store_and_show, size, lines)

    def _store_and_show(self, size: int, lines: Sequence[NoteSignature]) -> None:
        with self._store.read() as session:
            row = checkpoints.find(session, size)
        if row is None:
            return
        note = add_cosignatures(row.note, lines)
        enough = self._is_enough(SignedCheckpoint.parse(note))
        now = to_milliseconds(self._clock()) if enough else None
        self._store.write(
            lambda session: checkpoints.cosign(session, size=size, note=note, cosigned_at_ms=now)
        ).result()
        self._sequencer.attach(note)

    def _missing(self, signed: SignedCheckpoint) -> list[WitnessDesk]:
        """The witnesses with an address whose cosignature a checkpoint lacks."""
        there = {(line.name, line.key_id) for line in signed.note.signatures}
        keys = [(desk, desk.witness.key) for desk in self._desks]
        return [desk for desk, key in keys if (key.name, key.key_id) not in there]

    def _is_enough(self, signed: SignedCheckpoint) -> bool:
        """Whether a quorum cosigned a checkpoint of ours."""
        key = self._sequencer.key
        keys = [key, *(self._policy.keys_for(key.name) if self._policy else ())]
        return is_cosigned(self._policy, signed.verify(keys, key.name)[1])


def _with(signed: SignedCheckpoint, lines: Sequence[NoteSignature]) -> SignedCheckpoint:
    return SignedCheckpoint.parse(add_cosignatures(signed.serialise(), lines))
