"""Cosigning: what the log asks of one witness, and what it makes of the answers (C2SP tlog-witness).

The rules are `provenance.transparency.witness`'s; here is the asking: again with another proof after 409, later after
429 or a failure, and rarely after a refusal.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import assert_never

from provenance.errors import CountermarkError
from provenance.limits import COSIGNING_SECONDS, MAX_WITNESS_ANSWER_BYTES, MAX_WITNESS_TRIES
from provenance.transparency.note import NoteSignature
from provenance.transparency.policy import Witness
from provenance.transparency.witness import AddCheckpoint, Declined, OtherSize, Witnessed, read_answer
from registry.attesting.patience import Patience
from registry.outbound import Outbound

Prove = Callable[[int], Awaitable[tuple[bytes, ...]]]
"""The consistency proof to the checkpoint from a tree of this many entries, which has to be no larger."""

MEDIA_TYPE = "text/plain; charset=utf-8"

log = logging.getLogger(__name__)


class WitnessDesk:
    """One witness with an address, and the log's dealings with it. For one task at a time."""

    def __init__(self, witness: Witness, address: str) -> None:
        self.witness = witness
        self.patience = Patience()
        self._address = address.rstrip("/") + "/add-checkpoint"
        self._size = 0  # of the tree it cosigned last, as far as we know; a 409 says better

    async def cosign(self, note: bytes, size: int, prove: Prove, outbound: Outbound) -> tuple[NoteSignature, ...]:
        """Ask for cosignatures of a checkpoint of `size` entries; none where it could not or would not.

        It takes `COSIGNING_SECONDS` at most. When it may be asked again is for `patience` to say.
        """
        try:
            async with asyncio.timeout(COSIGNING_SECONDS):
                return await self._cosign(note, size, prove, outbound)
        except TimeoutError:
            self._fail(f"not done within {COSIGNING_SECONDS:g} seconds")
        except CountermarkError as error:
            self._fail(str(error))
        return ()

    async def _cosign(self, note: bytes, size: int, prove: Prove, outbound: Outbound) -> tuple[NoteSignature, ...]:
        for _ in range(MAX_WITNESS_TRIES):
            old_size = min(self._size, size)
            request = AddCheckpoint(old_size, await prove(old_size), note)
            answer = await outbound.post(
                self._address,
                request.serialise(),
                MEDIA_TYPE,
                limit=MAX_WITNESS_ANSWER_BYTES,
                seconds=COSIGNING_SECONDS,
            )
            outcome = read_answer(request, answer.status, answer.media_type, answer.body, [self.witness.key])
            match outcome:
                case Witnessed(lines):
                    self._size = size
                    self.patience.succeed()
                    return lines
                case OtherSize(cosigned) if cosigned > size:
                    log.critical(
                        "witness %s has cosigned %s entries of this log, and the log has %s: is this an older copy of "
                        "the store, or does somebody else sign for it?",
                        self.witness.name,
                        cosigned,
                        size,
                    )
                    self.patience.give_up()
                    return ()
                case OtherSize(cosigned):
                    self._size = cosigned
                case Declined(passing=True):
                    self._fail(f"status {outcome.status}: {outcome.detail!a}", answer.retry_after)
                    return ()
                case Declined():
                    self._refused(outcome, old_size)
                    return ()
                case never:
                    assert_never(never)
        self._fail("it named another tree size each time")
        return ()

    def _refused(self, outcome: Declined, old_size: int) -> None:
        """A refusal that will not pass by itself. A proof that does not hold may mean two histories of the log."""
        level = logging.CRITICAL if outcome.status in (409, 422) else logging.ERROR
        message = "witness %s declines the log's checkpoint, asked from %s entries: status %s, %a"
        log.log(level, message, self.witness.name, old_size, outcome.status, outcome.detail)
        self.patience.give_up()

    def _fail(self, why: str, retry_after: float | None = None) -> None:
        self.patience.fail(retry_after)
        log.warning("witness %s did not cosign; next try in %.0f s: %s", self.witness.name, self.patience.wait, why)
