"""A receipt: all that is needed to check offline that a record was logged, and by whom it was signed.

The `.countermark` file is one JSON object in RFC 8785 canonical form, nothing before or after it:

    {"chain": [entry…], "format": "countermark-receipt", "genesis": entry, "keys": [entry…],
     "log_key": verifier key, "subject": entry, "version": 1}

and an entry is `{"proof": tlog-proof as text, "record": JSON object or null, "statement": base64}`. A receipt may
also have a "timestamp", `{"consistency": [base64…], "proof": tlog-proof as text, "token": base64}`, without
"consistency" where no hashes are needed; and one that could not hold all that belongs into its chain has `"truncated":
true`. Records are embedded as objects: because the file is canonical, so are they,
and their bytes are recovered exactly.
`keys` and `chain` stand in log order, an index once; only in `chain` may a record be null (sealed or erased).
What the parts prove is for `receipts.procedure` to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from provenance.errors import MalformedReceipt, StatementError, TransparencyError
from provenance.limits import (
    MAX_PROOF_HASHES,
    MAX_RECEIPT_BYTES,
    MAX_RECEIPT_RECORDS,
    MAX_RECORD_BYTES,
    MAX_RECORD_DEPTH,
    MAX_TIMESTAMP_BYTES,
)
from provenance.statement.canonical_json import Json, canonical_json, parse_canonical
from provenance.statement.encodings import encode_base64, parse_base64, parse_hash
from provenance.statement.record import Record, parse_record, record_id
from provenance.statement.statement import Statement, parse_statement
from provenance.transparency.merkle import HASH_BYTES
from provenance.transparency.note import ED25519, VerifierKey
from provenance.transparency.tlog_proof import TlogProof

RECEIPT_FORMAT = "countermark-receipt"
RECEIPT_VERSION = 1
RECEIPT_MEDIA_TYPE = "application/vnd.countermark.receipt+json"

_LEVELS_AROUND_A_RECORD = 3
_MEMBERS = frozenset({"chain", "format", "genesis", "keys", "log_key", "subject", "version"})
_ENTRY_MEMBERS = frozenset({"proof", "record", "statement"})
_STAMP = "timestamp"
_TRUNCATED = "truncated"
_OPTIONAL = frozenset({_STAMP, _TRUNCATED})
_STAMP_MEMBERS = frozenset({"proof", "token"})
_CONSISTENCY = "consistency"


@dataclass(frozen=True)
class LoggedRecord:
    """A log entry with its record and the proof that it is in the log: bytes as received, and what they say.

    The bytes are what is verified. They are parsed once, when their values are first asked for: by `Receipt.parse`.

    Attributes:
        record: the record's canonical bytes; None where its content is sealed or erased.
        statement: the log entry's bytes.
        proof: of the statement's inclusion.
    """

    record: bytes | None
    statement: bytes
    proof: TlogProof

    @property
    def index(self) -> int:
        """The entry's index, as the proof claims it."""
        return self.proof.index

    @cached_property
    def parsed_record(self) -> Record | None:
        """The record's fields. Raises MalformedRecord."""
        return None if self.record is None else parse_record(self.record)

    @cached_property
    def parsed_statement(self) -> Statement:
        """The statement's parts. Raises MalformedStatement, EntryTooLarge."""
        return parse_statement(self.statement)

    @cached_property
    def record_id(self) -> bytes:
        """The id of the record that the entry is about: by the record's own bytes where they are at hand."""
        return self.parsed_statement.record_id if self.record is None else record_id(self.record)

    def to_json(self) -> dict[str, Json]:
        """The entry's object in a receipt."""
        return {
            "proof": self.proof.serialise().decode(),
            "record": None if self.record is None else parse_canonical(self.record, limit=MAX_RECORD_BYTES),
            "statement": encode_base64(self.statement),
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read an entry's object out of a canonical receipt. Raises MalformedReceipt, or what its parts raise."""
        members = _members(value, _ENTRY_MEMBERS, "an entry")
        record = members["record"]
        if record is not None and not isinstance(record, Mapping):
            raise MalformedReceipt("a record is an object, or null")
        statement, proof = _text(members["statement"], "statement"), _text(members["proof"], "proof")
        return cls(
            None if record is None else canonical_json(record),
            parse_base64(statement, MalformedReceipt),
            TlogProof.parse(proof.encode()),
        )


@dataclass(frozen=True)
class Stamp:
    """A time-stamping authority's token that the subject was in the log at a time.

    Attributes:
        proof: of the subject's inclusion in the tree that was stamped, which may be an earlier one than the receipt's.
        token: RFC 3161, over the text of the proof's checkpoint.
        consistency: that the receipt's tree begins with the stamped one, hashes of 32 bytes; empty where they are one
            tree, and in receipts that were made before such proofs were carried.
    """

    proof: TlogProof
    token: bytes
    consistency: tuple[bytes, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The stamp's object in a receipt."""
        members: dict[str, Json] = {"proof": self.proof.serialise().decode(), "token": encode_base64(self.token)}
        return members | (
            {_CONSISTENCY: [encode_base64(each) for each in self.consistency]} if self.consistency else {}
        )

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read a stamp's object out of a canonical receipt. Raises MalformedReceipt, or what its parts raise."""
        proven = isinstance(value, Mapping) and _CONSISTENCY in value
        members = _members(value, _STAMP_MEMBERS | {_CONSISTENCY} if proven else _STAMP_MEMBERS, "a timestamp")
        token = parse_base64(_text(members["token"], "token"), MalformedReceipt)
        proof = TlogProof.parse(_text(members["proof"], "proof").encode())
        return cls(proof, token, _hashes(members[_CONSISTENCY]) if proven else ())

    def check_form(self) -> None:
        """Raises MalformedReceipt, or what its parts raise."""
        self.proof.signed_checkpoint()
        if self.proof.extra is not None or not 1 <= len(self.token) <= MAX_TIMESTAMP_BYTES:
            raise MalformedReceipt(f"a timestamp has a token of 1 to {MAX_TIMESTAMP_BYTES} bytes, and no extra data")
        if len(self.consistency) > MAX_PROOF_HASHES or any(len(each) != HASH_BYTES for each in self.consistency):
            raise MalformedReceipt(f"a consistency proof has at most {MAX_PROOF_HASHES} hashes of {HASH_BYTES} bytes")


@dataclass(frozen=True)
class Receipt:
    """A record, with everything that its proof rests on.

    Attributes:
        subject: the record that the receipt is for.
        keys: the `publisher.key` records that say which keys signed, in log order.
        genesis: the log's first entry.
        chain: what else belongs to the subject (withdrawals, parents), in log order.
        log_key: verifier key of the log, as the receipt claims it: not verified, unless the reader has it from
            elsewhere.
        stamp: a time-stamping authority's token on when the subject was in the log; None if there is none.
        truncated: whoever made the receipt states that more belongs to the subject than the receipt could hold.
    """

    subject: LoggedRecord
    keys: tuple[LoggedRecord, ...]
    genesis: LoggedRecord
    chain: tuple[LoggedRecord, ...]
    log_key: str
    stamp: Stamp | None = None
    truncated: bool = False

    @property
    def entries(self) -> tuple[LoggedRecord, ...]:
        """Genesis, keys, subject and chain."""
        return (self.genesis, *self.keys, self.subject, *self.chain)

    @cached_property
    def parsed_log_key(self) -> VerifierKey:
        """The log's key. Raises MalformedNote."""
        return VerifierKey.parse(self.log_key)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a `.countermark` file: every part is well-formed, and nothing is verified yet.

        Raises:
            MalformedReceipt: not the one encoding of a receipt, or a part that does not parse.
        """
        try:
            depth = MAX_RECORD_DEPTH + _LEVELS_AROUND_A_RECORD
            value = parse_canonical(data, limit=MAX_RECEIPT_BYTES, depth=depth)
            members = _members(value, _MEMBERS | _OPTIONAL & value.keys(), "a receipt")
            if members["format"] != RECEIPT_FORMAT:
                raise MalformedReceipt(f"the format of a receipt is {RECEIPT_FORMAT}")
            if members["version"] is True or members["version"] != RECEIPT_VERSION:
                raise MalformedReceipt(f"this reads receipts of version {RECEIPT_VERSION}")
            receipt = cls(
                subject=LoggedRecord.from_json(members["subject"]),
                keys=_entries(members["keys"], "keys"),
                genesis=LoggedRecord.from_json(members["genesis"]),
                chain=_entries(members["chain"], "chain"),
                log_key=_text(members["log_key"], "log_key"),
                stamp=Stamp.from_json(members[_STAMP]) if _STAMP in members else None,
                truncated=_TRUNCATED in members,
            )
            if members.get(_TRUNCATED, True) is not True:
                raise MalformedReceipt(f"{_TRUNCATED} is true, or left out")
            receipt.check_form()
        except MalformedReceipt:
            raise
        except (StatementError, TransparencyError) as cause:
            raise MalformedReceipt(f"a part of the receipt does not parse: {cause}") from cause
        return receipt

    def serialise(self) -> bytes:
        """The bytes that `parse` reads. Raises MalformedReceipt where it would refuse them."""
        self.check_form()
        try:
            members: dict[str, Json] = {
                "chain": [entry.to_json() for entry in self.chain],
                "format": RECEIPT_FORMAT,
                "genesis": self.genesis.to_json(),
                "keys": [entry.to_json() for entry in self.keys],
                "log_key": self.log_key,
                "subject": self.subject.to_json(),
                "version": RECEIPT_VERSION,
            }
            if self.stamp is not None:
                members[_STAMP] = self.stamp.to_json()
            if self.truncated:
                members[_TRUNCATED] = True
            data = canonical_json(members)
        except (StatementError, TransparencyError) as cause:
            raise MalformedReceipt(f"a part of the receipt cannot be written: {cause}") from cause
        if len(data) > MAX_RECEIPT_BYTES:
            raise MalformedReceipt(f"a receipt of more than {MAX_RECEIPT_BYTES} bytes")
        return data

    def check_form(self) -> None:
        """Check what a receipt has to be before anything in it is verified: all that `parse` asks of its parts.

        Raises:
            MalformedReceipt: a part does not parse, is missing, or stands in the wrong place.
        """
        try:
            if self.parsed_log_key.key_type != ED25519:
                raise MalformedReceipt("the log's key is an Ed25519 verifier key")
            for entry in self.entries:
                _ = entry.parsed_record, entry.parsed_statement, entry.proof.signed_checkpoint()
                if entry.proof.extra is not None:
                    raise MalformedReceipt("the proofs of a receipt carry no extra data")
            if self.stamp is not None:
                self.stamp.check_form()
        except MalformedReceipt:
            raise
        except (StatementError, TransparencyError) as cause:
            raise MalformedReceipt(f"a part of the receipt does not parse: {cause}") from cause
        for name, entries in (("keys", self.keys), ("chain", self.chain)):
            if len(entries) > MAX_RECEIPT_RECORDS:
                raise MalformedReceipt(f"{name} has at most {MAX_RECEIPT_RECORDS} entries")
            indices = [entry.index for entry in entries]
            if indices != sorted(set(indices)):
                raise MalformedReceipt(f"{name} is in log order, each index once")
        if any(entry.record is None for entry in (self.genesis, *self.keys, self.subject)):
            raise MalformedReceipt("the subject, the genesis and the keys have their records")


def _members(value: Json, names: frozenset[str], what: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping) or value.keys() != names:
        raise MalformedReceipt(f"{what} has exactly the members {', '.join(sorted(names))}")
    return value


def _entries(value: Json, name: str) -> tuple[LoggedRecord, ...]:
    if not isinstance(value, list) or len(value) > MAX_RECEIPT_RECORDS:
        raise MalformedReceipt(f"{name} is an array of at most {MAX_RECEIPT_RECORDS} entries")
    return tuple(LoggedRecord.from_json(item) for item in value)


def _hashes(value: Json) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_PROOF_HASHES:
        raise MalformedReceipt(f"{_CONSISTENCY} is an array of 1 to {MAX_PROOF_HASHES} hashes, or left out")
    return tuple(parse_hash(_text(item, "a hash"), MalformedReceipt) for item in value)


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str):
        raise MalformedReceipt(f"{name} is a string")
    return value
