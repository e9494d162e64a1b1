"""Problems (RFC 9457), and the health of a service."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, get_args

from provenance.answers.fields import Answer, Doc, Pattern, Values

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:countermark:problem:"
"""What a slug follows to make the type of a problem."""


@dataclass(frozen=True, kw_only=True)
class FieldProblem(Answer):
    pointer: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """RFC 9457 problem details."""

    type: Annotated[str, Pattern(rf"^{TYPE_PREFIX}[a-z-]+$")]
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: Annotated[tuple[FieldProblem, ...], Doc("Faulty parts of the request, where there are any.")] = ()
    policy: Annotated[str | None, Doc("The limit that is exceeded, by its name in `RateLimit-Policy`.")] = None
    until: Annotated[datetime | None, Doc("When that limit allows this request again.")] = None


@dataclass(frozen=True, kw_only=True)
class Health(Answer):
    status: Annotated[str, Values("ok")]


@dataclass(frozen=True, kw_only=True)
class SandboxLayers(Answer):
    """Which layers of the sandbox hold in every worker that parses files."""

    system_calls: Annotated[bool, Doc("No system calls but those of a list (seccomp).")]
    files: Annotated[bool, Doc("Nothing is read by its path but the interpreter and libraries (landlock).")]
    signals: Annotated[bool, Doc("The kernel scopes signals to the worker (landlock, from Linux 6.12 on).")]
    own_user: Annotated[bool | None, Doc("A worker is a user of its own. Null: the service was not started as root.")]


EndingKind = Literal["claim_certificate", "timestamp_anchor", "api_key"]


@dataclass(frozen=True, kw_only=True)
class Ending(Answer):
    """A certificate or key of the service that ends within 30 days, or has ended."""

    what: Annotated[str, Values(*get_args(EndingKind))]
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Readiness(Health):
    sandbox: Annotated[SandboxLayers | None, Doc("Null while no worker has started.")] = None
    ending: Annotated[tuple[Ending, ...], Doc("Which certificates and keys end within 30 days.")] = ()
    to_compare: Annotated[
        int, Doc("Registrations that wait to be compared with those before them; searches find them already.")
    ] = 0
