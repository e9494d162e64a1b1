"""Which keys a publisher had when: the `publisher.key` records of a log, in log order.

A key is in force from the record that enrols it, or rotates to it, up to the one that ends it: its own
revocation, or the publisher's next rotation to another key. Only records of an operator of the log count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self, assert_never

from provenance.errors import SignatureInvalid
from provenance.statement.handover import verify_possession
from provenance.statement.keys import PublicKey
from provenance.statement.record import (
    AssetDisputed,
    AssetRegistered,
    AssetRevealed,
    AssetWithdrawn,
    DisputeAnswered,
    LogFrozen,
    LogGenesis,
    LogKey,
    PublisherKey,
    Record,
    RecordErased,
    VerdictRecorded,
)
from provenance.statement.statement import Statement, verify_statement


@dataclass(frozen=True)
class KeyEvent:
    """A `publisher.key` record at its index of the log."""

    index: int
    record: PublisherKey


@dataclass(frozen=True)
class KeyHistory:
    """The key records that are known, in log order; what is not among them cannot be seen."""

    events: tuple[KeyEvent, ...]

    @classmethod
    def of(cls, events: Sequence[KeyEvent]) -> Self:
        """The history of some key records, in whatever order they come."""
        return cls(tuple(sorted(events, key=lambda event: event.index)))

    def enrolment(self, publisher: str, kid: bytes, before: int) -> KeyEvent:
        """The last record before index `before` that brought the key into force for the publisher.

        Args:
            publisher: the publisher's id.
            kid: the key's thumbprint, 32 bytes.
            before: the index of what the key signed.

        Raises:
            SignatureInvalid: no such record.
        """
        of_key = [
            event
            for event in self.events
            if event.record.publisher == publisher
            and event.record.action != "revoke"
            and event.record.key.thumbprint == kid
        ]
        earlier = [event for event in of_key if event.index < before]
        if not earlier:
            later = f"; one at index {of_key[0].index} does" if of_key else ""
            raise SignatureInvalid(f"no record before index {before} enrols key {kid.hex()} for {publisher}{later}")
        return earlier[-1]

    def ending(self, enrolment: KeyEvent) -> KeyEvent | None:
        """The first record after an enrolment that ends its key, if one is known."""
        for event in self.events:
            if event.index <= enrolment.index or event.record.publisher != enrolment.record.publisher:
                continue
            same_key = event.record.key == enrolment.record.key
            if same_key if event.record.action == "revoke" else event.record.action == "rotate" and not same_key:
                return event
        return None

    def invalid_since(self, publisher: str, kid: bytes, after: int) -> datetime | None:
        """Since when a key may have been compromised, as revocations of it behind index `after` state."""
        stated = [
            event.record.invalid_since
            for event in self.events
            if event.index > after
            and (event.record.publisher, event.record.key.thumbprint) == (publisher, kid)
            and event.record.invalid_since is not None
        ]
        return min(stated, default=None)

    def verify_handover(self, event: KeyEvent) -> None:
        """Check that the old key of a rotation was this publisher's and had not ended, as far as these records show.

        Raises:
            SignatureInvalid: it was another publisher's, or had ended before.
        """
        handover = event.record.handover
        if handover is None:
            return
        kid = handover.key.thumbprint
        known = {
            each.record.publisher
            for each in self.events
            if each.record.key == handover.key and each.record.action != "revoke"
        }
        if event.record.publisher in known:
            self.key_in_force(event.record.publisher, kid, event.index)
        elif known:
            raise SignatureInvalid(f"the key that hands over at index {event.index} is another publisher's")

    def key_in_force(self, publisher: str, kid: bytes, at: int) -> PublicKey:
        """The publisher's key with this thumbprint, in force just before index `at`.

        Raises:
            SignatureInvalid: it was not enrolled, or had ended.
        """
        enrolment = self.enrolment(publisher, kid, at)
        ending = self.ending(enrolment)
        if ending is not None and ending.index < at:
            raise SignatureInvalid(f"{describe_ending(ending)}, before index {at}")
        return enrolment.record.key


def publisher_of(record: Record) -> str | None:
    """Who must have signed a record: the publisher's id, or None for an operator of the log."""
    match record:
        case (
            AssetRegistered()
            | AssetWithdrawn()
            | AssetDisputed()
            | DisputeAnswered()
            | AssetRevealed()
            | VerdictRecorded()
        ):
            return record.publisher
        case LogGenesis() | LogKey() | LogFrozen() | PublisherKey() | RecordErased():
            return None
        case never:
            assert_never(never)


def describe_ending(event: KeyEvent) -> str:
    """In words, for people: how a key ended and where in the log."""
    how = "revoked" if event.record.action == "revoke" else "replaced by another key"
    return f"the key was {how} at index {event.index}"


def verify_operator_statement(statement: Statement, record: bytes, genesis: LogGenesis) -> None:
    """Accepts a statement about a record's canonical bytes that an operator key of the log signed.

    Raises:
        SignatureInvalid: another key, another record, or a signature that does not verify.
    """
    for key in genesis.operator_keys:
        if key.thumbprint == statement.kid:
            verify_statement(statement, key, record)
            return
    raise SignatureInvalid(f"key {statement.kid.hex()} is no operator key of this log")


def verify_key_record(record: PublisherKey, genesis: LogGenesis) -> None:
    """Check that a key record has a proof of possession by its publisher; a revocation needs none.

    A rotation is signed by the key that is replaced as well. Whether that key was the publisher's own is for
    `KeyHistory.verify_handover`, where its enrolment is known.

    Raises:
        SignatureInvalid: a proof is missing, or made with another key, for another log or publisher.
    """
    if record.action == "revoke":
        return
    if record.possession is None:
        raise SignatureInvalid("nothing shows that the publisher holds the key")
    verify_possession(record.key, record.possession, genesis.origin, record.publisher)
    if record.action == "rotate":
        if record.handover is None:
            raise SignatureInvalid("the key that is replaced has not signed the rotation")
        record.handover.verify(record.key, genesis.origin, record.publisher)
