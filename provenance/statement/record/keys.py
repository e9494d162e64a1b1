"""`publisher.key`: a publisher's key is enrolled, takes over from the keys before it, or is revoked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, get_args

from provenance.limits import MAX_LINE_CHARACTERS, MAX_TEXT_CHARACTERS
from provenance.statement.canonical import Json
from provenance.statement.encodings import encode_base64url
from provenance.statement.fields import Fields, format_timestamp
from provenance.statement.handover import Handover
from provenance.statement.identity import Identity
from provenance.statement.keys import SIGNATURE_BYTES, PublicKey

KeyAction = Literal["enrol", "rotate", "revoke"]


@dataclass(frozen=True)
class PublisherKey:
    """A change to the keys of one publisher, stated by an operator of the log.

    Attributes:
        salt: 32 random bytes.
        claimed_at: when the operator says this was stated.
        publisher: the publisher's id.
        name: the publisher's name, for people.
        identity: how it was established that the key is this publisher's.
        action: `enrol` adds `key`; `rotate` adds it and ends the publisher's earlier keys from this index on;
            `revoke` ends `key` from this index on.
        key: the key that is added or ended.
        possession: proof that the publisher holds `key` (see `possession`), 64 bytes; absent on `revoke`. Whether it
            is there and holds is step 5 of verification, since only that knows the log's origin.
        reason: why; required on `revoke`.
        handover: by the key that is replaced, see `handover`; on `rotate` alone. Whether it is there and holds is
            a part of step 5 as well.
        invalid_since: since when the key may have been in other hands, as the publisher says (RFC 5280 §5.3.2,
            invalidity date); on `revoke` alone.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "publisher.key"

    salt: bytes
    claimed_at: datetime
    publisher: str
    name: str
    identity: Identity
    action: KeyAction
    key: PublicKey
    possession: bytes | None = None
    reason: str | None = None
    handover: Handover | None = None
    invalid_since: datetime | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def body(self) -> dict[str, Json]:
        """The fields of this type as JSON."""
        value: dict[str, Json] = {
            "publisher": self.publisher,
            "name": self.name,
            "identity": self.identity.to_json(),
            "action": self.action,
            "key": self.key.to_jwk(),
        }
        if self.possession is not None:
            value["possession"] = encode_base64url(self.possession)
        if self.handover is not None:
            value["handover"] = self.handover.to_json()
        if self.reason is not None:
            value["reason"] = self.reason
        if self.invalid_since is not None:
            value["invalid_since"] = format_timestamp("invalid_since", self.invalid_since)
        return value

    @classmethod
    def read(cls, fields: Fields, salt: bytes, claimed_at: datetime) -> "PublisherKey":
        """Reads the fields of this type; raises MalformedRecord."""
        action: KeyAction = fields.choice("action", get_args(KeyAction))
        record = cls(
            salt,
            claimed_at,
            publisher=fields.publisher_id("publisher"),
            name=fields.text("name", MAX_LINE_CHARACTERS),
            identity=Identity.read(fields.members("identity")),
            action=action,
            key=fields.key("key"),
            possession=fields.optional(fields.base64url, "possession", SIGNATURE_BYTES),
            reason=fields.optional(fields.text, "reason", MAX_TEXT_CHARACTERS),
            handover=fields.optional(_read_handover, "handover", fields),
            invalid_since=fields.optional(fields.timestamp, "invalid_since"),
            extra=fields.rest(),
        )
        if action == "revoke" and record.reason is None:
            raise fields.refusal("reason", "missing, and a revocation needs one")
        if action == "revoke" and record.possession is not None:
            raise fields.refusal("possession", "a revocation has none")
        if action != "rotate" and record.handover is not None:
            raise fields.refusal("handover", "only a rotation has one")
        if action != "revoke" and record.invalid_since is not None:
            raise fields.refusal("invalid_since", "only a revocation has one")
        return record


def _read_handover(name: str, fields: Fields) -> Handover:
    return Handover.read(fields.members(name))
