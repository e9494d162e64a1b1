"""Values that requests and answers are made of."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from provenance import limits
from provenance.answers.fields import HEX_SHA256

NO_CONTROLS = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
"""As records have it: no control character but newline and tab."""
RFC3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"

Digest = Annotated[str, Field(pattern=HEX_SHA256, description="SHA-256, lowercase hex.")]
RecordId = Annotated[str, Field(pattern=HEX_SHA256, description="SHA-256 of a record's canonical bytes, hex.")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Lowercase letters, digits, hyphens.")]


def _is_rfc3339(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(RFC3339, value, flags=re.ASCII):
        return value
    raise ValueError("must be an RFC 3339 time, as in 2026-05-04T09:30:00Z")


def _in_whole_seconds(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise ValueError("must be a time that UTC can express") from None


Time = Annotated[
    datetime,
    BeforeValidator(_is_rfc3339),
    AfterValidator(_in_whole_seconds),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339}),
]
Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="32 bytes, base64url.")]
Signature = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{86}$", description="64 bytes, base64url.")]
Line = Annotated[str, Field(min_length=1, max_length=limits.MAX_LINE_CHARACTERS, pattern=NO_CONTROLS)]
Paragraph = Annotated[str, Field(min_length=1, max_length=limits.MAX_TEXT_CHARACTERS, pattern=NO_CONTROLS)]
