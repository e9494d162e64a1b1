"""Generates `docs/reference/commands.md`, the reference of the two commands, from what their help is made of.

`--check` only compares, and exits with 1 if the committed page is out of date.
"""

import inspect
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from countermark.cli import app as client
from countermark.cli.audit import MANY
from typer import Context
from typer.main import get_command

from api.__main__ import app as service

PAGE = Path(__file__).resolve().parent.parent / "docs/reference/commands.md"
UNTOLD = ("help", "install_completion", "show_completion")
HEAD = """<!-- Generated from the commands by tools/commands.py: change their help, and run this script. -->
# Commands

Data goes to standard output, progress and errors to standard error. Exit status: 0 satisfied, 1 findings, 2 usage,
3 incomplete. `--help` shows the same, `--install-completion` sets up your shell."""


def page() -> str:
    lines = [HEAD]
    for name, app in (("countermark", client), ("python -m api", service)):
        lines += section(name, get_command(app), 2)
    return "\n".join(lines) + "\n"


def section(name: str, command: Any, level: int) -> list[str]:
    """A command, then those below it."""
    context = Context(command)
    below = (
        {each: command.get_command(context, each) for each in command.list_commands(context)}
        if hasattr(command, "list_commands")
        else {}
    )
    command = below.pop(MANY, command)
    parameters = [each for each in command.params if not each.hidden and each.name not in UNTOLD]
    words = " ".join(wanted(each) for each in parameters if is_argument(each))
    lines = [
        "",
        f"{'#' * level} {name}",
        "",
        f"`{name} [OPTIONS] {words or ('COMMAND' if below else '')}".rstrip() + "`",
    ]
    lines += ["", inspect.cleandoc(command.help or "")] if command.help else []
    if parameters:
        lines += ["", "| | |", "|---|---|", *map(row, parameters)]
    for under, each in below.items():
        lines += section(f"{name} {under}", each, level + 1)
    return lines


def is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def wanted(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return f"{name}…" if parameter.nargs == -1 and not name.endswith("…") else str(name)


def row(parameter: Any) -> str:
    """An argument or option: how it is written, what it says, its variable and its default."""
    if is_argument(parameter):
        return f"| `{cell(wanted(parameter))}` | {cell(parameter.help or '')} |"
    annotation = parameter.type_descriptor.annotation
    choices = "|".join(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ""
    takes = "" if parameter.is_flag else " " + (parameter.metavar or choices or parameter.name.upper())
    names = ", ".join(
        f"`{option}{takes.replace('|', chr(92) + '|')}`" for option in (*parameter.opts, *parameter.secondary_opts)
    )
    told = [cell(parameter.help or "")]
    told += [f"Variable: `{parameter.envvar}`."] if parameter.envvar else []
    has_default = isinstance(parameter.default, str | int | float) and not parameter.is_flag
    told += [f"Default: `{parameter.default}`."] if has_default and parameter.show_default else []
    return f"| {names} | {' '.join(filter(None, told))} |"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made)
    elif not PAGE.exists() or PAGE.read_text() != made:
        sys.exit(f"{PAGE.name} is out of date: run `python {Path(__file__).relative_to(PAGE.parents[2])}`.")
