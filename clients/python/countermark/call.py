"""A call: one request of a service as a value, and how its answer is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from countermark.content import Content, Progress
from countermark.reply import Reply
from provenance.errors import UnexpectedAnswer
from provenance.limits import MAX_ANSWER_BYTES

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
