"""How many templates with other content are taken for a match, and how many copies of them are not.

    python -m bench.template_rates

Drawn by the generators that report (`bench.newsroom_templates`), around photographs that report: no threshold was
chosen on either. Edited photographs are counted beside them: what tells templates apart must not make a mere layout of
a photograph of which a part was replaced.
Writes provenance/media/template_rates.json, in some minutes.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.alterations import COPIES, FRAMED, Pixels, recompressed, resized
from bench.edits import edited
from bench.intervals import wilson
from bench.newsroom_templates import REPORTING
from bench.photographs import photographs
from bench.templates import pairs
from provenance.media.calibration import ReferenceKind
from provenance.media.canonical import shrink
from provenance.media.comparison import Comparison, compare
from provenance.media.sketch import draw_sketch

OUTPUT = Path(__file__).parents[1] / "provenance" / "media" / "template_rates.json"
EACH = 25
"""Templates of each kind."""

SEED = 7
KINDS: tuple[ReferenceKind, ...] = ("sketch", "stored picture")

REPLACED = ((0.05, 0.15), (0.15, 0.30), (0.30, 0.50))
"""Fractions of a photograph that an edit replaces."""

EDITS = ("paste", "removal", "text", "recolour")


@dataclass(frozen=True)
class Compared:
    """What comparing one query with its registered picture gave, by what that was compared with.

    Attributes:
        what: "other content", "copy" of a template, or "edited" photograph.
        kind: of template; for an edit, the fraction that was replaced, in words.
        matches: that the query is said to show the registered picture, and not its layout alone.
    """

    what: str
    kind: str
    matches: dict[ReferenceKind, bool]


def compared(photographs: Sequence[Pixels], each: int = EACH) -> Iterator[Compared]:
    """Templates with other content and copies of them, so many of each kind; then edited photographs."""
    random, alter = np.random.default_rng(SEED), list({**COPIES, **FRAMED}.values())
    for name, query, registered in pairs(REPORTING, photographs, each, SEED):
        yield Compared("other content", name, _matches(_sent(query, random), registered))
        copy = alter[int(random.integers(len(alter)))](registered, random)
        yield Compared("copy", name, _matches(copy, registered))
    for number, photograph in enumerate(photographs):
        donor = photographs[(number + 1) % len(photographs)]
        for low, high in REPLACED:
            kind, area = EDITS[int(random.integers(len(EDITS)))], float(random.uniform(low, high))
            drawn = edited(photograph, kind, area, donor, random)
            if drawn is not None:
                name = f"{100 * low:.0f} to {100 * high:.0f} % of a photograph"
                yield Compared("edited", name, _matches(_sent(drawn[0], random), photograph))


def _sent(pixels: Pixels, random: np.random.Generator) -> Pixels:
    return recompressed(resized(pixels, int(random.integers(700, 1100))), int(random.integers(60, 96)))


def _matches(query: Pixels, registered: Pixels) -> dict[ReferenceKind, bool]:
    stored = shrink(registered, 512)
    sketch, seen = draw_sketch(stored).pixels, shrink(query, 512)
    given: dict[ReferenceKind, Comparison] = {
        "sketch": compare(seen, sketch),
        "stored picture": compare(seen, sketch, lambda: stored),
    }
    return {kind: each.verified and not each.layout_only for kind, each in given.items()}


def rates(compared: Iterable[Compared], kind: ReferenceKind) -> dict[str, Any]:
    """Of templates with other content those that match, in all and by kind; of copies and edits those that do."""
    rows = list(compared)
    others = [each.matches[kind] for each in rows if each.what == "other content"]
    copies = [each.matches[kind] for each in rows if each.what == "copy"]
    return {
        "accepted": sum(others),
        "n": len(others),
        "upper": wilson(sum(others), len(others))[1],
        "accepted_by_kind": by_kind(rows, "other content", kind),
        "copies_that_match": sum(copies),
        "copies": len(copies),
        "edits_that_match": by_kind(rows, "edited", kind),
    }


def by_kind(rows: Iterable[Compared], what: str, kind: ReferenceKind) -> dict[str, list[int]]:
    """How many match, of how many, by kind of template or edit."""
    counted: dict[str, list[int]] = {}
    for each in rows:
        if each.what == what:
            count = counted.setdefault(each.kind, [0, 0])
            count[0] += each.matches[kind]
            count[1] += 1
    return counted


def reporting_pixels(most: int) -> list[Pixels]:
    """Photographs that report, 1,024 pixels a side."""
    return [listed.pixels(1024) for listed in [each for each in photographs() if not each.fits][:most]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=EACH, help="templates of each kind")
    parser.add_argument("--photographs", type=int, default=24, help="that are put into them, and edited")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = list(compared(reporting_pixels(arguments.photographs), arguments.each))
    measured = {kind: rates(rows, kind) for kind in KINDS}
    arguments.output.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")
    print(json.dumps([asdict(each) for each in rows if each.what == "other content" and any(each.matches.values())]))
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
