"""What programs may import is documented, and enough to name all that is returned, held or raised."""

import ast
import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path

import countermark
import pytest
from countermark import models
from countermark.problems import EXCEPTIONS
from pydantic import BaseModel

from provenance import answers, errors
from provenance.errors import CountermarkError
from provenance.statement import canonical_json
from provenance.statement.keys import Signer

DOCUMENTED = re.findall(
    r"^::: ([\w.]+)$",
    "".join(page.read_text() for page in Path(__file__).parents[3].glob("docs/reference/python/*.md")),
    re.MULTILINE,
)
CORE = [name for name in DOCUMENTED if name.startswith("provenance.")]
CLIENT = ["countermark", "countermark.audit", "countermark.models", "countermark.log", "countermark.receipts"]
QUOTED = {**vars(canonical_json), "Signer": Signer}
"""What is named in quotes: by the alias `Json`, and by the client, which imports it only where it signs."""
HANDED_OUT = [
    *(getattr(models, name) for name in answers.__all__),
    *(getattr(countermark, name) for name in ("AsyncClient", "AuditReport", "Client", "ProofReport", "ReceiptReport")),
]


def exported(name: str) -> list[str]:
    """The public names of a module: those of `__all__`, or what it defines and does not call private."""
    module = import_module(name)
    listed: list[str] | None = getattr(module, "__all__", None)
    if listed is not None:
        return listed
    return [
        *(each for each, value in vars(module).items() if getattr(value, "__module__", "") == name and each[0] != "_"),
        *(each for each in vars(module) if each.isupper() and each[0] != "_"),
        *(answers.__all__ if module is models else ()),
    ]


PUBLIC = {id(getattr(import_module(module), name)) for module in (*CLIENT, *CORE) for name in exported(module)}


def classes_in(hint: object) -> Iterator[type]:
    """Classes of ours in a type hint."""
    for part in typing.get_args(hint):
        yield from classes_in(part)
    if (
        isinstance(hint, type)
        and not typing.get_args(hint)
        and hint.__module__.split(".")[0] in ("countermark", "provenance")
    ):
        yield hint


def returned_by(function: object) -> Iterator[type]:
    """Classes of what a function or a method returns."""
    yield from classes_in(typing.get_type_hints(function, localns=QUOTED).get("return"))


def held_by(cls: type) -> Iterator[type]:
    """Classes of what an instance has in its fields and properties, and of what its methods return."""
    if dataclasses.is_dataclass(cls) or issubclass(cls, BaseModel):
        for hint in typing.get_type_hints(cls, localns=QUOTED).values():
            yield from classes_in(hint)
    for base in cls.__mro__[:-1]:
        for name, member in vars(base).items():
            if name.startswith("_") or base.__module__.split(".")[0] not in ("countermark", "provenance"):
                continue
            if isinstance(member, property):
                yield from returned_by(member.fget)
            elif isinstance(member, cached_property):
                yield from returned_by(member.func)
            elif isinstance(member, classmethod | staticmethod | types.FunctionType):
                yield from returned_by(getattr(member, "__func__", member))


def unnameable(waiting: list[type]) -> list[str]:
    """What these hold and return, and what that does in turn, where no public module has it."""
    seen: set[type] = set()
    while waiting:
        cls = waiting.pop()
        if cls not in seen:
            seen.add(cls)
            waiting.extend(held_by(cls))
    return sorted(cls.__qualname__ for cls in seen if id(cls) not in PUBLIC)


def test_what_the_client_exports_is_what_the_reference_describes() -> None:
    described = [name.removeprefix("countermark.") for name in DOCUMENTED if re.fullmatch(r"countermark\.\w+", name)]
    assert sorted(described) == sorted(countermark.__all__), "a name comes and goes with a changelog fragment"


@pytest.mark.parametrize("module", [*CLIENT, *CORE])
def test_a_public_module_can_be_imported_and_exports_no_module(module: str) -> None:
    imported = import_module(module)
    assert exported(module)
    assert [name for name in exported(module) if isinstance(getattr(imported, name), types.ModuleType)] == []


@pytest.mark.parametrize("cls", HANDED_OUT, ids=lambda cls: cls.__name__)
def test_all_that_an_answer_or_a_report_holds_can_be_imported_from_a_public_module(cls: type) -> None:
    assert unnameable([cls]) == []


@pytest.mark.parametrize("module", CORE)
def test_all_that_a_public_module_of_the_core_returns_can_be_imported_from_one(module: str) -> None:
    imported = import_module(module)
    members = [getattr(imported, name) for name in exported(module)]
    returned = [cls for member in members if inspect.isfunction(member) for cls in returned_by(member)]
    assert unnameable([*returned, *(member for member in members if isinstance(member, type))]) == []


@pytest.mark.parametrize("module", CORE)
def test_what_a_public_module_of_the_core_raises_is_an_error_of_the_tree_or_of_python(module: str) -> None:
    tree = ast.parse(inspect.getsource(import_module(module)))
    raised = {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    }
    assert {name for name in raised if not hasattr(errors, name)} <= {"TypeError", "ValueError"}


def test_every_error_of_a_client_is_exported() -> None:
    exports = {getattr(countermark, name) for name in countermark.__all__}
    named = {cls for cls in vars(countermark).values() if isinstance(cls, type) and issubclass(cls, CountermarkError)}
    told = " ".join(
        str(inspect.getdoc(each))
        for public in exports
        for each in (public, *vars(public).values())
        if callable(each) or isinstance(each, classmethod)
    )
    stated = {getattr(errors, name) for name in re.findall(r"^ +(\w+): ", told, re.MULTILINE) if hasattr(errors, name)}
    assert len(stated) > 5
    assert (named | stated | set(EXCEPTIONS.values())) - exports == set()
