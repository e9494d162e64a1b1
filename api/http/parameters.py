"""Path and query parameters that several routes share."""

import re
from typing import Annotated, Literal

from fastapi import Path, Query

from provenance.errors import NotFound

HEX = r"^[0-9a-f]{64}$"
_URN = re.compile(r"(?:urn:countermark:record:)?([0-9a-f]{64})")

Sha256Path = Annotated[str, Path(pattern=HEX, description="SHA-256 of the bytes, lowercase hex.")]
AssetId = Annotated[
    str, Path(alias="id", pattern=HEX, description="Id of the asset: the SHA-256 of its record, lowercase hex.")
]
RecordAddress = Annotated[
    str,
    Path(
        alias="id",
        pattern=rf"^(urn:countermark:record:)?{HEX[1:]}",
        description="SHA-256 of the record in hex, or its URN.",
    ),
]
DisputeId = Annotated[
    str, Path(alias="id", pattern=HEX, description="Id of the dispute: the SHA-256 of its record, lowercase hex.")
]
WithdrawalId = Annotated[
    str, Path(alias="id", pattern=HEX, description="Id of the withdrawal: the SHA-256 of its record, lowercase hex.")
]
PublisherId = Annotated[
    str, Path(alias="id", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="The publisher's slug.")
]
KeyThumbprint = Annotated[
    str, Path(alias="thumbprint", pattern=HEX, description="RFC 9679 thumbprint of the key, lowercase hex.")
]
ApiKeyId = Annotated[str, Path(alias="id", pattern=r"^key_[0-9a-f]{16}$", description="Id of the API key.")]
VerificationId = Annotated[str, Path(alias="id", pattern=r"^[0-9a-f]{32}$", description="Id of the report.")]
Sha256Query = Annotated[str | None, Query(pattern=HEX, description="Only registrations of these bytes.")]
RecordQuery = Annotated[str, Query(alias="record", pattern=HEX, description="Those of this registration.")]
MatchQuery = Annotated[
    str | None, Query(alias="record", pattern=HEX, description="From this match's record; else from the leading one's.")
]
VisibilityQuery = Annotated[
    Literal["public", "sealed"], Query(description="Sealed ones need their publisher's key, or an admin's.")
]
CopyQuery = Annotated[
    Literal["public"] | None, Query(description="The copy that anybody gets, also for the publisher's own key.")
]
DetailQuery = Annotated[
    Literal["full"] | None,
    Query(
        description="`full`: the picture is compared over the whole at up to its own resolution, where the registered "
        "one is kept. It takes some seconds; without it, that is done only where something is suspected."
    ),
]
PublisherQuery = Annotated[
    str | None, Query(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Only this publisher's.")
]


def record_digest(address: str) -> bytes:
    """The 32 bytes that a record's address stands for. Raises NotFound."""
    match = _URN.fullmatch(address)
    if match is None:
        raise NotFound("There is no such record.")
    return bytes.fromhex(match[1])
