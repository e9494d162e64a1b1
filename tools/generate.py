"""Generates the clients' generated modules; those of Python are formatted by `ruff`.

`client.py` is the synchronous form of `async_client.py` (httpcore does the same). `claims.py` has the keyword arguments
of `register` for type checkers: name and type of each field of `provenance.claims.Claims`. `limits.js` has what the
modules in JavaScript share with the core: the limits that they name, the steps of a receipt, the vocabulary.

`--check` only compares, and exits with 1 if a committed file is out of date.
"""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from textwrap import indent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from provenance import limits
from provenance.claims import Claims
from provenance.sentences import SENTENCES
from provenance.statement.record import Description
from provenance.vocabulary import DIGITAL_SOURCE_TYPES

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "clients/python/countermark"
JAVASCRIPT = ROOT / "clients/js/src"

NOTICE = "# Generated from {} by tools/generate.py: change that file, and run this script.\n"
REPLACEMENTS = (  # in this order
    (r",? for asyncio\.", "."),
    (r"await asyncio\.to_thread\(([\w.]+)(?:, )?", r"\1("),
    (r"\(await (.+)\)(?=\.)", r"\1"),  # an attribute of an awaited value
    (r"\basyncio\b", "time"),
    (r"\b(async|await) ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b__a(?=enter__|exit__)", "__"),
    (r"\ba(?=close|iter_bytes)", ""),
)
ARGUMENTS = '''"""Claims: what a publisher states about a picture that it registers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict

from countermark.models import Parent


class Claims(TypedDict, total=False):
    """The keyword arguments of `register`; None is the same as omitting one.

    Attributes:
{described}
        publisher: only with an administrator's key; otherwise the key's own.
    """

{stated}
    publisher: str | None
'''
NONE = " | None"
TIDY = ("check --quiet --exit-zero --fix --unsafe-fixes --select I,UP028", "format --quiet")


def client() -> str:
    """The synchronous client."""
    text = (CLIENT / "async_client.py").read_text()
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text)
    return NOTICE.format("async_client.py") + text


def claims() -> str:
    """The claims as keyword arguments, each optional."""
    described = [str(inspect.getdoc(cls)).partition("Attributes:\n")[2].rstrip() for cls in (Description, Claims)]
    stated = [f"    {each.name}: {spelled(each.type).removesuffix(NONE)}{NONE}" for each in fields(Claims)]
    text = ARGUMENTS.format(described=indent("\n".join(described), "    "), stated="\n".join(stated))
    return NOTICE.format("provenance/claims.py") + text


def spelled(hint: Any) -> str:
    """The client's spelling of a type of the core; digests are text."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return spelled(arguments[0])
    if kind in (Union, UnionType):
        return " | ".join(dict.fromkeys(map(spelled, arguments)))
    if kind is tuple:
        return f"Sequence[{spelled(arguments[0])}]"
    if kind is Literal:
        return f"Literal{list(arguments)}"
    return {bytes: "str", NoneType: "None"}.get(hint) or str(hint.__name__)


def shared_with_javascript() -> str:
    """Constants of the core that the modules in JavaScript name."""
    modules = [module.read_text() for module in JAVASCRIPT.glob("*.js") if module != JAVASCRIPT / "limits.js"]
    named = {name for text in modules for name in re.findall(r"\b[A-Z][A-Z_]+\b", text)} & vars(limits).keys()
    numbers = {name: getattr(limits, name) for name in sorted(named)}
    lines = [
        f"export const {name} = {value}{'n' if value > limits.MAX_SAFE_INTEGER else ''};"
        for name, value in numbers.items()
    ]
    steps = json.dumps(SENTENCES.steps, indent=2)
    terms = json.dumps(sorted(term.iri for term in DIGITAL_SOURCE_TYPES.values()), indent=2)
    notice = NOTICE.format("provenance").replace("#", "//", 1).replace("that file", "its sources")
    return "\n".join(
        [notice, *lines, f"export const STEPS = {steps};", f"export const DIGITAL_SOURCE_TYPES = {terms};", ""]
    )


GENERATED: dict[Path, tuple[str, Callable[[], str]]] = {
    CLIENT / "client.py": ("async_client.py", client),
    CLIENT / "claims.py": ("provenance/claims.py", claims),
    JAVASCRIPT / "limits.js": ("provenance/", shared_with_javascript),
}


def main() -> None:
    """Writes the modules, or compares them."""
    for target, (source, generate) in GENERATED.items():
        text = generate()
        for command in TIDY if target.suffix == ".py" else ():
            ruff = [sys.executable, "-m", "ruff", *command.split(), "--stdin-filename", str(target), "-"]
            text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout  # noqa: S603
        if "--check" not in sys.argv[1:]:
            target.write_text(text)
        elif target.read_text() != text:
            sys.exit(f"{target.name} is out of date with {source}: run `python {Path(__file__).relative_to(ROOT)}`.")


if __name__ == "__main__":
    main()
