"""Cosigning: the client of one witness (C2SP tlog-witness).

The rules are in `provenance.transparency.witness`; this module sends the requests: again with another proof after 409,
later after 429 or a failure, and rarely after a refusal.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import assert_never

from provenance.errors import CountermarkError
from provenance.limits import (
    COSIGNATURE_REFRESH_SECONDS,
    COSIGNING_SECONDS,
    MAX_WITNESS_ANSWER_BYTES,
    MAX_WITNESS_TRIES,
)
from provenance.transparency.checkpoint import SignedCheckpoint
from provenance.transparency.note import NoteSignature, VerifierKey
from provenance.transparency.policy import Witness
from provenance.transparency.witness import AddCheckpoint, Declined, OtherSize, Witnessed, read_response
from registry.attestation.outbound import Backoff, OutboundClient

Prove = Callable[[int], Awaitable[tuple[bytes, ...]]]
"""The consistency proof to the checkpoint from a tree of this size, which must not be larger."""

MEDIA_TYPE = "text/plain; charset=utf-8"

log = logging.getLogger(__name__)


def witness_clients(witnesses: Iterable[Witness]) -> "list[WitnessClient]":
    """One client for each URL: a witness with two keys has two lines in a policy, and is asked once."""
    named: dict[str, list[Witness]] = {}
    for witness in witnesses:
        if witness.url:
            named.setdefault(witness.url.rstrip("/"), []).append(witness)
    return [
        WitnessClient(", ".join(each.name for each in found), [each.key for each in found], address)
        for address, found in named.items()
    ]


class WitnessClient:
    """The client of one witness that has a URL. For one task at a time."""

    def __init__(self, name: str, keys: Sequence[VerifierKey], address: str) -> None:
        """`keys`: of the witness's lines in the policy; one response may hold cosignatures by all of them."""
        self.name = name
        self.backoff = Backoff()
        self._keys = tuple(keys)
        self._address = address + "/add-checkpoint"
        self._size = 0  # of the tree that it cosigned last, as far as is known; a 409 corrects it
        self._silent: set[VerifierKey] = set()  # keys without a cosignature in its last response
        self._fresh_until = 0.0  # monotonic; every start requests a first cosignature

    def wait(self, signed: SignedCheckpoint) -> float:
        """Seconds until the next request about a checkpoint, which may lack a cosignature or have an old one."""
        there = {(line.name, line.key_id) for line in signed.note.signatures}
        if any((key.name, key.key_id) not in there and key not in self._silent for key in self._keys):
            return self.backoff.wait
        return max(self.backoff.wait, self._fresh_until - time.monotonic())

    async def cosign(self, note: bytes, size: int, prove: Prove, outbound: OutboundClient) -> tuple[NoteSignature, ...]:
        """Request cosignatures of a checkpoint of `size` entries; empty if the witness is unavailable or refuses.

        Takes `COSIGNING_SECONDS` at most; `backoff` then says when the next request is due.
        """
        try:
            async with asyncio.timeout(COSIGNING_SECONDS):
                return await self._cosign(note, size, prove, outbound)
        except TimeoutError:
            self._fail(f"not done within {COSIGNING_SECONDS:g} seconds")
        except CountermarkError as error:
            self._fail(str(error))
        return ()

    async def _cosign(
        self, note: bytes, size: int, prove: Prove, outbound: OutboundClient
    ) -> tuple[NoteSignature, ...]:
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
            outcome = read_response(request, answer.status, answer.media_type, answer.body, self._keys)
            match outcome:
                case Witnessed(lines, cosigners):
                    self._size = size
                    self._fresh_until = time.monotonic() + COSIGNATURE_REFRESH_SECONDS
                    self._note_silent({*self._keys} - {each.key for each in cosigners})
                    self.backoff.succeed()
                    return lines
                case OtherSize(cosigned) if cosigned > size:
                    log.critical(
                        "witness %s has cosigned %s entries of this log, and the log has %s: is this an older copy of "
                        "the store, or does somebody else sign for it?",
                        self.name,
                        cosigned,
                        size,
                    )
                    self.backoff.give_up()
                    return ()
                case OtherSize(cosigned):
                    self._size = cosigned
                case Declined(passing=True):
                    self._fail(f"status {outcome.status}: {outcome.detail!a}", answer.retry_after)
                    return ()
                case Declined():
                    self._handle_refusal(outcome, old_size)
                    return ()
                case never:
                    assert_never(never)
        self._fail("it named another tree size each time")
        return ()

    def _note_silent(self, silent: set[VerifierKey]) -> None:
        for key in silent - self._silent:
            log.warning("witness %s does not cosign with its key %s", self.name, key.key_id.hex())
        self._silent = silent

    def _handle_refusal(self, outcome: Declined, old_size: int) -> None:
        """Log a refusal that will not pass by itself. A proof that does not verify may mean a fork of the log."""
        level = logging.CRITICAL if outcome.status in (409, 422) else logging.ERROR
        message = "witness %s declines the log's checkpoint, asked from %s entries: status %s, %a"
        log.log(level, message, self.name, old_size, outcome.status, outcome.detail)
        self.backoff.give_up()

    def _fail(self, why: str, retry_after: float | None = None) -> None:
        self.backoff.fail(retry_after)
        log.warning("witness %s did not cosign; next try in %.0f s: %s", self.name, self.backoff.wait, why)
