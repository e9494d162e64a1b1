"""Differences of two audits: what came, went, has other bytes, or is in another bucket."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from countermark.audit.report import COLUMNS, ITEMS_CSV, text_of
from provenance.errors import InvalidRequest


@dataclass(frozen=True)
class Change:
    """What became of an item. `path` is as `shown` has it; `old` and `new` are buckets, None where it is not there."""

    path: str
    kind: Literal["added", "removed", "bytes", "bucket"]
    old: str | None
    new: str | None


def compare_folders(old: Path, new: Path) -> Iterator[Change]:
    """The changes in the order of the new report, then what is not in it. Raises InvalidRequest."""
    before = {path: (bucket, sha256) for path, bucket, sha256 in _rows(old)}
    for path, bucket, sha256 in _rows(new):
        known = before.pop(path, None)
        if known is None:
            yield Change(path, "added", None, bucket)
        elif known[1] != sha256:
            yield Change(path, "bytes", known[0], bucket)
        elif known[0] != bucket:
            yield Change(path, "bucket", known[0], bucket)
    for path, (bucket, _) in before.items():
        yield Change(path, "removed", bucket, None)


def _rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    path = folder / ITEMS_CSV
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, strict=True)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise InvalidRequest(f"{path} is not the CSV of an audit of this version")
            for row in rows:
                yield text_of(row["path"]), row["bucket"], row["sha256"]
    except (OSError, csv.Error, UnicodeError) as error:
        raise InvalidRequest(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
