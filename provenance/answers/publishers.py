"""Publishers, their keys, the log's keys, and API keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from provenance.answers.fields import Answer, Doc, RecordId, Values


@dataclass(frozen=True, kw_only=True)
class Identity(Answer):
    """By whom and how it was established that a key is the publisher's."""

    established: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Publisher(Answer):
    """A publisher with one of its keys: the newest in a listing."""

    id: str
    name: str
    identity: Identity
    key: Annotated[str, Doc("RFC 9679 thumbprint of the key, hex.")]


@dataclass(frozen=True, kw_only=True)
class Publishers(Answer):
    items: tuple[Publisher, ...]


@dataclass(frozen=True, kw_only=True)
class PublisherKey(Answer):
    """A key that a publisher has or had. It is valid for entries with enrolled_index < index < ended_index.

    Attributes:
        ended_index, end_reason: of the first record that ended it: a rotation, or its revocation.
        revoked_index, revoked_at, revocation_reason, invalid_since: of its revocation.
    """

    thumbprint: Annotated[str, Doc("RFC 9679 thumbprint of the key, hex.")]
    algorithm: str
    state: Annotated[str, Values("in force", "replaced", "revoked")]
    enrolled_index: int
    ended_index: int | None
    end_reason: str | None
    revoked_index: int | None
    revoked_at: datetime | None
    revocation_reason: str | None
    invalid_since: Annotated[datetime | None, Doc("Since when it may have been compromised, as was stated.")]


@dataclass(frozen=True, kw_only=True)
class PublisherKeys(Answer):
    items: tuple[PublisherKey, ...]


@dataclass(frozen=True, kw_only=True)
class LogKey(Answer):
    """A key that the log's checkpoints are signed with.

    The receipt of `record` proves that it came into force.
    """

    key: Annotated[str, Doc("Verifier key (C2SP signed-note), of Ed25519 or ML-DSA-44.")]
    algorithm: Annotated[str, Values("Ed25519", "ML-DSA-44")]
    first_size: Annotated[int, Doc("Entries of the smallest tree that it signs.")]
    last_size: Annotated[int | None, Doc("Of the largest, where it is retired.")]
    record: Annotated[RecordId, Doc("The record that brought it into force.")]


@dataclass(frozen=True, kw_only=True)
class LogKeys(Answer):
    items: tuple[LogKey, ...]


@dataclass(frozen=True, kw_only=True)
class ApiKey(Answer):
    """An API key without its secret. `publisher`: the one that it writes for."""

    id: str
    prefix: Annotated[str, Doc("The key begins with cmk_<prefix>_.")]
    name: str
    scopes: tuple[str, ...]
    publisher: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewApiKey(ApiKey):
    key: Annotated[str, Doc("The whole key, which is shown only now.")]


@dataclass(frozen=True, kw_only=True)
class ApiKeys(Answer):
    items: tuple[ApiKey, ...]
