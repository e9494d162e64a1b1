"""The report of an audit: items as CSV and as JSON lines, and one page for people. `shown` escapes all names.

The same files, an unchanged log and the same policy give the same CSV and JSON lines, byte for byte: both are in the
order of the names as octets, and hold neither times nor ids of reports. Line n of one is row n of the other.
"""

import base64
import csv
import hashlib
import html
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from countermark.audit.policy import AuditPolicy
from countermark.audit.state import CheckedRecord, Item, State
from provenance.errors import StoreUnavailable
from provenance.sentences import CATALOGUES, SENTENCES, Sentences

ITEMS_CSV, ITEMS_JSONL, REPORT_HTML, REPORTS_JSONL = "items.csv", "items.jsonl", "report.html", "reports.jsonl"

MAX_LINE_BYTES = 400
"""Bytes of a line of items.jsonl, its end included: what does not fit is cut in the middle, and whole in the CSV."""

MAX_PAGE_ITEMS = 250_000
"""Items in the page: at about 200 bytes each a browser reads it in a second. Findings come first; the CSV has all."""

MAX_PAGE_PICTURE_BYTES = 24 * 1024 * 1024
"""Bytes of pictures in the page, before base64: some hundred findings with three pictures of 10 to 50 KB each."""

COLUMNS = (
    *("path", "bucket", "also", "reason", "detail", "sha256"),
    *("record", "index", "others", "publisher", "title"),
)
_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""What begins a formula in a spreadsheet, in some languages also in its full-width form."""

_UNSAFE_IN_SCRIPT = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_SURROGATE = re.compile("[\udc80-\udcff]")


@dataclass
class Totals:
    """What an audit came to.

    Attributes:
        items: how many are settled.
        applying: how many are in each bucket, and have each other thing apply to them.
        buckets, reasons: how many are in each bucket; could not be checked for each reason.
    """

    items: int = 0
    applying: Counter[str] = field(default_factory=Counter)
    buckets: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, item: Item) -> None:
        outcome = item.outcome
        self.items += 1
        self.buckets[outcome.bucket.value] += 1
        self.applying[outcome.bucket.value] += 1
        self.applying.update(name for name in outcome.also if name not in SENTENCES.buckets)
        if outcome.reason is not None:
            self.reasons[outcome.reason] += 1


@dataclass(frozen=True)
class Written:
    """A file of the report: SHA-256 in hex, and size in bytes."""

    sha256: str
    size: int


def shown(name: bytes) -> str:
    """A name as text of one line that no terminal, page or spreadsheet obeys.

    Backslashes are doubled; octets that are not UTF-8 are `\\xff`, characters that cannot be printed or change the
    direction of text `\\u202e`: so two names never look alike.
    """
    text = name.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    return _escaped(text)


def printable(text: str) -> str:
    """A stranger's words on one line, with what cannot be printed escaped."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return _SURROGATE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", "".join(map(_printable, text)))


def _printable(character: str) -> str:
    if character.isprintable() or "\udc80" <= character <= "\udcff":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def judged_items(state: State, policy: AuditPolicy) -> Iterator[tuple[Item, CheckedRecord | None]]:
    """All settled items in the order of their names, with what their records' receipts prove."""
    for item, checked in state.items():
        yield Item(item.name, item.sha256, policy.judge(item.outcome, item.sha256, checked), item.report), checked


def write_items(state: State, policy: AuditPolicy, folder: Path, *, full: bool) -> tuple[Totals, dict[str, Written]]:
    """Writes items.csv and items.jsonl; with `full` reports.jsonl, which has whole reports. Raises StoreUnavailable."""
    totals = Totals()
    with (
        writing(folder / ITEMS_CSV) as table,
        writing(folder / ITEMS_JSONL) as lines,
        writing(folder / REPORTS_JSONL if full else None) as reports,
    ):
        rows = csv.writer(table, lineterminator="\r\n")
        rows.writerow(COLUMNS)
        for item, checked in judged_items(state, policy):
            totals.add(item)
            rows.writerow(map(cell, _row(item, checked)))
            lines.write(json_line(item))
            if full and item.report is not None and (body := state.report(item.report)) is not None:
                reports.write(f'{{"path":{_json(shown(item.name))},"report":{body}}}\n')
    written = {ITEMS_CSV: table.written(), ITEMS_JSONL: lines.written()}
    return totals, written | ({REPORTS_JSONL: reports.written()} if full else {})


