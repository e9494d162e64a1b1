"""`python -m api`: runs the service, and the operator's commands.

Data goes to standard output, everything else to standard error. Exit status: 0 success, 1 findings, 2 usage or
settings, 3 failure.
"""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from api.cli.printed import printable
from provenance.errors import CountermarkError, SettingsInvalid

MODULES = {
    "serve": "api.cli.service",
    "openapi": "api.cli.service",
    "fsck": "api.cli.store",
    "backup": "api.cli.store",
    "restore": "api.cli.store",
    "migrate-store": "api.cli.store",
    "key": "api.cli.key",
    "log": "api.cli.log",
    "index": "api.cli.index",
    "certificate": "api.cli.certificate",
    "witness": "api.witness.commands",
}
"""The module of each command."""


class Commands(TyperGroup):
    """Imports a command's module when that command is called: `key list` needs neither web framework nor codecs."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The named command, or None; for an unknown name all commands are loaded, to suggest similar ones."""
        for name in [cmd_name] if cmd_name in MODULES else MODULES:
            if name not in self.commands:
                group = get_group(import_module(MODULES[name]).commands)
                command = group.commands.get(name, group)
                command.name = name
                self.add_command(command)
        return self.commands.get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return list(MODULES)


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def describe() -> None:
    """Countermark's service."""


def main() -> None:
    """Runs a command; a CountermarkError is printed as one line, without a traceback."""
    try:
        app()
    except SettingsInvalid as error:
        typer.echo(printable(f"Invalid settings: {error}"), err=True)
        sys.exit(2)
    except CountermarkError as error:
        typer.echo(printable(f"{type(error).__name__}: {error}"), err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
