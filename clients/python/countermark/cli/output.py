"""Output: data to standard output, everything else to standard error; untrusted text is made safe for a terminal."""

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console, RenderableType

from countermark.content import Progress
from provenance.errors import CountermarkError, InvalidRequest

BROKEN_PIPE_STATUS = 141
"""Exit status if the reader of the output closes the pipe: that of a process killed by SIGPIPE."""

USUAL_COLUMNS = 80
"""Of a terminal that states none: what terminals have had since the VT100."""

NAME_COLUMNS = 36
"""Of a file's name beside a bar: the bar and its numbers need the other half of a line."""

_terminal = Console(highlight=False, markup=False, emoji=False)


def show(view: RenderableType) -> None:
    """Prints for people, in the terminal's width; 80 columns without a terminal."""
    with _terminal.capture() as drawn:
        _terminal.print(view)
    _write("\n".join(line.rstrip() for line in drawn.get().split("\n")))


def show_line(text: str) -> None:
    """Prints one line, however long: one for each of many things, for people and for grep."""
    _write(plain(text) + "\n")


def show_json(value: object) -> None:
    """Prints an answer as JSON in ASCII, which makes untrusted text safe."""
    _write(json.dumps(value, indent=2) + "\n")


def show_json_line(value: object) -> None:
    """Prints one of several answers as one line of JSON."""
    _write(json.dumps(value, separators=(",", ":")) + "\n")


def show_bytes(data: bytes) -> None:
    """Writes bytes to standard output. Raises InvalidRequest if that is a terminal."""
    if sys.stdout.isatty():
        raise InvalidRequest("the file is not printed to a terminal: use --out, or redirect the output")
    sys.stdout.flush()
    _writing(sys.stdout, lambda: (sys.stdout.buffer.write(data), sys.stdout.buffer.flush()))


def save(path: Path, data: bytes) -> None:
    """Writes a file. Raises InvalidRequest."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error


def note(text: str) -> None:
    """Prints a line to standard error; on a terminal in its width, words and paths whole."""
    told = plain(text)
    if sys.stderr.isatty():
        told = textwrap.fill(told, columns(), break_long_words=False, break_on_hyphens=False)
    _writing(sys.stderr, lambda: (sys.stderr.write(told + "\n"), sys.stderr.flush()))


def columns() -> int:
    """Columns of the terminal on standard error; one that does not say how many it has (0) is taken for usual."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_COLUMNS
    except (OSError, ValueError):  # it is gone
        return USUAL_COLUMNS


def explain(error: CountermarkError, name: object = None) -> None:
    """Prints an error, with the file's name once and the request id, which the operator can find in the log."""
    where = "" if name is None or str(error).startswith(f"{name} ") else f"{name}: "
    trace = f" (request {error.request_id})" if error.request_id else ""
    note(f"{where}{error}{trace}")


def plain(text: str) -> str:
    """Untrusted text as one line, without control characters and characters that change its direction."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


@contextmanager
def upload_bar(name: str, quiet: bool) -> Iterator[Progress | None]:
    """A progress bar for an upload on standard error, if that is a terminal."""
    with _bar(name, quiet, of_bytes=True) as progress:
        yield progress


@contextmanager
def entries_bar(name: str, quiet: bool) -> Iterator[Progress | None]:
    """A progress bar for the entries of a log, as `upload_bar`."""
    with _bar(name, quiet, of_bytes=False) as progress:
        yield progress


@contextmanager
def _bar(name: str, quiet: bool, *, of_bytes: bool) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.table import Column

    whole = Column(no_wrap=True)  # the bar alone gives way where the line is short
    if of_bytes:
        counts: tuple[progress.ProgressColumn, ...] = (
            progress.DownloadColumn(table_column=whole),
            progress.TransferSpeedColumn(table_column=whole.copy()),
        )
    else:
        counts = (progress.MofNCompleteColumn(table_column=whole), progress.TimeRemainingColumn())
    shown = (
        progress.TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=NAME_COLUMNS),
        ),
        progress.BarColumn(complete_style="bold", finished_style="bold"),
        *counts,
    )
    with progress.Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(plain(name), total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _write(text: str) -> None:
    _writing(sys.stdout, lambda: (sys.stdout.write(text), sys.stdout.flush()))


def _writing(stream: TextIO, write: Callable[[], object]) -> None:
    """Writes; exits quietly if the reader has closed the pipe."""
    try:
        write()
    except BrokenPipeError as error:
        # The interpreter flushes at exit: that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise typer.Exit(BROKEN_PIPE_STATUS) from error
