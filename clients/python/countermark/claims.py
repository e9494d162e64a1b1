# Generated from provenance/claims.py by tools/generate.py: change that file, and run this script.
"""Claims: what a publisher states about a picture that it registers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from countermark.models import Parent


class Claims(TypedDict, total=False):
    """The keyword arguments of `register`; None is the same as omitting one.

    Attributes:
        title, caption, byline, credit, rights, licence: in the publisher's words, or in the file's (`from_file` of the
            record). Rights are a notice, as of copyright; a licence is its name or URL.
        digital_source_type: term or IRI of the IPTC vocabulary, such as `digitalCapture`; in a record always the IRI.
        created: the publisher made the picture, in the way of its source type; the manifest says `c2pa.created`.
        captured_at: when the picture was taken, with a time zone.
        credential: `embedded`: a signed copy is made. `sidecar`: the file stays as it is. `none`: no C2PA.
        parents: the registered pictures that this one was made from.
        rendition_of: record of the registered picture that this one shows in another size, crop or format.
        visibility: `sealed`: only the publisher can read it, until it is revealed; when it was logged then stands.
        publish_metadata: the signed copy that anybody gets keeps places, names and serial numbers that the file holds.
        metadata_from_file: title, caption, byline, credit, rights and `captured_at` that are not stated are taken over
            from the file's own IPTC, XMP and EXIF; the record says which.
        publisher: only with an administrator's key; otherwise the key's own.
    """

    title: str | None
    caption: str | None
    byline: str | None
    credit: str | None
    rights: str | None
    licence: str | None
    digital_source_type: str | None
    created: bool | None
    captured_at: datetime | None
    credential: Literal["embedded", "sidecar", "none"] | None
    parents: Sequence[Parent] | None
    rendition_of: str | None
    visibility: Literal["public", "sealed"] | None
    publish_metadata: bool | None
    metadata_from_file: bool | None
    publisher: str | None
