"""Attestation: cosignatures and time-stamp tokens for published checkpoints, requested in a thread of its own.

A checkpoint is published without waiting for either. Rounds follow: the latest checkpoint goes to every witness that is
due, and to the time-stamping authority; their answers are stored with the checkpoint and then published with it. A
round ends when a quorum has cosigned, when all have answered, or at its time limit. A slower witness takes part again
once it has answered, and delays no other. Each round takes the latest checkpoint, so that its witnesses cosign the same
one. While the log does not grow, its checkpoint is cosigned again from time to time.
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
from registry.attestation.cosigning import Prove, WitnessClient, witness_clients
from registry.attestation.outbound import OutboundClient
from registry.attestation.timestamping import TimestampClient, TimestampSettings
from registry.database import Store, checkpoints
from registry.log.sequencer import Sequencer
from registry.times import to_milliseconds

log = logging.getLogger(__name__)


class Attestation:
    """Requests cosignatures and time-stamp tokens until it is closed. `close` may be called from any thread."""

    def __init__(
        self,
        store: Store,
        sequencer: Sequencer,
        clock: Callable[[], datetime],
        *,
        policy: Policy | None = None,
        timestamping: TimestampSettings | None = None,
    ) -> None:
        """Begin with the latest checkpoint, if it lacks cosignatures or a token.

        Args:
            policy: names the witnesses (those with a URL are asked) and the quorum.
            timestamping: None for no tokens.
        """
        self._store = store
        self._sequencer = sequencer
        self._clock = clock
        self._policy = policy
        self._witnesses = witness_clients(policy.witnesses) if policy else []
        self._timestamp_client = TimestampClient(timestamping) if timestamping else None
        with store.read() as session:
            stamped = checkpoints.last_stamped(session)
        self._stamped_size = 0 if stamped is None else stamped.size
        # Shared with other threads, under _gate:
        self._gate = threading.Lock()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        # The loop's own:
        self._due = asyncio.Event()  # somebody may be due
        self._due.set()
        self._asking: dict[WitnessClient | TimestampClient, asyncio.Task[bool]] = {}
        self._keeping = asyncio.Lock()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="countermark-attestation")
        self._thread.start()
        sequencer.notify(self._notice)

    def close(self) -> None:
        """Cancel the running round, and end the thread."""
        with self._gate:
            self._closed = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _notice(self) -> None:
        """Wake the loop for a new checkpoint. Called by the sequencer."""
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
        async with OutboundClient() as outbound:
            again_in: float | None = None
            try:
                while True:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(again_in):
                            await self._due.wait()
                    self._due.clear()
                    try:
                        again_in = await self._round(outbound)
                    except Exception:  # a failed round must not end the thread
                        log.exception("a round of cosigning failed")
                        again_in = COSIGNING_SECONDS
                    await asyncio.sleep(COSIGNING_INTERVAL_SECONDS)
            finally:
                for task in self._asking.values():
                    task.cancel()
                await asyncio.gather(*self._asking.values(), return_exceptions=True)

    async def _round(self, outbound: OutboundClient) -> float | None:
        """Send the latest checkpoint to all that are due; the seconds until the next is due, None if there is none."""
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

        if (
            self._timestamp_client is not None
            and self._timestamp_client not in self._asking
            and self._timestamp_wait() == 0
        ):
            self._ask(self._timestamp_client, self._stamp(self._timestamp_client, signed, outbound))
        due = [client for client in self._witnesses if client not in self._asking and client.wait(signed) == 0]
        asked = {self._ask(client, self._cosign(client, note, size, prove, outbound)) for client in due}
        await self._wait_for_quorum(asked)
        shown = SignedCheckpoint.parse(self._sequencer.checkpoint())
        waits = [client.wait(shown) for client in self._witnesses if client not in self._asking]
        if self._timestamp_client is not None and self._timestamp_client not in self._asking:
            waits.append(self._timestamp_wait())
        return min(waits, default=None)

    def _ask(self, client: WitnessClient | TimestampClient, asking: Coroutine[None, None, bool]) -> asyncio.Task[bool]:
        """Start a request to a client, which gets no other until this one ends; its end starts a new round."""

        async def ask() -> bool:
            try:
                return await asking
            except Exception:  # a failure of one client must not delay the others
                log.exception("a cosignature or time-stamp token could not be stored")
                return False
            finally:
                del self._asking[client]
                self._due.set()

        self._asking[client] = task = asyncio.create_task(ask())
        return task

    async def _wait_for_quorum(self, asked: set[asyncio.Task[bool]]) -> None:
        """Wait until a quorum has cosigned or all have answered, for `ROUND_SECONDS` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ROUND_SECONDS):
                while asked:
                    done, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                    if any(task.result() for task in done):
                        return

    async def _cosign(
        self, client: WitnessClient, note: bytes, size: int, prove: Prove, outbound: OutboundClient
    ) -> bool:
        """Ask a witness and store its cosignatures; whether the checkpoint now has a quorum."""
        lines = await client.cosign(note, size, prove, outbound)
        if not lines:
            return False
        async with self._keeping:
            return await asyncio.to_thread(self._store_and_publish, size, lines)

    def _timestamp_wait(self) -> float:
        """Seconds until the next token is due; infinite if the latest checkpoint has one."""
        if self._timestamp_client is None or self._stamped_size == self._sequencer.size:
            return math.inf
        return self._timestamp_client.backoff.wait

    async def _stamp(self, client: TimestampClient, signed: SignedCheckpoint, outbound: OutboundClient) -> bool:
        size = signed.checkpoint.size
        token = await client.stamp(signed.note.text, outbound)
        if token is not None:
            written = self._store.write(lambda session: checkpoints.stamp(session, size=size, token=token))
            await asyncio.wrap_future(written)
            self._stamped_size = size
        return token is not None

    def _store_and_publish(self, size: int, lines: Sequence[NoteSignature]) -> bool:
        """Store a checkpoint with more cosignatures, then publish it; whether they are a quorum."""
        with self._store.read() as session:
            row = checkpoints.find(session, size)
        if row is None:
            return False
        note = add_cosignatures(row.note, lines)
        enough = self._has_quorum(SignedCheckpoint.parse(note))
        now = to_milliseconds(self._clock()) if enough else None
        self._store.write(
            lambda session: checkpoints.cosign(session, size=size, note=note, cosigned_at_ms=now)
        ).result()
        self._sequencer.attach(note)
        return enough

    def _has_quorum(self, signed: SignedCheckpoint) -> bool:
        """Whether a quorum has cosigned a checkpoint of this log."""
        key = self._sequencer.key
        keys = [key, *(self._policy.keys_for(key.name) if self._policy else ())]
        return is_cosigned(self._policy, signed.verify(keys, key.name)[1])
