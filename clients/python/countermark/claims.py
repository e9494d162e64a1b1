"""Claims: what a publisher states about a picture that it registers."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal, TypedDict

from countermark.models import Parent
from provenance.errors import InvalidRequest


class Claims(TypedDict, total=False):
    """The keyword arguments of `register`; None says nothing, as leaving one out does."""

    title: str | None
    caption: str | None
    credit: str | None
    licence: str | None
    digital_source_type: str | None
    """Term or IRI of the IPTC vocabulary, such as `digitalCapture`."""
    created: bool | None
    """True: the publisher made the picture, in the way of its source type; the manifest says `c2pa.created`."""
    captured_at: datetime | None
    """When the picture was taken, with a time zone."""
    credential: Literal["embedded", "sidecar", "none"]
    """`embedded` (the default): a signed copy is made. `sidecar`: the file stays as it is. `none`: no C2PA."""
    parents: Sequence[Parent]
    """The registered pictures that this one was made from."""
    rendition_of: str | None
    """Record of the registered picture that this one shows in another size, crop or format."""
    visibility: Literal["public", "sealed"] | None
    """`sealed`: only the publisher can read it, until it is revealed; when it was logged then stands."""
    publish_metadata: bool | None
    """True: the signed copy that anybody gets keeps places, names and serial numbers that the file holds."""
    publisher: str | None
    """Only with an administrator's key; otherwise the key's own."""


def claims_json(claims: Claims) -> dict[str, object]:
    """The claims as a registration's `metadata`.

    Raises:
        InvalidRequest: a time without a zone.
        TypeError: a claim by a name that there is none of, as for any other unknown argument.
    """
    unknown = claims.keys() - Claims.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no claim named {', '.join(sorted(unknown))}")
    return {name: _plain(value) for name, value in claims.items() if value is not None}


def _plain(value: object) -> object:
    match value:
        case datetime() if value.tzinfo is None:
            raise InvalidRequest("captured_at needs a time zone")
        case datetime():
            try:
                return value.astimezone(UTC).isoformat()
            except OverflowError as error:
                raise InvalidRequest("captured_at is a time that UTC cannot express") from error
        case Parent():
            return asdict(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
