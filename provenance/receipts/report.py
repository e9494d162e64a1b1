"""A receipt's report: the numbered steps of its verification, and what they prove together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from provenance.errors import CountermarkError
from provenance.receipts.origins import Chain
from provenance.sentences import SENTENCES
from provenance.statement.record import PublisherKey, Record
from provenance.transparency.checkpoint import Checkpoint, Cosigner
from provenance.transparency.log_keys import Outcome
from provenance.transparency.policy import Witnessing
from provenance.transparency.timestamp import Timestamp

STEP_NAMES = dict(enumerate(SENTENCES.steps, 1))
"""The steps by number, as docs/reference/receipts.md has them."""

DEPENDS_ON = {3: (2,), 4: (3,), 5: (4,), 6: (5,), 7: (5,), 8: (3,), 9: (7,), 10: (7, 8), 11: (5,)}
"""What each step depends on: after a failed step, neither these nor what depends on them are checked."""

_NEEDED = range(3, 9)


@dataclass(frozen=True)
class Step:
    """One step of the procedure and what came of it; `detail` is a sentence for people."""

    number: int
    name: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True)
class ReceiptReport:
    """What a receipt proves.

    Attributes:
        steps: all eleven, in order.
        record: the subject's record. Nothing in it is proven unless the report `holds`.
        record_id: SHA-256 of its canonical bytes.
        index: of the subject in the log.
        log_key_pinned: the log's key is one that the caller trusts, or one that such a key leads to: not only
            what the receipt claims.
        checkpoint: of the tree that everything is proven in; means nothing unless step 3 holds.
        cosigners: the caller's witnesses that cosigned it.
        signer: the record that enrolled the key which signed the subject; None where an operator signed, or step 5
            does not hold.
        withdrawn: the publisher took the registration back later. False may also mean that the receipt is older
            than the withdrawal, or that whoever passed it on left the withdrawal out.
        timestamp: what one of the caller's authorities stated of the subject, where step 10 holds: that it was in the
            log at a time, or earlier.
        disputed: another publisher contradicts the registration, and has not retracted that; a retraction with a key
            that may have been compromised by then counts for nothing. False may mean the same two things. None: that
            key may have been since after the retraction's `claimed_at`, as for `key_compromised`.
        superseded_by: index of the newest registration by which the publisher says that it supersedes this one.
        key_compromised: a later revocation states that the key may have been compromised since before the record was
            made. None: since after `claimed_at`, which is the signer's word, and no time stamp that could be checked
            bounds it.
        contested_origins: record ids of registrations that the subject was made from, proven, and since withdrawn or
            disputed, or signed with a key that was compromised. Step 11 names them.
        truncated: the receipt says itself that it could not hold all that belongs to the subject.
        witnessing: whether the cosignatures are there that the caller asks for; None where it asks for none.
        chain: the registrations that the subject was made from; None where step 5 does not hold, without which no
            link can be checked.
    """

    steps: tuple[Step, ...]
    record: Record
    record_id: bytes
    index: int
    log_key_pinned: bool
    checkpoint: Checkpoint
    cosigners: tuple[Cosigner, ...]
    signer: PublisherKey | None
    withdrawn: bool
    disputed: bool | None
    chain: Chain | None
    timestamp: Timestamp | None = None
    superseded_by: int | None = None
    key_compromised: bool | None = False
    contested_origins: tuple[bytes, ...] = ()
    truncated: bool = False
    witnessing: Witnessing | None = None

    @property
    def holds(self) -> bool:
        """Steps 3 to 8 hold and none fails, but for step 11 over origins that are proven and contested.

        Whether the log itself deserves trust is step 2: see `log_key_pinned`.
        """
        outcomes = {step.number: step.outcome for step in self.steps}
        proven = self.chain is not None and not any(link.state == "broken" for link in self.chain.links)
        if self.contested_origins and proven:
            del outcomes[11]
        return "fails" not in outcomes.values() and all(outcomes[number] == "holds" for number in _NEEDED)

    def __bool__(self) -> NoReturn:
        raise TypeError("a report is neither true nor false: ask whether it `holds`")


class Undecided(CountermarkError):
    """What a check needs is not at hand, so that it neither holds nor fails."""


class Steps:
    """The steps taken so far, in order; each is settled once."""

    def __init__(self) -> None:
        self.taken: list[Step] = []
        self._failed: set[int] = set()

    def settle(self, number: int, outcome: Outcome, detail: str) -> None:
        self.taken.append(Step(number, STEP_NAMES[number], outcome, detail))
        if outcome == "fails":
            self._failed.add(number)

    def check(self, number: int, check: Callable[[], str]) -> None:
        """Run a check that returns its detail, or raises; not at all where a step that it depends on has failed."""
        failed = self.failed_dependency(number)
        if failed is not None:
            self.settle(number, "not checked", f"it depends on step {failed}")
            self._failed.add(number)
            return
        try:
            detail = check()
        except Undecided as gap:
            self.settle(number, "not checked", str(gap))
        except CountermarkError as refusal:
            self.settle(number, "fails", str(refusal))
        else:
            self.settle(number, "holds", detail)

    def failed_dependency(self, number: int) -> int | None:
        """The first step that this one depends on and that has failed."""
        return next((each for each in DEPENDS_ON[number] if each in self._failed), None)

    def outcome(self, number: int) -> Outcome:
        return self.taken[number - 1].outcome
