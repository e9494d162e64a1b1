"""How many templates with other content are taken for a match, and how many copies of them are not.

    python -m bench.template_rates

Drawn by the generators that report (`bench.templates`), around photographs that report: no threshold was chosen on
either.
Writes provenance/media/template_rates.json, in about two minutes.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.alterations import COPIES, FRAMED, Pixels
from bench.intervals import wilson
from bench.photographs import photographs
from bench.templates import REPORTING, pairs
from provenance.media.calibration import ReferenceKind
from provenance.media.canonical import shrink
from provenance.media.comparison import compare
from provenance.media.sketch import draw_sketch

OUTPUT = Path(__file__).parents[1] / "provenance" / "media" / "template_rates.json"
EACH = 12
"""Templates of each kind."""

SEED = 7


def _matches(query: Pixels, registered: Pixels, kind: ReferenceKind) -> bool:
    """Whether a comparison says that a picture shows a registered one, and not its layout alone."""
    stored = shrink(registered, 512)
    original = None if kind == "sketch" else lambda: stored
    comparison = compare(shrink(query, 512), draw_sketch(stored).pixels, original)
    return comparison.verified and not comparison.layout_only


def template_rates(photographs: Sequence[Pixels], kind: ReferenceKind, each: int = EACH) -> dict[str, Any]:
    """Of templates with other content those that match, by kind; and of copies of templates those that do."""
    random, alter = np.random.default_rng(SEED), list({**COPIES, **FRAMED}.values())
    taken: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    copies = 0
    for name, query, registered in pairs(REPORTING, photographs, each, SEED):
        drawn[name] += 1
        taken[name] += _matches(query, registered, kind)
        copies += _matches(alter[int(random.integers(len(alter)))](registered, random), registered, kind)
    accepted, n = taken.total(), drawn.total()
    return {
        "accepted": accepted,
        "n": n,
        "upper": wilson(accepted, n)[1],
        "accepted_by_kind": {name: taken[name] for name in drawn if taken[name]},
        "copies_that_match": copies,
        "copies": n,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=EACH, help="templates of each kind")
    parser.add_argument("--photographs", type=int, default=24, help="that are put into them")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    reporting = [listed for listed in photographs() if not listed.fits][: arguments.photographs]
    pictures = [listed.pixels(1024) for listed in reporting]
    kinds: tuple[ReferenceKind, ...] = ("sketch", "stored picture")
    rates = {kind: template_rates(pictures, kind, arguments.each) for kind in kinds}
    arguments.output.write_text(json.dumps(rates, indent=1) + "\n", "utf-8")
    print(json.dumps(rates, indent=1))


if __name__ == "__main__":
    main()
