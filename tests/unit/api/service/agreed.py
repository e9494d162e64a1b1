"""What the service says, held against the committed contract and then read."""

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jsonschema_rs
import yaml
from httpx2 import Response

from api.http.conditional import read_answer

T = TypeVar("T")


def agreed(kind: type[T], answer: Response) -> T:
    """The answer, which has to be what the contract says under the name of the class."""
    _contract(kind.__name__).validate(answer.json())
    return read_answer(kind, answer.content)


@cache
def _contract(name: str) -> Any:
    document = yaml.safe_load((Path(__file__).parents[4] / "openapi.yaml").read_text())
    whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.validator_for(whole)
