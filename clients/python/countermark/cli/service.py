"""What commands that call a service have in common."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from countermark.cli import exits, output
from provenance.errors import CountermarkError, Exit

if TYPE_CHECKING:
    from countermark.client import Client
    from countermark.models import Answer


def connect(url: str, api_key: str | None = None) -> "Client":
    """A client of the service, imported only here: checking a receipt does not need it."""
    from countermark.client import Client

    try:
        return Client(url, api_key=api_key)
    except CountermarkError as error:
        exits.exit_with(error)


def check_forms(files: Sequence[object], as_json: bool, as_json_lines: bool) -> None:
    if as_json and (as_json_lines or len(files) > 1):
        exits.refuse("--json prints one answer; use --jsonl for several pictures")


def show_answer(file: object, name: str, answer: "Answer", as_json_line: bool) -> None:
    from countermark.models import dump

    if as_json_line:
        output.show_json_line({"file": str(file), name: dump(answer)})
    else:
        output.show_json(dump(answer))


def report_error(error: CountermarkError, file: object, as_json_lines: bool) -> Exit:
    output.explain(error, file)
    if as_json_lines:
        output.show_json_line(
            {
                "file": str(file),
                "error": {"kind": type(error).__name__, "detail": str(error), "request_id": error.request_id},
            }
        )
    return error.exit_status
