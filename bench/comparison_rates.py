"""What the comparison finds in altered photographs, and how often it errs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.alterations import COPIES, FRAMED
from bench.bursts import Pair
from bench.comparison_cases import REFERENCES, Area, Case, Photograph, copies, edits, large_copies, large_edits
from bench.edits import (
    AREA_BUCKETS,
    BACKGROUND_AREA,
    BACKGROUND_KINDS,
    EDIT_KINDS,
    SMALL_AREA,
    SMALL_KINDS,
    WARP_KINDS,
)
from bench.intervals import proportion
from provenance.media.calibration import Model, ReferenceKind
from provenance.media.canonical import shrink
from provenance.media.comparison.comparison import DetailPair, map_detail, match
from provenance.media.comparison.difference import evidence_map
from provenance.media.comparison.difference_map import DifferenceMap, map_differences, merge_maps, suspected_area
from provenance.media.comparison.geometry import Query
from provenance.media.sketch import draw_sketch

FOUND = 0.1
"""Fraction of an edit's pixels that must be reported for it to count as found."""

REPORTING: list[Photograph] = []
"""The photographs that report: set before processes are forked."""


COPIES_EACH = 4
LARGE_COPIES = 12
"""Every so many kinds of copies are made of a photograph; and are looked at in full detail."""


BURSTS: list[Pair] = []
"""Other frames of one camera, that report."""


@dataclass(frozen=True)
class Outcome:
    """What the looks at one altered picture gave together. `named_moved`: the largest region is said to be moved.
    `seen_with`: the looks that see something of the edit, or of a copy anything."""

    photograph: str
    kind: str
    area: Area | None
    verified: bool
    alarmed: bool = False
    found: bool = False
    overlap: float = 0.0
    named_moved: bool = False
    seen_with: tuple[ReferenceKind, ...] = ()


Outcomes = list[tuple[ReferenceKind, Outcome]]


def outcomes(models: Mapping[ReferenceKind, Model], number: int) -> Outcomes:
    """A quarter of the kinds of copies, in turn, and the edits; some of both at full detail."""
    photograph = REPORTING[number]
    ordinary = (*copies(photograph, number % COPIES_EACH, COPIES_EACH), *edits(REPORTING, number))
    large = (
        *large_copies(photograph, number % LARGE_COPIES, LARGE_COPIES),
        *large_edits(REPORTING, number, SMALL_KINDS, SMALL_AREA),
    )
    found = [(kind, each) for case in ordinary for kind, each in joined(case, models)]
    return found + [(kind, each) for case in large for kind, each in joined(case, models) if kind == "full detail"]


def joined(case: Case, models: Mapping[ReferenceKind, Model]) -> Outcomes:
    """What the sketch alone shows; that and the stored picture, with what is suspected at full detail; all of them over
    the whole."""
    about = case.photograph.digest, case.kind, case.area
    found: Outcomes = []
    maps: list[DifferenceMap] = []
    for kind, measures in case.measures.items():
        maps.append(map_differences(kind, measures, evidence_map(measures, models[kind]), models[kind], 0.0))
        seen = list(maps)
        if kind == "stored picture" and not case.large and (wanted := suspected_area(maps)).any():
            detail = DetailPair(case.sent, case.photograph.large)
            closer = case.query, case.photograph.stored, case.pairs[kind], detail, wanted, models["full detail"]
            seen += map_detail(*closer)
        found.append((kind, outcome(case, seen)))
    kinds = [kind for kind in REFERENCES if case.large or kind != "full detail"]
    return found + [(kind, Outcome(*about, False)) for kind in kinds if kind not in case.measures]


def outcome(case: Case, maps: Sequence[DifferenceMap]) -> Outcome:
    about = case.photograph.digest, case.kind, case.area
    seen, heat = merge_maps(maps, (case.query.shape[0], case.query.shape[1]))
    kinds = tuple(dict.fromkeys(kind for each in seen for kind in each.seen_with))
    if case.mask is None:
        return Outcome(*about, True, alarmed=bool(seen), seen_with=kinds)
    pixels = heat > 12
    shared = int((pixels & case.mask).sum())
    found = shared >= FOUND * int(case.mask.sum())
    overlap = shared / max(1, int((pixels | case.mask).sum()))
    return Outcome(*about, True, bool(seen), found, overlap, bool(seen) and seen[0].moved, kinds)


def called_the_same(models: Mapping[ReferenceKind, Model], number: int) -> dict[ReferenceKind, bool]:
    """Whether another frame of the same camera is said to show no difference."""
    pair = BURSTS[number]
    canonical = shrink(pair.before, 512)
    sketch = draw_sketch(canonical).pixels
    frame = Photograph(pair.video, f"{pair.video} {number}", False, pair.before, pair.before, canonical, sketch)
    query = shrink(pair.after, 512)
    case = Case(frame, "burst", None, query, None, match(Query(query), sketch), pair.after)
    return {kind: each.verified and not each.alarmed for kind, each in joined(case, models)}


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
    sizes = [SMALL_AREA, *AREA_BUCKETS, BACKGROUND_AREA]
    everything = (*EDIT_KINDS, *SMALL_KINDS, *BACKGROUND_KINDS)
    return {
        "verified": proportion(each.verified for each in measured) | {"least": dict(least[:5])},
        "false_alarms": proportion(each.alarmed for each in copied)
        | {"photographs_with_any": len({each.photograph for each in copied if each.alarmed})},
        "false_alarms_by_kind": {
            kind: proportion(each.alarmed for each in copied if each.kind == kind) for kind in (*COPIES, *FRAMED)
        },
        "edits_found": [{"area": list(area)} | of(everything, [area]) for area in sizes],
        "warps_found": [{"area": list(area)} | of(WARP_KINDS, [area]) for area in AREA_BUCKETS],
        "edits_found_from_3_percent": of(EDIT_KINDS, large),
        "warps_found_from_3_percent": of(WARP_KINDS, large),
        "found_by_kind": {
            kind: [{"area": list(area)} | of([kind], [area]) for area in sizes if of([kind], [area])["n"]]
            for kind in (*everything, *WARP_KINDS)
        },
        "found_by_kind_from_3_percent": {
            kind: of([kind], [*large, BACKGROUND_AREA]) for kind in (*EDIT_KINDS, *BACKGROUND_KINDS, *WARP_KINDS)
        },
        "alarms_seen_with": dict(Counter(kind for each in copied if each.alarmed for kind in each.seen_with)),
        "named_moved": {
            "warps": proportion(each.named_moved for each in measured if each.found and each.kind in WARP_KINDS),
            "edits": proportion(each.named_moved for each in measured if each.found and each.kind in everything),
        },
    }
