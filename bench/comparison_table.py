"""The table of `docs/explanation/matching.md`, from what the last calibration measured.

python -m bench.comparison_table
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CALIBRATION = Path(__file__).parents[1] / "provenance" / "media" / "calibration.json"
DOCUMENT = Path(__file__).parents[1] / "docs" / "explanation" / "matching.md"
BEGIN, END = "<!-- rates: python -m bench.comparison_table -->\n", "<!-- end of rates -->\n"

COLUMNS = {"sketch": "sketch alone", "stored picture": "and stored picture", "full detail": "and full detail"}

GROUPS = {
    "recoloured, also in hue alone up to the edges": ("recolour", "hue"),
    "re-synthesised (blurred, other noise, sharpened)": ("re-synthesis",),
    "background blurred, 30 to 85 % of the area": ("background blur",),
}
"""Kinds of edits that have a row of their own, from 3 % of the area."""


def table(document: dict[str, Any]) -> str:
    """Markdown rows of a calibration."""
    rates = {kind: document["references"][kind]["rates"] for kind in COLUMNS}
    lines = [f"| | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, cells in _rows(rates):
        lines.append(f"| {name} | {' | '.join(cells)} |")
    bursts = document["bursts"]
    lines.append(f'| other frames of one camera called "no difference" | {_cells(bursts)} |')
    lines += [f"| … of `{video}` | {_cells(each)} |" for video, each in bursts["videos"].items()]
    pairs = document["false_matches"]
    lines.append(f"| pairs of different photographs taken for one | {pairs['accepted']} of {pairs['n']:,} | | |")
    return "\n".join(lines) + "\n"


def _rows(rates: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for rows, what in (("edits_found", "edits"), ("warps_found", "local warps")):
        for number, row in enumerate(rates["sketch"][rows]):
            low, high = row["area"]
            yield (
                f"{what} over {100 * low:g} to {100 * high:g} % of the area found",
                [_share(each[rows][number]) for each in rates.values()],
            )
    for name, kinds in GROUPS.items():
        yield f"{name}, from 3 %" if "area" not in name else name, [_of(each, kinds) for each in rates.values()]
    alarms = [_share(each["false_alarms"], places=1) for each in rates.values()]
    yield "copies without an edit that show a difference", alarms
    overlaps = [each["edits_found_from_3_percent"]["iou_mean"] for each in rates.values()]
    yield (
        "overlap of what is drawn with what was edited (IoU, edits from 3 %)",
        ["–" if each is None else f"{each:.2f}" for each in overlaps],
    )


def _of(rates: dict[str, Any], kinds: tuple[str, ...]) -> str:
    rows = [rates["found_by_kind_from_3_percent"][kind] for kind in kinds]
    n = sum(row["n"] for row in rows)
    found = sum(round(row["rate"] * row["n"]) for row in rows if row["n"])
    return _share({"n": n, "rate": found / n if n else None})


def _cells(bursts: dict[str, Any]) -> str:
    return " | ".join(_share(bursts[kind]) if kind in bursts else "–" for kind in COLUMNS)


def _share(row: dict[str, Any], places: int = 0) -> str:
    return f"{100 * row['rate']:.{places}f} % of {row['n']:,}" if row["n"] else "–"


def main() -> None:
    text = DOCUMENT.read_text("utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    rows = table(json.loads(CALIBRATION.read_text("utf-8")))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{rows}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
