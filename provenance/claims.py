"""Claims: what a publisher states about a picture when it registers it, written once.

The service reads a request into them (`api.http.requests` derives the model), the registry makes a record of them, and
the keyword arguments of the client's `register` are generated from them (`tools/generate.py`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from provenance.answers.fields import Doc
from provenance.statement.canonical_json import Json, canonical_json
from provenance.statement.codec import Line, Sha256, Timestamp
from provenance.statement.record.assets import FILE_FIELDS
from provenance.statement.record.facts import Description, Parents

CredentialMode = Literal["embedded", "sidecar", "none"]
Visibility = Literal["public", "sealed"]

_LATER = ("byline", "rights")


@dataclass(frozen=True, kw_only=True)
class Claims(Description):
    """The publisher's claims on one picture.

    Attributes:
        created: the publisher made the picture, in the way of its source type; the manifest says `c2pa.created`.
        captured_at: when the picture was taken, with a time zone.
        credential: `embedded`: a signed copy is made. `sidecar`: the file stays as it is. `none`: no C2PA.
        parents: the registered pictures that this one was made from.
        rendition_of: record of the registered picture that this one shows in another size, crop or format.
        visibility: `sealed`: only the publisher can read it, until it is revealed; when it was logged then stands.
        publish_metadata: the signed copy that anybody gets keeps places, names and serial numbers that the file holds.
        metadata_from_file: title, caption, byline, credit, rights and `captured_at` that are not stated are taken over
            from the file's own IPTC, XMP and EXIF; the record says which.
    """

    digital_source_type: Annotated[Line | None, Doc("Term or IRI of the IPTC digital source type vocabulary.")] = None
    created: Annotated[
        bool,
        Doc(
            "The publisher states that it made the picture, in the way of `digital_source_type`: the "
            "manifest says `c2pa.created`. Otherwise it says that the file, or its stated parent, was opened."
        ),
    ] = False
    captured_at: Annotated[Timestamp | None, Doc("Fractions of a second are dropped.")] = None
    credential: Annotated[CredentialMode, Doc("What C2PA credential to make.")] = "embedded"
    parents: Parents = ()
    rendition_of: Sha256 | None = None
    visibility: Annotated[Visibility, Doc("Sealed: only the publisher can read or find it until it is revealed.")] = (
        "public"
    )
    publish_metadata: Annotated[
        bool,
        Doc(
            "Whether the signed copy that anybody gets keeps what the file holds beside its picture: "
            "places, names, serial numbers. By default they are left out."
        ),
    ] = False

    metadata_from_file: Annotated[
        bool,
        Doc(
            "Whether title, caption, byline, credit, rights and `captured_at` that are not stated here are taken over "
            "from the file's own IPTC, XMP and EXIF. The record says which (`from_file`)."
        ),
    ] = False

    def completed(self, said: Mapping[str, Any]) -> tuple[Self, tuple[str, ...]]:
        """These claims with what a file says (`FILE_FIELDS`) where they state nothing, and the names of that."""
        taken = tuple(name for name in FILE_FIELDS if name in said and getattr(self, name) is None)
        return replace(self, **{name: said[name] for name in taken}), taken

    def digest(self, publisher: str, media_sha256: bytes, from_file: tuple[str, ...] = ()) -> bytes:
        """SHA-256 that two registrations share exactly when publisher, bytes and every claim are the same.

        `from_file`: the names of claims that the file makes. A later kind of claim counts where it is stated, so that
        other digests are what they were before.
        """
        described = self.described()
        claims: dict[str, Json] = {
            **{name: value for name, value in described.items() if name not in _LATER or value is not None},
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
        if from_file:
            claims["from_file"] = list(from_file)
        whole: dict[str, Json] = {"publisher": publisher, "media": media_sha256.hex(), "claims": claims}
        return hashlib.sha256(canonical_json(whole)).digest()
