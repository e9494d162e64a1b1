"""What a newsroom states about a picture when it registers it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from provenance.statement.canonical import Json, canonical_json

CredentialMode = Literal["embedded", "sidecar", "none"]
Visibility = Literal["public", "sealed"]


@dataclass(frozen=True)
class ParentClaim:
    """What a picture was made from: the parent's record (SHA-256) and how the two relate."""

    record: bytes
    relation: str


@dataclass(frozen=True)
class AssetClaims:
    """The publisher's claims on one picture.

    Attributes:
        digital_source_type: a term or IRI of the IPTC vocabulary.
        created: the publisher made the picture itself, in the way of its digital source type.
        publish_metadata: the signed copy that anybody gets keeps what the file holds beside its picture.
    """

    title: str | None = None
    caption: str | None = None
    credit: str | None = None
    licence: str | None = None
    digital_source_type: str | None = None
    captured_at: datetime | None = None
    credential: CredentialMode = "embedded"
    parents: tuple[ParentClaim, ...] = ()
    rendition_of: bytes | None = None
    visibility: Visibility = "public"
    publish_metadata: bool = False
    created: bool = False

    def digest(self, publisher: str, media_sha256: bytes) -> bytes:
        """SHA-256 that two registrations share exactly when publisher, bytes and every claim are the same."""
        claims: dict[str, Json] = {
            "title": self.title,
            "caption": self.caption,
            "credit": self.credit,
            "licence": self.licence,
            "digital_source_type": self.digital_source_type,
            "captured_at": self.captured_at.isoformat() if self.captured_at else None,
            "credential": self.credential,
            "parents": [[parent.record.hex(), parent.relation] for parent in self.parents],
            "rendition_of": self.rendition_of.hex() if self.rendition_of else None,
        }
        if self.visibility != "public":  # a public registration's digest is what it was before there were others
            claims["visibility"] = self.visibility
        if self.publish_metadata:
            claims["publish_metadata"] = True
        if self.created:
            claims["created"] = True
        whole: dict[str, Json] = {"publisher": publisher, "media": media_sha256.hex(), "claims": claims}
        return hashlib.sha256(canonical_json(whole)).digest()
