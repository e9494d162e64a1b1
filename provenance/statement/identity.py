"""Whom a publisher's key belongs to, said by how that was established."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

from provenance.quotation import quote
from provenance.statement.canonical_json import Json
from provenance.statement.codec import Text

Established = Literal["operator-attested", "domain-verified", "x509"]


@dataclass(frozen=True)
class Identity:
    """By whom and how a key was tied to a name.

    Attributes:
        established: the procedure.
        detail: what was seen, by whom: "letter of 3 May, seen by the registry desk", "example.org, DNS TXT record".
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
