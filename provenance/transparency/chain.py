"""The chain of an asset: what it was made from, link by link up to the origins, each link proven or named.

A link leads from a registration to one that it names under `parents`, or under `rendition_of`. Records name each other
by SHA-256, so that a ring of them would take a collision; and because a parent is logged before what is made from it,
none could stand in a log.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from provenance.errors import CountermarkError, SignatureInvalid
from provenance.statement.record import AssetRegistered, RecordErased
from provenance.transparency.receipt import LoggedRecord

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
