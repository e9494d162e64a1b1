"""The `countermark` command. Data on standard output, progress and errors on standard error.

Exit status: 0 satisfied · 1 findings (something differs, fails or is not registered) · 2 usage, or an
unacceptable input · 3 incomplete (a service could not be reached, or something was not checked).
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from countermark import __version__
from countermark.cli import audit, comparison, key, log, receipt, register, verification, watch

app = typer.Typer(
    name="countermark",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit status: 0 satisfied, 1 findings, 2 usage, 3 incomplete.",
)
app.command()(register.register)
app.command()(verification.verify)
app.command()(comparison.compare)
app.command()(watch.watch)

audit_commands = typer.Typer(cls=audit.AuditGroup, no_args_is_help=True, help="Many files, with a report.")
audit_commands.command(audit.MANY, hidden=True)(audit.many)
audit_commands.command()(audit.verify)
audit_commands.command()(audit.diff)
app.add_typer(audit_commands, name="audit")

receipt_commands = typer.Typer(help="Receipts: files that prove a registration.", no_args_is_help=True)
receipt_commands.command()(receipt.verify)
receipt_commands.command()(receipt.get)
receipt_commands.command()(receipt.show)
app.add_typer(receipt_commands, name="receipt")

key_commands = typer.Typer(help="A publisher's own key, which never leaves this machine.", no_args_is_help=True)
key_commands.command()(key.generate)
key_commands.command()(key.show)
key_commands.command()(key.enrol)
key_commands.command()(key.sign)
app.add_typer(key_commands, name="key")

log_commands = typer.Typer(
    help="Logs: audit a whole log, and watch it for entries that you did not make.", no_args_is_help=True
)
log_commands.command()(log.audit)
log_commands.command()(log.watch)
app.add_typer(log_commands, name="log")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"countermark {__version__}")
        raise typer.Exit


@app.callback()
def describe(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Register pictures, verify them, and check receipts offline."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `countermark` command; by default with the process's arguments. Raises SystemExit."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name may have characters that the terminal's encoding lacks.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # text streams have it
    app(arguments, prog_name="countermark")
