"""The chain of a receipt: what its subject was made from, and the standing of the subject and of its sources.

A link leads from a registration to one that it names under `parents`, or under `rendition_of`, up to the origins, each
proven or named. Records name each other by SHA-256, so that a ring of them would take a collision; and because a parent
is logged before what is made from it, no ring could stand in a log.

Withdrawals, disputes and their retraction, and registrations that take another's place change how a registration
stands. They count only in a receipt whose statements and inclusion proofs have been checked (`receipts.procedure`).
Each function raises MalformedRecord, MalformedStatement for an entry that does not parse.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from provenance.errors import CountermarkError, SignatureInvalid
from provenance.receipts.receipt import LoggedRecord
from provenance.statement.record import (
    SUPERSEDES,
    AssetDisputed,
    AssetRegistered,
    AssetWithdrawn,
    DisputeAnswered,
    Record,
    RecordErased,
    is_open,
)
from provenance.transparency.key_history import KeyHistory, publisher_of
from provenance.transparency.log_keys import Outcome
from provenance.transparency.timestamp import Timestamp

LinkState = Literal["proven", "withheld", "missing", "broken", "unproven"]

RENDITION_OF = "renditionOf"
"""The relation of a link that `rendition_of` states; those of `parents` are in the publisher's words."""

_NO_LINKS = "it names nothing that it was made from"


@dataclass(frozen=True)
class Link:
    """From a registration to one that it was made from.

    Attributes:
        child: record id of the registration that names the other, 32 bytes.
        parent: record id of the one that is named, 32 bytes.
        relation: how the two relate.
        state: `proven`: the parent's record, signature, key and place in the log hold. `withheld`: it is in the log,
            and its content is sealed or erased. `missing`: it was not handed in. `broken`: something about it does not
            hold. `unproven`: it holds, and only what stands behind such a link leads to it.
        index: the parent's in the log, as its proof claims it; None where it is missing.
        detail: a sentence for people.
    """

    child: bytes
    parent: bytes
    relation: str
    state: LinkState
    index: int | None
    detail: str


@dataclass(frozen=True)
class Chain:
    """Every link from a registration to its origins that could be followed, the nearest first."""

    links: tuple[Link, ...]

    @property
    def complete(self) -> bool:
        """Whether every link is proven, up to registrations that name nothing they were made from."""
        return all(link.state == "proven" for link in self.links)

    @property
    def ends(self) -> tuple[Link, ...]:
        """The links that nothing can be followed beyond: broken, missing or withheld."""
        return tuple(link for link in self.links if link.state in ("broken", "missing", "withheld"))

    def describe(self) -> str:
        """In words: each link that ends the chain before an origin, or else that all are proven."""
        if self.complete:
            count = len(self.links)
            return f"{count} link{'s' if count > 1 else ''} to its origins, each proven" if count else _NO_LINKS
        return "; ".join(f"record {link.parent.hex()[:16]}… ({link.relation}): {link.detail}" for link in self.ends)


def references(record: AssetRegistered) -> Iterator[tuple[bytes, str]]:
    """(record id, relation) of each registration that this one says it was made from."""
    for parent in record.parents:
        yield parent.record, parent.relation
    if record.rendition_of is not None:
        yield record.rendition_of, RENDITION_OF


def walk(subject: LoggedRecord, entries: Sequence[LoggedRecord], check: Callable[[LoggedRecord], None]) -> Chain:
    """Follow a registration to its origins through the entries that are at hand.

    Every entry is looked at once, so that the work is bounded by their number and that of their parents (`limits`).

    Args:
        subject: the registration to start from, with its record; one of another type has no links.
        entries: log entries that may be among its ancestors, with their records or without.
        check: raises CountermarkError unless an entry's signature, key and place in the log hold.

    Raises:
        MalformedRecord, MalformedStatement: an entry does not parse.
    """
    at_hand = {entry.record_id: entry for entry in entries}
    erased = {record.record for entry in entries if isinstance(record := entry.parsed_record, RecordErased)}
    visited: set[bytes] = set()
    # What proven links lead to comes first, so that no detour over a broken one can hide it.
    found = links = _follow([subject], at_hand, erased, check, visited)
    while broken := [at_hand[link.parent] for link in found if link.state == "broken"]:
        found = [_behind_another(link) for link in _follow(broken, at_hand, erased, check, visited)]
        links += found
    return Chain(tuple(links))


def _follow(
    start: Sequence[LoggedRecord],
    at_hand: Mapping[bytes, LoggedRecord],
    erased: Collection[bytes],
    check: Callable[[LoggedRecord], None],
    visited: set[bytes],
) -> list[Link]:
    """The links of all that proven links lead to from the start."""
    links: list[Link] = []
    waiting = deque(start)
    while waiting:
        child = waiting.popleft()
        if child.record_id in visited:
            continue
        visited.add(child.record_id)
        record = child.parsed_record
        for parent, relation in references(record) if isinstance(record, AssetRegistered) else ():
            entry = at_hand.get(parent)
            state, detail = _state(child, entry, parent in erased, check)
            links.append(Link(child.record_id, parent, relation, state, None if entry is None else entry.index, detail))
            if entry is not None and state == "proven":
                waiting.append(entry)
    return links


def _state(
    child: LoggedRecord, parent: LoggedRecord | None, erased: bool, check: Callable[[LoggedRecord], None]
) -> tuple[LinkState, str]:
    if parent is None:
        return "missing", "its record was not handed in; all that it was made from is unproven"
    try:
        check(parent)
        if parent.index >= child.index:
            raise SignatureInvalid("it was logged after what is said to be made from it")
        record = parent.parsed_record
        if record is None:
            how = "erased" if erased else "sealed or erased"
            return "withheld", f"its content is {how}; all that it was made from is unproven"
        if not isinstance(record, AssetRegistered):
            raise SignatureInvalid(f"a record of type {record.TYPE} is nothing that a picture could be made from")
    except CountermarkError as error:
        return "broken", f"{error}; all that it was made from is unproven"
    return "proven", f"registered by {record.publisher}, and logged before what was made from it"


def _behind_another(link: Link) -> Link:
    if link.state != "proven":
        return link
    return replace(link, state="unproven", detail="it holds, and a broken link stands before it")


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
    with a key that may have been compromised by then; None where that is not known.

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
    """Whether a publisher's record was made when its key may have been compromised; None where that is not known.

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
