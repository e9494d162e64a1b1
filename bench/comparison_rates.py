"""What the comparison finds in altered photographs, and how often it errs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.alterations import COPIES, FRAMED
from bench.comparison_cases import Area, Case, Photograph, copies, edits, looked_at
from bench.edits import AREA_BUCKETS, EDIT_KINDS, WARP_KINDS
from bench.intervals import proportion
from provenance.media.calibration import Model, ReferenceKind
from provenance.media.comparison.comparison import Laid, draw_comparison

FOUND = 0.1
"""Fraction of an edit's pixels that must be reported for it to count as found."""

REPORTING: list[Photograph] = []
"""The photographs that report: set before processes are forked."""


@dataclass(frozen=True)
class Outcome:
    """What comparing one altered picture gave. `named_moved`: the largest region found is said to be moved."""

    photograph: str
    kind: str
    area: Area | None
    verified: bool
    alarmed: bool = False
    found: bool = False
    overlap: float = 0.0
    named_moved: bool = False


def outcomes(models: dict[ReferenceKind, Model], number: int) -> list[tuple[ReferenceKind, Outcome]]:
    """Half the kinds of copies, in turn, and half the sizes of each kind of edit."""
    cases = (*copies(REPORTING[number], number % 2, 2), *edits(REPORTING, number, 2))
    return [(kind, outcome(case, laid, kind, models[kind])) for kind, case, laid in looked_at(cases)]


def outcome(case: Case, laid: Laid | None, kind: ReferenceKind, model: Model) -> Outcome:
    about = case.photograph.digest, case.kind, case.area
    if case.match is None or laid is None:
        return Outcome(*about, False)
    comparison = draw_comparison(case.match, laid, case.query, case.photograph.reference(kind), kind, model)
    regions = [region for region in comparison.regions if region.kind != "outside"]
    if case.mask is None or comparison.heat is None:
        return Outcome(*about, True, alarmed=bool(regions))
    pixels = comparison.heat > 12
    shared = int((pixels & case.mask).sum())
    found = shared >= FOUND * int(case.mask.sum())
    overlap = shared / max(1, int((pixels | case.mask).sum()))
    return Outcome(*about, True, bool(regions), found, overlap, bool(regions) and regions[0].kind == "moved")


def rates(measured: list[Outcome]) -> dict[str, Any]:
    """Rates of one kind of reference, by kind and size."""
    copied = [each for each in measured if each.area is None and each.verified]
    by_verified: dict[str, list[bool]] = defaultdict(list)
    for each in measured:
        by_verified[each.kind if each.area is None else f"edit: {each.kind}"].append(each.verified)
    least = sorted(((kind, round(float(np.mean(each)), 4)) for kind, each in by_verified.items()), key=lambda k: k[1])

    def of(kinds: Iterable[str], areas: Iterable[Area]) -> dict[str, Any]:
        chosen = [each for each in measured if each.kind in kinds and each.area in areas]
        overlaps = [each.overlap for each in chosen if each.found]
        return proportion(each.found for each in chosen) | {
            "iou_mean": round(float(np.mean(overlaps)), 3) if overlaps else None,
            "iou_median": round(float(np.median(overlaps)), 3) if overlaps else None,
        }

    large = [area for area in AREA_BUCKETS if area[0] >= 0.03]
    return {
        "verified": proportion(each.verified for each in measured) | {"least": dict(least[:5])},
        "false_alarms": proportion(each.alarmed for each in copied)
        | {"photographs_with_any": len({each.photograph for each in copied if each.alarmed})},
        "false_alarms_by_kind": {
            kind: proportion(each.alarmed for each in copied if each.kind == kind) for kind in (*COPIES, *FRAMED)
        },
        "edits_found": [{"area": list(area)} | of(EDIT_KINDS, [area]) for area in AREA_BUCKETS],
        "warps_found": [{"area": list(area)} | of(WARP_KINDS, [area]) for area in AREA_BUCKETS],
        "edits_found_from_3_percent": of(EDIT_KINDS, large),
        "warps_found_from_3_percent": of(WARP_KINDS, large),
        "found_by_kind": {
            kind: [{"area": list(area)} | of([kind], [area]) for area in AREA_BUCKETS]
            for kind in (*EDIT_KINDS, *WARP_KINDS)
        },
        "named_moved": {
            "warps": proportion(each.named_moved for each in measured if each.found and each.kind in WARP_KINDS),
            "edits": proportion(each.named_moved for each in measured if each.found and each.kind in EDIT_KINDS),
        },
    }
