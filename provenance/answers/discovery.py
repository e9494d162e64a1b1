"""Discovery: what a client has to know of a service before it asks anything else (`/.well-known/countermark.json`)."""

from dataclasses import dataclass
from typing import Annotated

from provenance.answers.fields import Answer, Doc


@dataclass(frozen=True, kw_only=True)
class RatePolicy(Answer):
    """How much one client address, or API key (`writes-daily`), may ask for under the name that `RateLimit` header
    fields carry."""

    name: str
    quota: int
    window: Annotated[int, Doc("Seconds.")]


@dataclass(frozen=True, kw_only=True)
class ServiceLimits(Answer):
    """The bounds of a service."""

    media_bytes: Annotated[int, Doc("Of the largest file.")]
    lookup_files: Annotated[int, Doc("Of one lookup.")]
    fingerprint_units: Annotated[int, Doc("Digests that a fingerprint counts for in a lookup.")]
    prefix_digits: Annotated[
        int,
        Doc(
            "Hex digits of a prefix of `/v1/lookups/{prefix}`; 0: `/v1/lookups` lists all. As many as leave 100 "
            "registrations under one prefix on average: a longer one would tell which file is asked for."
        ),
    ]
    rates: tuple[RatePolicy, ...]


@dataclass(frozen=True, kw_only=True)
class ServiceDescription(Answer):
    """A Countermark service: where it is, and the log that it runs.

    A client that has pinned the log's keys compares them; one that has not takes the operator's word for them.
    """

    version: str
    operator: str
    api: Annotated[str, Doc("URL that the paths of this contract follow.")]
    log: Annotated[str, Doc("URL of the log, by C2SP tlog-tiles.")]
    origin: Annotated[str, Doc("The log's name: the first line of its checkpoints.")]
    log_keys: Annotated[tuple[str, ...], Doc("The verifier keys that sign its checkpoints now.")]
    limits: ServiceLimits
