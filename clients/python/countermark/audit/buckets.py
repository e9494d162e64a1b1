"""Buckets: the one of ten that each item of an audit is in, and all else that applies to it.

An item is in the first bucket of `Bucket` that applies: what could not be checked is never said to be anything else,
and what a digest did not find is not compared, never not found (docs/how-to/audit-files.md states the same order).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from provenance.errors import CountermarkError, MediaTooCostly, MediaTooLarge, UndecodableMedia, UnsupportedMedia
from provenance.sentences import SENTENCES

if TYPE_CHECKING:
    from countermark.models import Lookup, Match, Report

Reason = Literal[
    "unreadable", "empty", "truncated", "too_large", "no_picture", "not_in_time", "server", "proof", "not_asked"
]
"""Why an item could not be checked: `truncated` is damaged or truncated, `proof` that of the record does not hold."""


class Bucket(StrEnum):
    """In the order of precedence."""

    COULD_NOT_CHECK = "could_not_check"
    CREDENTIAL_INVALID = "credential_invalid"
    WITHDRAWN_OR_DISPUTED = "withdrawn_or_disputed"
    DIFFERS = "differs"
    IDENTICAL = "identical"
    SAME_PICTURE = "same_picture"
    INSIDE_LARGER_PICTURE = "inside_larger_picture"
    LEAD = "lead"
    NOT_FOUND = "not_found"
    NOT_COMPARED = "not_compared"


MATCHES = frozenset({Bucket.DIFFERS, Bucket.IDENTICAL, Bucket.SAME_PICTURE, Bucket.INSIDE_LARGER_PICTURE})
"""Buckets of a match: what becomes of the record matters to these alone."""

_OF_REGISTRATION = {
    "EXACT_MATCH": Bucket.IDENTICAL,
    "MATCH_NO_DIFFERENCE_FOUND": Bucket.SAME_PICTURE,
    "MATCH_INSIDE_LARGER": Bucket.INSIDE_LARGER_PICTURE,
    "MATCH_WITH_DIFFERENCES": Bucket.DIFFERS,
    "POSSIBLE_MATCH": Bucket.LEAD,
    "SHARES_LAYOUT": Bucket.LEAD,
    "NO_MATCH_FOUND": Bucket.NOT_FOUND,
}
_OF_BASIS = {"bytes": Bucket.IDENTICAL, "pixels": Bucket.SAME_PICTURE}


@dataclass(frozen=True)
class Outcome:
    """What came of an item.

    Attributes:
        bucket: the one it is in.
        also: what else applies: other buckets, `superseded` and other standings, `origin_conflicting`,
            `older_registration_differs`, `comparison_pending` (with older registrations), `credential_trusted`,
            `other_publisher`, or the code of a source's standing.
        reason: why it could not be checked.
        detail: that in words; "" where the bucket says all.
        record: the record that it leads to first, hex.
        index: of that record in the log.
        others: how many more records it leads to.
    """

    bucket: Bucket
    also: tuple[str, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    record: str | None = None
    index: int | None = None
    others: int = 0

    def with_also(self, *names: str) -> "Outcome":
        """With more that applies, each name once and never the bucket's own."""
        return replace(self, also=tuple(sorted({*self.also, *names} - {self.bucket.value})))


@dataclass(frozen=True)
class Counts:
    """Which publishers' records and which trust lists count; empty: all do."""

    publishers: frozenset[str] = frozenset()
    trust_lists: frozenset[str] = frozenset()

    def publisher(self, name: str) -> bool:
        return not self.publishers or name in self.publishers

    def trust_list(self, name: str | None) -> bool:
        return not self.trust_lists or name in self.trust_lists


def could_not_check(reason: Reason, detail: str) -> Outcome:
    return Outcome(Bucket.COULD_NOT_CHECK, reason=reason, detail=detail)


NOT_COMPARED = Outcome(Bucket.NOT_COMPARED)


