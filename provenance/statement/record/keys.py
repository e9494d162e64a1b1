"""`publisher.key` records: a publisher's key is enrolled, replaces the earlier ones, or is revoked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, assert_never

from provenance.quotation import quote
from provenance.statement.canonical_json import Json
from provenance.statement.codec import Key, Line, PublisherId, Signature, Text, Timestamp, refusal
from provenance.statement.handover import Handover
from provenance.statement.record.facts import Stated

Established = Literal["operator-attested", "domain-verified", "x509"]


@dataclass(frozen=True)
class Identity:
    """By whom and how the owner of a key was identified.

    Attributes:
        established: the method.
        detail: what was checked, by whom: "letter of 3 May, seen by the registry desk", "example.org, DNS TXT record".
        extra: unknown fields, kept.
    """

    established: Established
    detail: Text
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def sentence(self) -> str:
        """By whom and how, for people."""
        match self.established:
            case "operator-attested":
                return f"Attested by the operator of the log: {quote(self.detail)}."
            case "domain-verified":
                return f"Verified through control of a domain name: {quote(self.detail)}."
            case "x509":
                return f"Named in an X.509 certificate: {quote(self.detail)}."
            case never:
                assert_never(never)


KeyAction = Literal["enrol", "rotate", "revoke"]


@dataclass(frozen=True)
class PublisherKey(Stated):
    """A change to the keys of one publisher, stated by an operator of the log.

    Attributes:
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
        invalid_since: since when the key may have been compromised, as the publisher says (RFC 5280 §5.3.2,
            invalidity date); on `revoke` alone.
        extra: unknown fields, kept.
    """

    TYPE: ClassVar[str] = "publisher.key"

    publisher: PublisherId
    name: Line
    identity: Identity
    action: KeyAction
    key: Key
    possession: Signature | None = None
    reason: Text | None = None
    handover: Handover | None = None
    invalid_since: Timestamp | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def check(self) -> None:
        """Check which optional fields the action needs, and which it must not have. Raises MalformedRecord."""
        if self.action == "revoke" and self.reason is None:
            raise refusal("reason", "missing, and a revocation needs one")
        if self.action == "revoke" and self.possession is not None:
            raise refusal("possession", "a revocation has none")
        if self.action != "rotate" and self.handover is not None:
            raise refusal("handover", "only a rotation has one")
        if self.action != "revoke" and self.invalid_since is not None:
            raise refusal("invalid_since", "only a revocation has one")
