"""A small log in memory, with real signatures and proofs, for tests that tell stories about chains of records."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import LoggedRecord, Receipt
from provenance.receipts.report import ReceiptReport
from provenance.statement.handover import prove_possession
from provenance.statement.identity import Identity
from provenance.statement.keys import LocalSigner
from provenance.statement.record import (
    SUPERSEDES,
    AssetDisputed,
    AssetRegistered,
    AssetWithdrawn,
    DisputeAnswered,
    LogGenesis,
    MediaFacts,
    Parent,
    PublisherKey,
    Record,
    RecordErased,
    SketchFacts,
    record_id,
    to_canonical,
)
from provenance.statement.record.disputes import DisputeOutcome
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import Checkpoint, sign_checkpoint
from provenance.transparency.merkle import Frontier, inclusion_proof, leaf_hash
from provenance.transparency.note import ED25519, VerifierKey
from provenance.transparency.tlog_proof import TlogProof

ORIGIN = "log.example/logbook"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def signer(name: str) -> LocalSigner:
    return LocalSigner(Ed25519PrivateKey.from_private_bytes(digest(name)))


LOG, OPERATOR = signer("log"), signer("operator")
LOG_KEY = VerifierKey(ORIGIN, ED25519, LOG.public_key.raw)


@dataclass
class Logbook:
    """The log of an operator, with two publishers: "daily", and "rival"."""

    records: list[bytes] = field(default_factory=list)
    statements: list[bytes] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = (str(LOG_KEY),), (OPERATOR.public_key,)
        self.append(LogGenesis(digest("genesis"), START, ORIGIN, "The Registry", *names), OPERATOR)
        for publisher in ("daily", "rival"):
            self.state_key(publisher, "enrol")

    def state_key(self, publisher: str, action: str, *, invalid_since: datetime | None = None) -> None:
        key = signer(publisher)
        revoked = action == "revoke"
        record = PublisherKey(
            digest(f"{action} {publisher}"),
            START,
            publisher,
            f"The {publisher.title()}",
            Identity("operator-attested", "seen at the desk"),
            "revoke" if revoked else "enrol",
            key.public_key,
            None if revoked else prove_possession(key, ORIGIN, publisher),
            "stolen" if revoked else None,
            invalid_since=invalid_since,
        )
        self.keys.append(len(self.records))
        self.append(record, OPERATOR)

    def append(self, record: Record, by: LocalSigner) -> bytes:
        self.records.append(to_canonical(record))
        self.statements.append(sign_statement(self.records[-1], by))
        return record_id(self.records[-1])

    def register(
        self,
        name: str,
        parents: Iterable[bytes] = (),
        *,
        rendition_of: bytes | None = None,
        supersedes: bytes | None = None,
        publisher: str = "daily",
        by: str | None = None,
        claimed_at: datetime = START,
        shown: bytes | None = None,
        media_type: str = "image/jpeg",
        method: str | None = None,
    ) -> bytes:
        replaced = () if supersedes is None else (Parent(supersedes, SUPERSEDES),)
        record = AssetRegistered(
            digest(f"salt {name}"),
            claimed_at,
            publisher,
            MediaFacts(digest(name), 1000, media_type, 640, 480, digest(f"pixels {name}"), shown, method),
            {},
            SketchFacts(digest(f"sketch {name}"), "countermark-sketch-1"),
            title=name,
            parents=(*(Parent(parent, "parentOf") for parent in parents), *replaced),
            rendition_of=rendition_of,
        )
        return self.append(record, signer(by or publisher))

    def withdraw(self, record: bytes, *, publisher: str = "daily") -> bytes:
        salt = digest(f"withdraw {record.hex()} {publisher}")
        return self.append(AssetWithdrawn(salt, START, publisher, record, "wrong town"), signer(publisher))

    def dispute(self, record: bytes, *, publisher: str = "rival") -> bytes:
        salt = digest(f"dispute {record.hex()} {publisher}")
        return self.append(AssetDisputed(salt, START, publisher, record, "it is ours"), signer(publisher))

    def answer(self, dispute: bytes, outcome: DisputeOutcome, *, publisher: str) -> bytes:
        salt = digest(f"answer {dispute.hex()} {outcome} {publisher}")
        return self.append(DisputeAnswered(salt, START, publisher, dispute, outcome, "so"), signer(publisher))

    def erase(self, record: bytes) -> bytes:
        return self.append(RecordErased(digest(f"erase {record.hex()}"), START, record, "asked for"), OPERATOR)

    def index(self, identity: bytes) -> int:
        return next(index for index, record in enumerate(self.records) if record_id(record) == identity)

    def logged(self, prove: Callable[[int], TlogProof], identity: bytes) -> LoggedRecord:
        index = self.index(identity)
        return LoggedRecord(self.records[index], self.statements[index], prove(index))

    def receipt(self, subject: bytes, chain: Iterable[bytes] = (), *, withhold: Iterable[bytes] = ()) -> Receipt:
        """The receipt of a record with these others; the content of those to withhold is left out."""
        prove = self._tree()
        withheld = set(withhold)
        entries = [
            replace(entry, record=None) if identity in withheld else entry
            for identity in chain
            for entry in [self.logged(prove, identity)]
        ]
        return Receipt(
            self.logged(prove, subject),
            tuple(self.logged(prove, record_id(self.records[index])) for index in self.keys),
            self.logged(prove, record_id(self.records[0])),
            tuple(sorted(entries, key=lambda entry: entry.index)),
            str(LOG_KEY),
        )

    def verify(self, subject: bytes, chain: Iterable[bytes] = (), *, withhold: Iterable[bytes] = ()) -> ReceiptReport:
        """What a reader of the receipt's bytes finds, who trusts this log."""
        data = self.receipt(subject, chain, withhold=withhold).serialise()
        return verify_receipt(Receipt.parse(data), trusted_keys=[LOG_KEY])

    def _tree(self) -> Callable[[int], TlogProof]:
        frontier = Frontier()
        nodes: dict[tuple[int, int], bytes] = {}
        frontier.extend(
            [leaf_hash(statement) for statement in self.statements],
            lambda level, index, root: nodes.__setitem__((level, index), root),
        )
        size = len(self.statements)
        note = sign_checkpoint(Checkpoint(ORIGIN, size, frontier.root()), LOG.sign, LOG.public_key.raw)
        return lambda index: TlogProof(
            index, tuple(inclusion_proof(index, size, lambda level, at: nodes[level, at])), note
        )
