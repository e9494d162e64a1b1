"""Later records of a receipt's chain that change how a registration stands: its subject, or what that was made from.

Withdrawals, disputes and their retraction, and registrations that take another's place. They count only in a receipt
whose statements and inclusion proofs have been checked (`receipt_verification`). Each function raises MalformedRecord,
MalformedStatement for an entry that does not parse.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from provenance.statement.record import (
    SUPERSEDES,
    AssetDisputed,
    AssetRegistered,
    AssetWithdrawn,
    DisputeAnswered,
    Record,
    is_open,
)
from provenance.transparency.key_history import KeyHistory, publisher_of
from provenance.transparency.pinned_key import Outcome
from provenance.transparency.receipt import LoggedRecord
from provenance.transparency.timestamp import Timestamp

Stamped = Callable[[LoggedRecord], Timestamp | None]
"""What a verified time stamp states of an entry: that it was in the log by a time. None where nothing stamps it."""


def is_withdrawn(registered: LoggedRecord, chain: Sequence[LoggedRecord]) -> bool:
    """Whether its publisher took a registration back later."""
    record = registered.parsed_record
    identity = registered.parsed_statement.record_id
    return isinstance(record, AssetRegistered) and any(
        isinstance(later := entry.parsed_record, AssetWithdrawn)
        and entry.index > registered.index
        and (later.record, later.publisher) == (identity, record.publisher)
        for entry in chain
    )


def is_disputed(
    registered: LoggedRecord, chain: Sequence[LoggedRecord], history: KeyHistory, stamped: Stamped
) -> bool | None:
    """Whether another publisher contradicted a registration later, and has not retracted that.

    A publisher cannot dispute its own registration: a record that says so counts for nothing. Nor does a retraction
    with a key that may have been in other hands by then; None where that cannot be told of it.

    Args:
        history: the key records that are known.
        stamped: what is stated of an entry.
    """
    record = registered.parsed_record
    identity = registered.parsed_statement.record_id
    if not isinstance(record, AssetRegistered):
        return False
    answers: dict[bool | None, list[DisputeAnswered]] = {True: [], False: [], None: []}
    for entry in chain:
        if isinstance(answer := entry.parsed_record, DisputeAnswered):
            answers[is_compromised(entry, answer, history, stamped)].append(answer)
    disputes = {
        entry.parsed_statement.record_id: dispute.publisher
        for entry in chain
        if isinstance(dispute := entry.parsed_record, AssetDisputed)
        and entry.index > registered.index
        and dispute.record == identity
        and dispute.publisher != record.publisher
    }
    if any(is_open(*dispute, [*answers[False], *answers[None]]) for dispute in disputes.items()):
        return True
    return None if any(is_open(*dispute, answers[False]) for dispute in disputes.items()) else False


def superseded_by(registered: LoggedRecord, chain: Sequence[LoggedRecord]) -> int | None:
    """Index of the newest registration by which the same publisher says that it supersedes this one, not withdrawn."""
    record = registered.parsed_record
    identity = registered.parsed_statement.record_id
    return max(
        (
            entry.index
            for entry in chain
            if isinstance(record, AssetRegistered)
            and isinstance(later := entry.parsed_record, AssetRegistered)
            and entry.index > registered.index
            and later.publisher == record.publisher
            and any((parent.record, parent.relation) == (identity, SUPERSEDES) for parent in later.parents)
            and not is_withdrawn(entry, chain)
        ),
        default=None,
    )


def is_compromised(entry: LoggedRecord, record: Record, history: KeyHistory, stamped: Stamped) -> bool | None:
    """Whether a publisher's record was made when its key may have been in other hands; None where that cannot be told.

    Since when a later revocation of the key states. When the record was made, a time stamp bounds from outside; else
    there is only `claimed_at`, which whoever holds the key can date back.

    Args:
        record: of the entry.
        history: the key records that are known.
        stamped: what is stated of an entry.
    """
    since = _invalid_since(entry, record, history)
    if since is None:
        return False
    stamp = stamped(entry)
    if stamp is not None and stamp.time + (stamp.accuracy or timedelta()) < since:
        return False
    return True if record.claimed_at >= since else None


def contest(
    origin: LoggedRecord, chain: Sequence[LoggedRecord], history: KeyHistory, stamped: Stamped
) -> tuple[Outcome, list[str]]:
    """Whether a registration that something was made from still stands, and what is to be said of it, in words."""
    record = origin.parsed_record
    compromised = record is not None and is_compromised(origin, record, history, stamped)
    disputed = is_disputed(origin, chain, history, stamped)
    since = None if record is None else _invalid_since(origin, record, history)
    hands = f"its key may have been in other hands since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    found = [
        words
        for applies, words in (
            (is_withdrawn(origin, chain), "its publisher has withdrawn it"),
            (disputed, "another publisher disputes it"),
            (compromised, f"{hands}, before it was made"),
        )
        if applies
    ]
    if found:
        return "fails", found
    doubts = [
        f"{words}, and nothing shows when {what} was made"
        for applies, words, what in (
            (compromised, hands, "it"),
            (
                disputed,
                "another publisher disputed it, and retracted that with a key that may have been in other hands since",
                "the retraction",
            ),
        )
        if applies is None
    ]
    return "not checked" if doubts else "holds", doubts


def _invalid_since(entry: LoggedRecord, record: Record, history: KeyHistory) -> datetime | None:
    publisher = publisher_of(record)
    return None if publisher is None else history.invalid_since(publisher, entry.parsed_statement.kid, entry.index)
