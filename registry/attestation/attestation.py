"""Attestation: what others say of the log's published checkpoints, asked for in a thread of its own.

Publishing comes first and waits for nobody. After it, rounds: the latest checkpoint goes to every witness that is due,
and to the time-stamping authority; what comes back is stored with the checkpoint that was asked about, then shown with
it. A round ends when a quorum has cosigned, when all have answered, or at its bound; who is slower takes part again
after its answer, and holds up nobody. A round takes the latest checkpoint, so that the witnesses of one round
cosign the same. Where the log does not grow, its checkpoint is cosigned anew now and then.
"""

import asyncio
import functools
import logging
import math
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime

from provenance.limits import COSIGNING_INTERVAL_SECONDS, COSIGNING_SECONDS, ROUND_SECONDS
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.merkle import consistency_proof
from provenance.transparency.note import NoteSignature
from provenance.transparency.policy import Policy, is_cosigned
from provenance.transparency.witness import add_cosignatures
from registry.attestation.cosigning import Prove, WitnessDesk, desks
from registry.attestation.outbound import Outbound
from registry.attestation.timestamping import StampDesk, Timestamping
from registry.database import Store, checkpoints
from registry.log.sequencer import Sequencer
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
        self._desks = desks(policy.witnesses) if policy else []
        self._stamps = StampDesk(timestamping) if timestamping else None
        with store.read() as session:
            stamped = checkpoints.last_stamped(session)
        self._stamped_size = 0 if stamped is None else stamped.size
        # Shared with other threads, under _gate:
        self._gate = threading.Lock()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # The loop's own:
        self._due = asyncio.Event()  # there may be something to ask
        self._due.set()
        self._asking: dict[WitnessDesk | StampDesk, asyncio.Task[bool]] = {}
        self._keeping = asyncio.Lock()
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
                self._loop.call_soon_threadsafe(self._due.set)

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
            try:
                while True:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(again_in):
                            await self._due.wait()
                    self._due.clear()
                    try:
                        again_in = await self._round(outbound)
                    except Exception:  # the thread outlives what any single round brings
                        log.exception("a round of cosigning failed")
                        again_in = COSIGNING_SECONDS
                    await asyncio.sleep(COSIGNING_INTERVAL_SECONDS)
            finally:
                for task in self._asking.values():
                    task.cancel()
                await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _round(self, outbound: Outbound) -> float | None:
        """Ask who is due about the latest checkpoint; the seconds until somebody else is, if anybody is to be asked."""
        if self._sequencer.size == 0:
            return None
        note = self._sequencer.checkpoint()
        signed = SignedCheckpoint.parse(note)
        size = signed.checkpoint.size

        @functools.cache
        def proof(old_size: int) -> tuple[bytes, ...]:
            return tuple(consistency_proof(old_size, size, self._sequencer.tiles.reader(size)))

        async def prove(old_size: int) -> tuple[bytes, ...]:
            return await asyncio.to_thread(proof, old_size)

        if self._stamps is not None and self._stamps not in self._asking and self._stamp_wait() == 0:
            self._ask(self._stamps, self._stamp(self._stamps, signed, outbound))
        due = [desk for desk in self._desks if desk not in self._asking and desk.wait(signed) == 0]
        asked = {self._ask(desk, self._cosign(desk, note, size, prove, outbound)) for desk in due}
        await self._enough(asked)
        shown = SignedCheckpoint.parse(self._sequencer.checkpoint())
        waits = [desk.wait(shown) for desk in self._desks if desk not in self._asking]
        if self._stamps is not None and self._stamps not in self._asking:
            waits.append(self._stamp_wait())
        return min(waits, default=None)

    def _ask(self, desk: WitnessDesk | StampDesk, asking: Coroutine[None, None, bool]) -> asyncio.Task[bool]:
        """Begin to ask somebody, who is then asked nothing else until that is done; a new round looks what is next."""

        async def ask() -> bool:
            try:
                return await asking
            except Exception:  # nor does what one desk meets with hold up the others
                log.exception("what a witness or time-stamping authority said could not be kept")
                return False
            finally:
                del self._asking[desk]
                self._due.set()

        self._asking[desk] = task = asyncio.create_task(ask())
        return task

    async def _enough(self, asked: set[asyncio.Task[bool]]) -> None:
        """Wait until a quorum has cosigned, or everybody has answered; not for long, and never for the slow ones."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUND_SECONDS):
                while asked:
                    done, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                    if any(task.result() for task in done):
                        return

    async def _cosign(self, desk: WitnessDesk, note: bytes, size: int, prove: Prove, outbound: Outbound) -> bool:
        """Ask a witness, and keep what it says: whether the checkpoint now counts as cosigned."""
        lines = await desk.cosign(note, size, prove, outbound)
        if not lines:
            return False
        async with self._keeping:
            return await asyncio.to_thread(self._store_and_show, size, lines)

    def _stamp_wait(self) -> float:
        """Seconds until a token is to be asked for."""
        if self._stamps is None or self._stamped_size == self._sequencer.size:
            return math.inf
        return self._stamps.backoff.wait

    async def _stamp(self, desk: StampDesk, signed: SignedCheckpoint, outbound: Outbound) -> bool:
        size = signed.checkpoint.size
        token = await desk.stamp(signed.note.text, outbound)
        if token is not None:
            written = self._store.write(lambda session: checkpoints.stamp(session, size=size, token=token))
            await asyncio.wrap_future(written)
            self._stamped_size = size
        return token is not None

    def _store_and_show(self, size: int, lines: Sequence[NoteSignature]) -> bool:
        """Store a checkpoint with more cosignatures, then show it; whether they are enough."""
        with self._store.read() as session:
            row = checkpoints.find(session, size)
        if row is None:
            return False
        note = add_cosignatures(row.note, lines)
        enough = self._is_enough(SignedCheckpoint.parse(note))
        now = to_milliseconds(self._clock()) if enough else None
        self._store.write(
            lambda session: checkpoints.cosign(session, size=size, note=note, cosigned_at_ms=now)
        ).result()
        self._sequencer.attach(note)
        return enough

    def _is_enough(self, signed: SignedCheckpoint) -> bool:
        """Whether a quorum cosigned a checkpoint of ours."""
        key = self._sequencer.key
        keys = [key, *(self._policy.keys_for(key.name) if self._policy else ())]
        return is_cosigned(self._policy, signed.verify(keys, key.name)[1])
