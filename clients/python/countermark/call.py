"""A call: one request of a service as a value, and how the reply to a try of it is read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from countermark.content import Content, Progress
from provenance.errors import UnexpectedAnswer
from provenance.limits import MAX_ANSWER_BYTES


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


T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, however often it is tried.

    Attributes:
        read: makes the answer from the reply; raises UnexpectedAnswer.
        content: the body, read anew for each try.
        progress: told while the body is sent.
        limit: bytes that the answer may have.
        missing: statuses that `read` understands although they are no success: there is no such thing.
    """

    method: str
    path: str
    read: Callable[[Reply], T]
    content: Content | None = None
    progress: Progress | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    limit: int = MAX_ANSWER_BYTES
    missing: frozenset[int] = frozenset()

    def is_answered(self, reply: Reply) -> bool:
        """Whether the reply is one for `read`, and not a refusal."""
        return reply.is_success or reply.status in self.missing

    def answer(self, reply: Reply) -> T:
        """What a successful reply says. Raises UnexpectedAnswer, with the `request_id`."""
        try:
            return self.read(reply)
        except UnexpectedAnswer as error:
            error.request_id = reply.request_id
            raise


_REQUEST_ID = re.compile(r"[!-~]{1,200}")
