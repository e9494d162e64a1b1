"""What a service answers: the frozen dataclasses of `provenance.answers`, and how to read and write them as JSON.

    report = read(Report, Path("report.json").read_bytes())
    json.dumps(dump(report))

The names are those of the service's own schemas. Digests are lowercase hex; times are in UTC. Where a text is one of
some values, a newer service may state others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from provenance.answers import *  # noqa: F403
from provenance.answers import Answer, assets
from provenance.errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RegisteredAsset(assets.RegisteredAsset):
    """The answer to a registration.

    Attributes:
        metadata: what the file holds beside its picture. Without `publish_metadata` it stays with the publisher.
        receipt: the JSON of the `.countermark` file; `Client.receipt` gives its bytes.
        created: False when the very same registration was there already. The status of the answer says so, not its
            body.
    """

    created: bool = True


def read(kind: type[T], data: bytes | str | Mapping[str, object]) -> T:
    """An answer from its JSON, as text or parsed. What it has beside its fields is left out.

    Args:
        kind: class of the answer, as `Report`.
        data: as a service gave it, or as `dump` does. A field that an older service did not have gets its default.

    Raises:
        UnexpectedAnswer: it is no such answer; the text says where.
    """
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
    """An answer as what `json.dumps` takes; times are RFC 3339."""
    plain: dict[str, Any] = _adapter(type(answer)).dump_python(answer, mode="json")
    return plain


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
