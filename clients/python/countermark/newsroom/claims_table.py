"""A map: a CSV with what a publisher states about its files, one a row.

`file` names the file, from the map's folder on or absolutely; the other columns are claims (`countermark.Claims`). An
empty cell states nothing. The whole map is read and checked before anything is sent.
"""

import csv
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from countermark.claims import Claims
from provenance.errors import InvalidRequest

FILE = "file"

_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_map(path: Path) -> dict[bytes, Claims]:
    """The claims by the real path of their file, in octets.

    Raises:
        InvalidRequest: it is no such CSV, or a cell is not what its column takes; the message names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check(path, reader.fieldnames or ())
            found: dict[bytes, Claims] = {}
            for row in reader:
                name, claims = _read(path, reader.line_num, row)
                if name in found:
                    raise InvalidRequest(f"{path}, line {reader.line_num}: {os.fsdecode(name)} has a row already")
                found[name] = claims
    except (csv.Error, UnicodeError) as error:
        raise InvalidRequest(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}") from error
    return found


def _check(path: Path, columns: "list[str] | tuple[()] | Any") -> None:
    if FILE not in columns:
        raise InvalidRequest(f"{path} has no column {FILE!r}")
    unknown = [column for column in columns if column != FILE and column not in _READERS]
    if unknown or len(set(columns)) < len(columns):
        named = ", ".join(map(repr, unknown)) or "two of one name"
        raise InvalidRequest(f"{path} has columns that are no claims: {named}. Claims: {', '.join(_READERS)}")


def _read(path: Path, line: int, row: Mapping[Any, Any]) -> tuple[bytes, Claims]:
    if None in row or None in row.values() or not row[FILE]:
        raise InvalidRequest(f"{path}, line {line}: as many cells as columns are expected, and the name of a file")
    claims: dict[str, object] = {}
    for column, cell in row.items():
        if column != FILE and cell:
            try:
                claims[column] = _READERS[column](cell)
            except ValueError as error:
                raise InvalidRequest(f"{path}, line {line}, {column}: {error}") from error
    return os.fsencode(os.path.realpath(path.parent / row[FILE])), Claims(**claims)  # type: ignore[typeddict-item]


def _word(cell: str) -> bool:
    try:
        return _WORDS[cell.strip().lower()]
    except KeyError:
        raise ValueError("yes or no is expected") from None


def _time(cell: str) -> datetime:
    time = datetime.fromisoformat(cell.strip())
    if time.tzinfo is None:
        raise ValueError("a time zone is expected, as in 2026-05-04T09:30:00+02:00")
    return time


def _choice(words: tuple[str, ...]) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell not in words:
            raise ValueError(f"one of {', '.join(words)} is expected")
        return cell

    return read


def _reader(hint: Any) -> Callable[[str], object] | None:
    """How a cell of a column is read; None for a claim that no cell can state."""
    kind, *_ = get_args(hint)
    if get_origin(kind) is Literal:
        return _choice(get_args(kind))
    readers: Mapping[object, Callable[[str], object]] = {bool: _word, datetime: _time, str: str}
    return readers.get(kind)


_READERS: Mapping[str, Callable[[str], object]] = {
    name: reader for name, hint in Claims.__annotations__.items() if (reader := _reader(hint)) is not None
}
