"""A log that two publishers write, "daily" and "rival", for tests that tell stories about chains of records."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.receipts.report import ReceiptReport
from provenance.statement.keys import LocalSigner
from provenance.statement.record import (
    AssetDisputed,
    AssetWithdrawn,
    DisputeAnswered,
    MediaFacts,
    Record,
    RecordErased,
    record_id,
)
from provenance.statement.record.disputes import DisputeOutcome
from provenance.statement.record.keys import KeyAction
from tests.logs.log import Log
from tests.logs.records import KEY, OPERATOR, START, asset, digest, genesis, publisher_key, signer


@dataclass
class Logbook(Log):
    """The log of an operator. What is said returns the id of its record."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.entries:
            self.add(genesis(), OPERATOR)
            for publisher in ("daily", "rival"):
                self.state_key(publisher, "enrol")

    def say(self, record: Record, by: LocalSigner) -> bytes:
        return record_id(self.records[self.add(record, by)])

    def state_key(self, publisher: str, action: KeyAction, *, invalid_since: datetime | None = None) -> bytes:
        key = signer(publisher)
        return self.say(publisher_key(action, key, publisher, invalid_since=invalid_since), OPERATOR)

    def register(
        self,
        name: str,
        parents: Iterable[bytes] = (),
        *,
        rendition_of: bytes | None = None,
        supersedes: bytes | None = None,
        publisher: str = "daily",
        by: str | None = None,
        shown: bytes | None = None,
        media_type: str = "image/jpeg",
        method: str | None = None,
    ) -> bytes:
        media = MediaFacts(digest(name), 1000, media_type, 640, 480, digest(f"pixels {name}"), shown, method)
        said = asset(name, parents, supersedes=supersedes, publisher=publisher, media=media, rendition_of=rendition_of)
        return self.say(said, signer(by or publisher))

    def withdraw(self, record: bytes, *, publisher: str = "daily") -> bytes:
        salt = digest(f"withdraw {record.hex()} {publisher}")
        return self.say(AssetWithdrawn(salt, START, publisher, record, "wrong town"), signer(publisher))

    def dispute(self, record: bytes, *, publisher: str = "rival") -> bytes:
        salt = digest(f"dispute {record.hex()} {publisher}")
        return self.say(AssetDisputed(salt, START, publisher, record, "it is ours"), signer(publisher))

    def answer(self, dispute: bytes, outcome: DisputeOutcome, *, publisher: str) -> bytes:
        salt = digest(f"answer {dispute.hex()} {outcome} {publisher}")
        return self.say(DisputeAnswered(salt, START, publisher, dispute, outcome, "so"), signer(publisher))

    def erase(self, record: bytes) -> bytes:
        return self.say(RecordErased(digest(f"erase {record.hex()}"), START, record, "asked for"), OPERATOR)

    def verify(self, subject: bytes, chain: Iterable[bytes] = (), *, withhold: Collection[bytes] = ()) -> ReceiptReport:
        """What a reader of the receipt's bytes finds, who trusts this log."""
        data = self.receipt(subject, chain, withhold=withhold).serialise()
        return verify_receipt(Receipt.parse(data), trusted_keys=[KEY])
