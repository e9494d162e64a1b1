"""One source of the answers: what the service gives, the contract describes and the SDK reads are the same classes."""

from dataclasses import fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from fastapi.routing import APIRoute

from api.routes import ROUTERS
from provenance import answers
from provenance.answers import Answer
from provenance.answers.fields import Values
from provenance.credentials.report import Validity
from provenance.media.calibration import ReferenceKind, RegionKind
from provenance.media.comparison import Region
from provenance.media.marks.mark import Meaning
from provenance.receipts.origins import LinkState
from provenance.transparency.log_keys import Outcome
from provenance.verification.axes import Basis
from provenance.verification.evidence import MatchBasis

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
MODELS = [
    pytest.param(model, id=f"{route.name}-{model.__name__}")
    for route in ROUTES
    for model in (route.response_model, *(each.get("model") for each in route.responses.values()))
    if model is not None
]
CLASSES = [kind for kind in vars(answers).values() if isinstance(kind, type) and is_dataclass(kind)]


def values(kind: type[Answer], field: str) -> tuple[str, ...]:
    """The values that a field of an answer lists."""

    def listed(hint: Any) -> tuple[str, ...]:
        own = [mark.values for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Values)]
        return own[0] if own else tuple(value for part in get_args(hint) for value in listed(part))

    return listed(get_type_hints(kind, include_extras=True)[field])


@pytest.mark.parametrize("model", MODELS)
def test_what_a_route_gives_is_an_answer_of_the_core(model: type) -> None:
    assert getattr(answers, model.__name__) is model
    assert issubclass(model, Answer)


@pytest.mark.parametrize("kind", CLASSES)
def test_answers_are_immutable_and_made_by_name(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen
    assert all(field.kw_only for field in fields(kind))


@pytest.mark.parametrize(
    ("kind", "field", "stated"),
    [
        (answers.Match, "basis", MatchBasis),
        (answers.ReadCredential, "validity", Validity),
        (answers.Finding, "basis", Basis),
        (answers.Mark, "meaning", Meaning),
        (answers.Step, "outcome", Outcome),
        (answers.ChainLink, "state", LinkState),
        (answers.Region, "kind", get_type_hints(Region)["kind"]),
        (answers.Region, "seen_with", ReferenceKind),
        (answers.Comparison, "reference", ReferenceKind),
        (answers.ErrorRate, "kind", RegionKind),
        (answers.ErrorRate, "reference", ReferenceKind),
    ],
)
def test_the_values_that_an_answer_lists_are_those_that_the_core_has(
    kind: type[Answer], field: str, stated: Any
) -> None:
    known = get_args(stated) if get_origin(stated) is Literal else [each.value for each in stated]
    assert set(values(kind, field)) == set(known)
