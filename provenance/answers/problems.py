"""What a service says where it cannot do what was asked, and whether it can do anything."""

from dataclasses import dataclass
from typing import Annotated

from provenance.answers.fields import Answer, Doc, Pattern, Values


@dataclass(frozen=True, kw_only=True)
class FieldProblem(Answer):
    pointer: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """RFC 9457 problem details."""

    type: Annotated[str, Pattern(r"^urn:countermark:problem:[a-z-]+$")]
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: Annotated[tuple[FieldProblem, ...], Doc("Faulty parts of the request, where there are any.")] = ()


@dataclass(frozen=True, kw_only=True)
class Health(Answer):
    status: Annotated[str, Values("ok")]
