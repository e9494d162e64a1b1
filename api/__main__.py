"""`python -m api`: runs the service, and the operator's commands.

Data goes to standard output, everything else to standard error. Exit status: 0 success, 1 findings, 2 usage or
settings, 3 failure.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from api.cli.printed import printable
from provenance.errors import CountermarkError, SettingsInvalid

COMMANDS = {
    "serve": ("api.cli.service", "Run the service until SIGTERM."),
    "openapi": ("api.cli.service", "Write openapi.yaml, or compare it with the code."),
    "fsck": ("api.cli.store", "Recompute everything from the log's entries, and list what differs."),
    "backup": ("api.cli.store", "Copy the data folder while the service runs, and check the copy."),
    "restore": ("api.cli.store", "Restore a backup into the data folder, which must be missing or empty."),
    "migrate-store": (
        "api.cli.store",
        "Copy the whole store into a PostgreSQL database. The log's name, entries and root stay the same.",
    ),
    "key": ("api.cli.key", "API keys."),
    "log": ("api.cli.log", "The transparency log."),
    "index": ("api.cli.index", "The similarity index."),
    "certificate": ("api.cli.certificate", "The certificate chain that C2PA claims are signed with."),
    "witness": ("api.witness", "Run a C2SP witness for other logs until SIGTERM."),
}
"""Of each command: its module, and the first line of its help text."""


@contextmanager
def _kept() -> Iterator[None]:
    """Keep the collector from what the block makes, which stays: looking for garbage takes a fifth of an import."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Commands(TyperGroup):
    """Imports a command's module when that command is called: `key list` needs neither web framework nor codecs."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The named command, or None; for an unknown name all commands are loaded, to suggest similar ones."""
        for name in [cmd_name] if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                with _kept():
                    module = import_module(COMMANDS[name][0])
                group = get_group(module.commands)
                command = group.commands.get(name, group)
                command.name = name
                self.add_command(command)
        return self.commands.get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Lists the commands by the table, without importing their modules."""
        listed = TyperGroup(
            name=self.name,
            help=self.help,
            params=self.params,
            rich_markup_mode=self.rich_markup_mode,
            commands={name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()},
        )
        listed.format_help(ctx, formatter)


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
