"""Registrations: the registry as the verification procedure sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from provenance.statement.record import AssetRegistered
from provenance.transparency.receipt_verification import ReceiptReport
from provenance.verdict.evidence import Publisher


@dataclass(frozen=True)
class Candidate:
    """A registration that a fingerprint proposes. `distance` is in bits of 256."""

    record_id: bytes
    distance: int


@dataclass(frozen=True, eq=False)
class KnownRecord:
    """What a registry holds about one registration, with its receipt already checked (step 8).

    Attributes:
        receipt: None while no published checkpoint covers the record.
        cosigned: witnesses enough, by the registry's policy, cosigned the checkpoint of the receipt.
        withdrawn_reason: the publisher's words, where it has taken the registration back.
        key_revoked_at_index: of the record that revoked the key which signed; None for a key that is in force, or
            that another one has replaced in good order.
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


class Registrations(Protocol):
    """The registry as the procedure sees it. Each method may raise only `CountermarkError`.

    Records are in log order. What the lookups say is checked against the records: an index may be wrong.
    """

    def by_bytes(self, sha256: bytes) -> Sequence[bytes]:
        """Ids of records whose file, or its credentialed copy, has this SHA-256."""

    def by_pixels(self, pixels_sha256: bytes) -> Sequence[bytes]:
        """Ids of records whose decoded pixels, or those of the credentialed copy, have this digest."""

    def by_fingerprint(self, pdq_orientations: Sequence[bytes], quality: int) -> Sequence[Candidate]:
        """Candidates, nearest first: all within 31 bits of one of these PDQ hashes, perhaps others beyond."""

    def sketch(self, record_id: bytes) -> bytes:
        """The stored sketch."""

    def known(self, record_id: bytes) -> KnownRecord:
        """The record, its publisher and its checked receipt."""

    def count(self) -> int:
        """How many registrations a search goes over."""