def of_lookup(lookup: "Lookup", counts: "Counts") -> Outcome:
    """Of what a look-up by digests says: at most a lead where neither bytes nor pixels are a record's."""
    first = next(iter(sorted(lookup.matches, key=lambda match: not counts.publisher(match.publisher))), None)
    if first is None:
        return NOT_COMPARED
    matched = _OF_BASIS.get(first.basis, Bucket.LEAD)
    applies = {_by_standing(matched, first.standing)}
    said = [*_notes(first.standing)]
    if matched is Bucket.LEAD:
        said.append(Bucket.NOT_COMPARED.value)
    elif first.older is not None:
        applies.add(Bucket.DIFFERS)
        said.append("older_registration_differs")
    elif not first.compared:
        said.append("comparison_pending")
    if not counts.publisher(first.publisher):
        applies = {Bucket.LEAD}
        said.append("other_publisher")
    return Outcome(
        min(applies, key=list(Bucket).index),
        record=first.record,
        index=first.index,
        others=len({match.record for match in lookup.matches}) - 1,
    ).with_also(matched.value, *applies, *said)


def of_report(report: "Report", counts: "Counts") -> Outcome:
    """Of a verification report."""
    axes, code = report.axes, report.headline.code
    first = report.matches[0] if report.matches else None
    registration = _OF_REGISTRATION.get(axes.registration.value)
    if registration is None:
        return could_not_check("server", f"registration: {axes.registration.value}")
    applies = {registration, *(() if first is None else (_by_standing(registration, first.standing.value),))}
    reason: Reason | None = None
    if code == "CREDENTIAL_INVALID":
        applies.add(Bucket.CREDENTIAL_INVALID)
    if code == "OLDER_REGISTRATION_DIFFERS":
        applies.add(Bucket.DIFFERS)
    if axes.proof.value == "BROKEN":
        applies.add(Bucket.COULD_NOT_CHECK)
        reason = "proof"
    said = [*_said(report, first, counts), *applies]
    if first is not None and registration in MATCHES and not counts.publisher(first.asset.publisher.id):
        applies = applies - MATCHES - {Bucket.WITHDRAWN_OR_DISPUTED} | {Bucket.LEAD}
        said.append("other_publisher")
    return Outcome(
        min(applies, key=list(Bucket).index),
        reason=reason,
        detail=SENTENCES.headlines[code] if code == "PROOF_BROKEN" else "",
        record=None if first is None else first.asset.id,
        index=None if first is None else first.asset.index,
        others=max(0, len(report.matches) - 1),
    ).with_also(*said)


def of_error(error: CountermarkError) -> Outcome:
    """Of a service's refusal of one picture, or of what kept this machine from decoding it."""
    match error:
        case UnsupportedMedia():
            return could_not_check("no_picture", str(error))
        case MediaTooLarge():
            return could_not_check("too_large", str(error))
        case MediaTooCostly():
            return could_not_check("not_in_time", str(error))
        case UndecodableMedia():
            return could_not_check("truncated", str(error))
        case _:
            return could_not_check("server", str(error))


def _by_standing(bucket: Bucket, standing: str) -> Bucket:
    """A match whose record does not simply stand; unknown standings of a newer service are no "current"."""
    stands = standing in ("current", "superseded")
    return bucket if stands or bucket not in MATCHES else Bucket.WITHDRAWN_OR_DISPUTED


def _notes(standing: str) -> tuple[str, ...]:
    return () if standing == "current" else (standing.replace(" ", "_"),)


def _said(report: "Report", first: "Match | None", counts: "Counts") -> Iterable[str]:
    if report.axes.credential.value == "INVALID":
        yield Bucket.CREDENTIAL_INVALID.value
    listed = report.credential.trust_list if report.credential else None
    if report.axes.credential.value == "TRUSTED" and counts.trust_list(listed):
        yield "credential_trusted"
    if report.axes.declared_origin.value == "CONFLICTING":
        yield "origin_conflicting"
    if report.headline.code == "OLDER_REGISTRATION_DIFFERS":
        yield "older_registration_differs"
    if first is not None:
        yield from _notes(first.standing.value)
        yield from (source.code.lower() for source in first.sources)
