"""Claims: what a publisher states about a picture when it registers it."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from provenance.statement.canonical import Json, canonical_json
from provenance.statement.record import Description, Parent

CredentialMode = Literal["embedded", "sidecar", "none"]
Visibility = Literal["public", "sealed"]


@dataclass(frozen=True, kw_only=True)
class Claims(Description):
    """The publisher's claims on one picture.

    Attributes:
        credential: the C2PA credential to make: in a signed copy, beside the file, or none.
        parents: what the picture was made from.
        rendition_of: record of the registration that this is another size, crop or format of, 32 bytes.
        visibility: `sealed` where it is kept back until it is revealed.
        publish_metadata: the signed copy that anybody gets keeps what the file holds beside its picture.
        created: the publisher made the picture itself, in the way of its digital source type.
    """

    credential: CredentialMode = "embedded"
    parents: tuple[Parent, ...] = ()
    rendition_of: bytes | None = None
    visibility: Visibility = "public"
    publish_metadata: bool = False
    created: bool = False

    def digest(self, publisher: str, media_sha256: bytes) -> bytes:
        """SHA-256 that two registrations share exactly when publisher, bytes and every claim are the same."""
        claims: dict[str, Json] = {
            **self.described(),
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