def json_line(item: Item) -> str:
    """An item as one line of JSON, at most `MAX_LINE_BYTES` long."""
    outcome = item.outcome
    told = {
        "bucket": outcome.bucket.value,
        "also": list(outcome.also),
        "reason": outcome.reason,
        "sha256": item.sha256,
        "record": outcome.record,
        "index": outcome.index,
        "others": outcome.others,
    }
    said = {name: value for name, value in told.items() if value not in (None, [])}
    rest = _json({name: value for name, value in said.items() if (name, value) != ("others", 0)})
    room = MAX_LINE_BYTES - len(rest.encode()) - len('{"path":,"cut":true,"detail":,\n')
    path, detail = shown(item.name), printable(outcome.detail)
    fitting = _fitting(path, room - min(room // 2, len(_json(detail).encode())) if detail else room)
    cut = "" if fitting == path else ',"cut":true'
    why = f',"detail":{_json(_fitting(detail, room - len(_json(fitting).encode())))}' if detail else ""
    return f'{{"path":{_json(fitting)}{cut},{rest[1:-1]}{why}}}\n'


def _fitting(text: str, room: int) -> str:
    """The text, without its middle if as JSON it has more than `room` bytes."""
    keep = len(text)
    fitting = text
    while len(_json(fitting).encode()) > room and keep > 1:
        keep = min(keep - 1, int(keep * 0.9))
        fitting = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
    return fitting


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _row(item: Item, checked: CheckedRecord | None) -> tuple[object, ...]:
    outcome, facts = item.outcome, {} if checked is None else checked.facts
    return (
        *(shown(item.name), outcome.bucket.value, " ".join(outcome.also), outcome.reason, printable(outcome.detail)),
        *(item.sha256, outcome.record, outcome.index, outcome.others or None),
        *(facts.get("publisher"), printable(facts.get("title") or "")),
    )


def cell(value: object) -> str:
    """Text that a spreadsheet shows and does not run: an apostrophe stands before what would begin a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if _is_guarded(text) else text


def text_of(cell: str) -> str:
    """The text that `cell` was made of."""
    return cell[1:] if cell.startswith("'") and _is_guarded(cell) else cell


def _is_guarded(text: str) -> bool:
    """Apostrophes before a formula count with it, so that no two texts make the same cell."""
    return text.lstrip("'").startswith(_FORMULA)


# The page -----------------------------------------------------------------------------------------


def write_page(state: State, policy: AuditPolicy, folder: Path, totals: Totals, about: Mapping[str, Any]) -> Written:
    """Writes report.html: one file that loads nothing, and works without a server. `about` is the summary so far."""
    style, script, page = (
        Path(__file__).with_name(f"report.{kind}").read_text("utf-8") for kind in ("css", "js", "html")
    )
    before, _, after = page.partition("<!-- data -->")
    kept = {"digest": _csp_digest(script), "style": style, "totals": _totals(totals, about)}
    kept |= {name: html.escape(text) for name, text in SENTENCES.audit.items()}
    for name, text in kept.items():
        before = before.replace(f"<!-- {name} -->", text)
    with writing(folder / REPORT_HTML) as file:
        file.write(before)
        known = {"about": about, "languages": {each: _catalogue(words) for each, words in CATALOGUES.items()}}
        file.write(f'<script type="application/json" id="about">{_in_script(known)}</script>\n')
        file.write('<script type="application/json" id="items">[\n')
        left, pictured, comma = MAX_PAGE_ITEMS, 0, ""
        pictures: dict[str, dict[str, str]] = {}
        for wanted in (None,) if totals.items <= left else (True, False):
            for item, checked in judged_items(state, policy):
                if left == 0:
                    break
                if wanted not in (None, _is_finding(item, policy)):
                    continue
                left -= 1
                file.write(comma + _in_script(_page_row(item, checked)))
                comma = ",\n"
                if item.report is not None and pictured < MAX_PAGE_PICTURE_BYTES and item.sha256 not in pictures:
                    found = state.pictures(item.sha256 or "")
                    pictured += sum(map(len, found.values()))
                    if found:
                        pictures[item.sha256 or ""] = {kind: _data_url(data) for kind, data in found.items()}
        file.write("\n]</script>\n")
        file.write(f'<script type="application/json" id="pictures">{_in_script(pictures)}</script>\n')
        file.write(f"<script>{script}</script>")
        file.write(after)
    return file.written()


def _catalogue(words: Sentences) -> dict[str, object]:
    """What the page says in a language: it is in that of its reader, in English without scripts."""
    return {"words": words.audit, "buckets": words.buckets, "reasons": words.reasons}


def _is_finding(item: Item, policy: AuditPolicy) -> bool:
    return bool({item.outcome.bucket.value, *item.outcome.also} & {*policy.fail, *policy.incomplete})


def _page_row(item: Item, checked: CheckedRecord | None) -> list[object]:
    """As report.js reads it."""
    outcome, facts = item.outcome, {} if checked is None else checked.facts
    return [
        *(shown(item.name), outcome.bucket.value, outcome.reason or 0, outcome.detail or 0, list(outcome.also) or 0),
        *(item.sha256 or 0, outcome.record or 0, outcome.index, outcome.others),
        *(facts.get("publisher") or 0, printable(facts.get("title") or "") or 0),
    ]


def _totals(totals: Totals, about: Mapping[str, Any]) -> str:
    """The numbers as rows of a table: what is there without scripts, and on paper."""
    rows = [
        f"<tr data-bucket={name}><th scope=row>{words['label']}</th>"
        f"<td>{totals.buckets[name]:,}</td><td>{words['means']}</td></tr>"
        for name, words in SENTENCES.buckets.items()
        if totals.buckets[name]
    ]
    if about["pending"]:
        rows.append(
            f"<tr><th scope=row data-word=not_asked>{SENTENCES.audit['not_asked']}</th><td>{about['pending']:,}</td>"
            f"<td data-word=ended_before>{SENTENCES.audit['ended_before']}</td></tr>"
        )
    return "\n".join(rows)


def _in_script(value: object) -> str:
    """JSON that no HTML parser takes for the end of a script or a comment."""
    return _json(value).translate(_UNSAFE_IN_SCRIPT)


def _csp_digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _data_url(data: bytes) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


# Files --------------------------------------------------------------------------------------------


class _Output(io.TextIOBase):
    """A text file that is hashed while it is written."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file, self._digest, self._size = file, hashlib.sha256(), 0
        self._waiting: list[str] = []

    def write(self, text: str) -> int:
        self._waiting.append(text)
        if len(self._waiting) >= 1_000:
            self.flush()
        return len(text)

    def flush(self) -> None:
        data = "".join(self._waiting).encode()
        self._waiting.clear()
        if self._file is not None:
            self._digest.update(data)
            self._size += len(data)
            self._file.write(data)

    def written(self) -> Written:
        return Written(self._digest.hexdigest(), self._size)


@contextmanager
def writing(path: Path | None) -> Iterator[_Output]:
    """A file that is there as a whole or not at all; None: nothing is written. Raises StoreUnavailable."""
    if path is None:
        yield _Output(None)
        return
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            output = _Output(file)
            yield output
            output.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror or error}") from error
