"""Output: data to standard output, everything else to standard error; no stranger's text reaches a terminal raw."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console, RenderableType

from countermark.content import Progress
from provenance.errors import CountermarkError, InvalidRequest

READER_LEFT = 141
"""Exit status of a command whose reader closed the pipe: what the shell gives one that SIGPIPE ended."""

_terminal = Console(highlight=False, markup=False, emoji=False)


def show(view: RenderableType) -> None:
    """For people, in the terminal's width; 80 columns where there is no terminal."""
    with _terminal.capture() as drawn:
        _terminal.print(view)
    _write("\n".join(line.rstrip() for line in drawn.get().split("\n")))


def show_json(value: object) -> None:
    """An answer, as JSON in ASCII: it can hold anybody's text."""
    _write(json.dumps(value, indent=2) + "\n")


def show_json_line(value: object) -> None:
    """One answer of several, on a line of its own as soon as it is there."""
    _write(json.dumps(value, separators=(",", ":")) + "\n")


def show_bytes(data: bytes) -> None:
    """A file, exactly. Raises InvalidRequest where a terminal would have to show it."""
    if sys.stdout.isatty():
        raise InvalidRequest("a file is not for the terminal: name one with --out, or redirect the output")
    sys.stdout.flush()
    _writing(sys.stdout, lambda: (sys.stdout.buffer.write(data), sys.stdout.buffer.flush()))


def save(path: Path, data: bytes) -> None:
    """Raises InvalidRequest."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error


def note(text: str) -> None:
    """A line on standard error."""
    _writing(sys.stderr, lambda: (sys.stderr.write(plain(text) + "\n"), sys.stderr.flush()))


def explain(error: CountermarkError, name: object = None) -> None:
    """What went wrong, with the file that it is about and the request id that the service's operator can look up."""
    where = "" if name is None else f"{name}: "
    trace = f" (request {error.request_id})" if error.request_id else ""
    note(f"{where}{error}{trace}")


def plain(text: str) -> str:
    """A stranger's text on one line, without what a terminal obeys: control characters, changes of direction."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


@contextmanager
def upload_bar(name: str, quiet: bool) -> Iterator[Progress | None]:
    """A bar for one upload on standard error; none without a terminal there."""
    with _bar(name, quiet, of_bytes=True) as progress:
        yield progress


@contextmanager
def entries_bar(name: str, quiet: bool) -> Iterator[Progress | None]:
    """The same for the entries of a log."""
    with _bar(name, quiet, of_bytes=False) as progress:
        yield progress


@contextmanager
def _bar(name: str, quiet: bool, *, of_bytes: bool) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress

    if of_bytes:
        counts: tuple[progress.ProgressColumn, ...] = (progress.DownloadColumn(), progress.TransferSpeedColumn())
    else:
        counts = (progress.MofNCompleteColumn(), progress.TimeRemainingColumn())
    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(complete_style="bold", finished_style="bold"),
        *counts,
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(plain(name), total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _write(text: str) -> None:
    _writing(sys.stdout, lambda: (sys.stdout.write(text), sys.stdout.flush()))


def _writing(stream: TextIO, write: Callable[[], object]) -> None:
    """Write, and leave quietly when nobody reads any more."""
    try:
        write()
    except BrokenPipeError as error:
        # What is still buffered would be written, and fail, when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise typer.Exit(READER_LEFT) from error
