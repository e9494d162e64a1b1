"""A reply: the whole answer to one try of a call."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_REQUEST_ID = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True)
class Reply:
    """Status, headers (looked up in any case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def request_id(self) -> str | None:
        """What leads the service's operator to this request; None where the header holds no such thing."""
        stated = self.headers.get("x-request-id", "")
        return stated if _REQUEST_ID.fullmatch(stated) else None
