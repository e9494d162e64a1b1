"""What programs may import: listed in `public_names.json`, and enough to name all that an answer or a report holds."""

import dataclasses
import json
import types
import typing
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

from provenance.errors import CountermarkError
from provenance.statement import canonical

LISTED: dict[str, list[str]] = json.loads(Path(__file__).with_name("public_names.json").read_text())
LISTED_PACKAGES = {module.split(".")[0] for module in LISTED}
RECURSIVE = vars(canonical)
"""What the alias `Json` names in quotes."""
HANDED_OUT = [
    *(("countermark.models", name) for name in LISTED["countermark.models"] if name[0].isupper()),
    ("countermark.log", "AuditReport"),
    ("countermark.receipts", "ProofReport"),
    ("countermark.receipts", "ReceiptReport"),
]


def classes_in(hint: object) -> Iterator[type]:
    """Classes of ours in a type hint."""
    for part in typing.get_args(hint):
        yield from classes_in(part)
    if isinstance(hint, type) and not typing.get_args(hint) and hint.__module__.split(".")[0] in LISTED_PACKAGES:
        yield hint


def held_by(cls: type) -> Iterator[type]:
    """Classes of what an instance has in its fields and properties."""
    if dataclasses.is_dataclass(cls) or issubclass(cls, BaseModel):
        for hint in typing.get_type_hints(cls, localns=RECURSIVE).values():
            yield from classes_in(hint)
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if name.startswith("_"):
                continue
            if isinstance(member, property):
                yield from classes_in(typing.get_type_hints(member.fget).get("return"))
            elif isinstance(member, cached_property):
                yield from classes_in(typing.get_type_hints(member.func).get("return"))


@pytest.mark.parametrize("module", LISTED)
def test_the_public_names_of_a_module_are_those_that_are_listed(module: str) -> None:
    imported = import_module(module)
    names: list[str] = imported.__all__
    assert sorted(names) == sorted(LISTED[module]), "a name that programs use comes and goes with a changelog fragment"
    assert [name for name in names if isinstance(getattr(imported, name), types.ModuleType)] == []


def test_every_error_of_a_client_is_exported() -> None:
    countermark = import_module("countermark")
    named = {cls for cls in vars(countermark).values() if isinstance(cls, type) and issubclass(cls, CountermarkError)}
    assert {cls.__name__ for cls in named} <= set(countermark.__all__)


@pytest.mark.parametrize(("module", "name"), HANDED_OUT)
def test_all_that_an_answer_or_a_report_holds_can_be_imported_from_a_listed_module(module: str, name: str) -> None:
    public = {id(getattr(import_module(each), listed)) for each, names in LISTED.items() for listed in names}
    seen: set[type] = set()
    waiting: list[type] = [getattr(import_module(module), name)]
    while waiting:
        cls = waiting.pop()
        if cls not in seen:
            seen.add(cls)
            waiting.extend(held_by(cls))
    assert [cls.__qualname__ for cls in seen if id(cls) not in public] == []
