"""The answers of a service: the frozen dataclasses of `provenance.answers`, read from and written to JSON.

    report = read(Report, Path("report.json").read_bytes())
    json.dumps(dump(report))

The names are those of the service's own schemas. Digests are lowercase hex; times are in UTC. A text with a
fixed set of values may have further values with a newer service.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from provenance.answers import *  # noqa: F403
from provenance.answers import Answer, assets
from provenance.answers import report as reports
from provenance.errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RegisteredAsset(assets.RegisteredAsset):
    """The answer to a registration.

    Attributes:
        metadata: the metadata of the file. Without `publish_metadata` it is only in the publisher's own copy.
        receipt: the JSON of the `.countermark` file; `Client.receipt` gives its bytes.
        created: False if the same registration existed already. It is read from the status, not the body.
    """

    created: bool = True


@dataclass(frozen=True, kw_only=True)
class Report(reports.Report):
    """A verification report: five axes, matches, findings, and what was not checked. It has no truth value.

    Attributes:
        url: its page, until `kept_until`; None for a report that is not kept, or was read from elsewhere.
    """

    url: str | None = None


def read(kind: type[T], data: bytes | str | Mapping[str, object]) -> T:
    """An answer from its JSON, as text or parsed. Unknown fields are ignored.

    Args:
        kind: class of the answer, such as `Report`.
        data: from a service or from `dump`. A field that an older service did not have gets its default.

    Raises:
        UnexpectedAnswer: the data are not such an answer; the message says where.
    """
    from pydantic import ValidationError  # here, as it takes longer to import than all of this

    adapter = _adapter(kind)
    try:
        answer: T = (
            adapter.validate_json(data) if isinstance(data, bytes | str) else adapter.validate_python(dict(data))
        )
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "its body"
        raise UnexpectedAnswer(f"the answer is not a {kind.__name__}: {where}: {fault['msg']}") from error
    return answer


def dump(answer: Answer) -> dict[str, Any]:
    """An answer as JSON values for `json.dumps`; times are RFC 3339."""
    plain: dict[str, Any] = _adapter(type(answer)).dump_python(answer, mode="json")
    return plain


def _made(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


_adapter: Callable[[Any], Any] = cache(_made)
