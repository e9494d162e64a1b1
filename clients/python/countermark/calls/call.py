"""A call: one request to a service as a value, and the function that reads the reply; a reply is a response."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from countermark import models
from countermark.content import Content, Form, Progress
from provenance.errors import InvalidRequest, MediaTooLarge, UnexpectedAnswer, WrongService
from provenance.limits import MAX_ANSWER_BYTES, MAX_ANSWERED_MEDIA_BYTES, MAX_MEDIA_BYTES

T = TypeVar("T")

READS, LOOKUPS = "reads", "lookups"
"""Names of rate policies."""

_REQUEST_ID = re.compile(r"[!-~]{1,200}")
_RECORD = re.compile(r"(?:urn:countermark:record:)?([0-9a-f]{64})")
DIGEST = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(r"/(?:[0-9a-f]{32,64}|publishers/[a-z0-9-]+)(?:/|$)")


@dataclass(frozen=True)
class Reply:
    """A response: status, headers (looked up in any case), body, and the URL of the service that sent it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    service: str = "this URL"

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def request_id(self) -> str | None:
        """The request id, by which the operator finds the request in the log; None without a valid one."""
        stated = self.headers.get("x-request-id", "")
        return stated if _REQUEST_ID.fullmatch(stated) else None


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, with all its retries.

    Attributes:
        read: makes the answer from the reply; raises UnexpectedAnswer.
        content: the body, read again for each attempt.
        progress: called while the body is sent.
        limit: maximum bytes of the response.
        missing: unsuccessful statuses that `read` accepts: there is no such resource.
        policy: name of the rate policy that it counts for, with so many `units`; None for none.
    """

    method: str
    path: str
    read: Callable[[Reply], T]
    content: Content | Form | None = None
    progress: Progress | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    limit: int = MAX_ANSWER_BYTES
    missing: frozenset[int] = frozenset()
    policy: str | None = None
    units: int = 1

    @property
    def names_something(self) -> bool:
        """Whether the path names a resource, by its id or slug."""
        return _NAMED.search(self.path) is not None

    def is_answered(self, reply: Reply) -> bool:
        """Whether the reply is for `read`, and not an error."""
        return reply.is_success or reply.status in self.missing

    def answer(self, reply: Reply) -> T:
        """The answer in a reply. Raises UnexpectedAnswer, with the `request_id`."""
        try:
            return self.read(reply)
        except UnexpectedAnswer as error:
            error.request_id = reply.request_id
            raise


def get(path: str, read: Callable[[Reply], T], *, query: Mapping[str, str] | None = None) -> Call[T]:
    return Call("GET", path, read, query=query or {}, policy=READS)


def post(path: str, body: Mapping[str, object], read: Callable[[Reply], T], *, once: bool = False) -> Call[T]:
    """`once`: the call has an Idempotency-Key, so that the service carries it out once, whatever the retries."""
    headers = {"Content-Type": "application/json"}
    if once:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return Call("POST", path, read, content=Content.of(json.dumps(body).encode()), headers=headers)


def get_file(path: str, media_type: str, *, query: Mapping[str, str] | None = None) -> Call[bytes]:
    """Bytes of this media type, or of any with this prefix."""

    def read(reply: Reply) -> bytes:
        if not reply.media_type.startswith(media_type):
            raise UnexpectedAnswer(f"the answer is not of type {media_type}")
        return reply.body

    return Call("GET", path, read, query=query or {}, limit=MAX_ANSWERED_MEDIA_BYTES, policy=READS)


def model(kind: type[T]) -> Callable[[Reply], T]:
    def read(reply: Reply) -> T:
        if reply.media_type != "application/json":
            answered = reply.media_type or "an answer without a type"
            raise WrongService(f"{reply.service} is not a Countermark service: {answered} instead of a {kind.__name__}")
        return models.read(kind, reply.body)

    return read


def record_digest(identity: str) -> bytes:
    """The 32-byte digest of a record from its hex form or URN. Raises InvalidRequest."""
    return bytes.fromhex(identity_of(identity))


def identity_of(identity: str) -> str:
    return check_pattern(_RECORD, identity, "a record id must be 64 lowercase hex digits or a URN")


def sha256_of(digest: str) -> str:
    return check_pattern(DIGEST, digest, "a SHA-256 must have 64 lowercase hex digits")


def check_pattern(pattern: re.Pattern[str], value: str, rule: str) -> str:
    """The value, or its one group, if it matches: no unchecked text becomes part of a path. Raises InvalidRequest."""
    match = pattern.fullmatch(value)
    if match is None:
        raise InvalidRequest(rule)
    return match[match.lastindex or 0]


def picture(file: Content) -> Content:
    if file.size > MAX_MEDIA_BYTES:
        raise MediaTooLarge(f"the file has {file.size:,} bytes; at most {MAX_MEDIA_BYTES:,} are accepted")
    return file
