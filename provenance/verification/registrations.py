"""Registrations: the registry as the verification procedure sees it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from provenance.media.local_features import LocalFeatures
from provenance.receipts.report import ReceiptReport
from provenance.statement.record import AssetRegistered, PublisherKey
from provenance.statement.record.disputes import DisputeOutcome
from provenance.verification.evidence import Publisher, Resembling, Source


@dataclass(frozen=True)
class Candidate:
    """A registration that is proposed: by a fingerprint at a `distance` in bits of 256, or by local features (None), of
    which so many are `agreeing`.

    `publisher` is the id of who registered it, and `pixels_sha256` the digest of its decoded pixels.
    """

    record_id: bytes
    distance: int | None
    publisher: str = ""
    pixels_sha256: bytes = b""
    agreeing: int = 0


@dataclass(frozen=True)
class Proposed:
    """Candidates by local features, the likeliest first. `left_out`: what the search did not look at; None: nothing."""

    candidates: Sequence[Candidate]
    left_out: str | None = None


def in_turns(publishers: Sequence[str]) -> list[int]:
    """Places in a list whose items are of these publishers: the first of each, then the second of each, and so on.

    What is cut off behind such an order is nobody's only item, unless there are more publishers than places.
    """
    seen: Counter[str] = Counter()
    turns = []
    for place, publisher in enumerate(publishers):
        seen[publisher] += 1
        turns.append((seen[publisher], place))
    return [place for _, place in sorted(turns)]


@dataclass(frozen=True, eq=False)
class Reference:
    """What a candidate is compared with.

    Attributes:
        sketch: its bytes; a match has to state their digest.
        thumbnail: a larger picture of the same, that helps to lay the sketch; None where there is none.
        original: SHA-256 of the stored picture itself, which the matcher reads for finer differences; a match has to
            state it, too. None where it is not looked at.
    """

    sketch: bytes
    thumbnail: bytes | None
    original: bytes | None = None


@dataclass(frozen=True)
class DisputeAnswer:
    """What one side said to a dispute. `publisher` is its name.

    `key_compromised`: the key that signed it may have been compromised by then, so that it closes nothing.
    """

    publisher: str
    outcome: DisputeOutcome
    reason: str
    key_compromised: bool = False


@dataclass(frozen=True)
class Dispute:
    """Another publisher's counter-claim, by the index of its entry. `publisher` is its name; answers in log order.

    `open`: whoever raised it has not retracted it (`statement.record.is_open`).
    """

    index: int
    publisher: str
    reason: str
    answers: tuple[DisputeAnswer, ...]
    open: bool


@dataclass(frozen=True, eq=False)
class KnownRecord:
    """What a registry holds about one registration, with its receipt already checked (step 8).

    Attributes:
        receipt: None while no published checkpoint covers the record.
        cosigned: witnesses enough, by the registry's policy, cosigned the checkpoint of the receipt.
        withdrawn_reason: the publisher's words, where it has taken the registration back.
        key_revoked_at_index: of the record that revoked the key which signed; None for a key that is in force, or
            that another one has replaced in good order.
        revocation: that record.
        invalid_since: the earliest time since when the key may have been compromised, as its revocations state it.
        disputes: other publishers' counter-claims, retracted ones too, in log order.
        superseded_by: index of the newest registration by which the same publisher says that it supersedes this one.
        sources: what it was made from, through the whole chain, where that was withdrawn, is disputed, or was signed
            with a key that was revoked; the nearest first.
        sources_left_out: there are more than were looked at.
    """

    record_id: bytes
    index: int
    logged_at: datetime
    record: AssetRegistered
    publisher: Publisher
    receipt: ReceiptReport | None
    cosigned: bool
    withdrawn_reason: str | None
    key_revoked_at_index: int | None
    revocation: PublisherKey | None = None
    invalid_since: datetime | None = None
    disputes: tuple[Dispute, ...] = ()
    superseded_by: int | None = None
    sources: tuple[Source, ...] = ()
    sources_left_out: bool = False


class Registrations(Protocol):
    """The registry as the procedure sees it. Each method may raise only `CountermarkError`.

    Records are in turns: the oldest of each publisher in log order, then the second of each, and so on; nobody's many
    push out what another has registered. What the lookups say is checked against the records: an index may be wrong.
    """

    def by_bytes(self, sha256: bytes) -> Sequence[bytes]:
        """Ids of records whose file, or its credentialed copy, has this SHA-256."""

    def by_pixels(self, pixels_sha256: bytes) -> Sequence[bytes]:
        """Ids of records whose decoded pixels, or those of the credentialed copy, have this digest."""

    def claims(
        self, files: Collection[bytes], pixels: Collection[bytes], of: Collection[bytes], also: Collection[bytes]
    ) -> Mapping[bytes, str]:
        """Publisher by record, over all registrations of those files and pixels that are made from none of the others,
        or of `also`: one record of each publisher, and those of the records `of`."""

    def count_same(self, files: Collection[bytes], pixels: Collection[bytes]) -> int:
        """How many registrations there are of those files and pixels, or of copies that have them."""

    def publishers(self, record_ids: Collection[bytes]) -> Mapping[bytes, str]:
        """The publisher's id of each of those records that are registered."""

    def resembling(self, record_id: bytes) -> Resembling:
        """The older registrations of other publishers that a record resembles; searched for where that was not done."""

    def by_fingerprint(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        """Candidates, nearest first: all within 31 bits of one of these PDQ hashes, perhaps others beyond."""

    def by_local_features(self, features: LocalFeatures) -> Proposed:
        """Candidates that share local features with the picture."""

    def reference(self, record_id: bytes) -> Reference:
        """The stored sketch, and what else helps to compare."""

    def original(self, record_id: bytes) -> bytes | None:
        """SHA-256 of the stored picture: the credentialed copy of what was registered. None where none is kept."""

    def known(self, record_id: bytes) -> KnownRecord:
        """The record, its publisher and its checked receipt."""

    def count(self) -> int:
        """How many registrations a search goes over."""
