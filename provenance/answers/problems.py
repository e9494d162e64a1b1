"""Problems (RFC 9457), and the health of a service."""

from dataclasses import dataclass
from typing import Annotated

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


@dataclass(frozen=True, kw_only=True)
class Health(Answer):
    status: Annotated[str, Values("ok")]
