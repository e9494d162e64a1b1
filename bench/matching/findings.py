"""Findings: what the rows of a run say, as proportions with their counts."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.intervals import wilson
from bench.matching.peers import HMA_THRESHOLD, PEERS
from bench.matching.queries import Row

FALSE_MATCH_RATE = 1e-5
"""Of pairs of different pictures: what each peer's threshold may let through in this run."""

Hashes = Mapping[str, Mapping[str, str]]
"""The peers' hashes (hexadecimal) by photograph and peer."""


@dataclass(frozen=True)
class Proportion:
    """`hits` of `n`, with the 95 % interval (Wilson 1927)."""

    hits: int
    n: int

    @property
    def rate(self) -> float:
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        low, high = wilson(self.hits, self.n)
        return low, high

    @classmethod
    def of(cls, outcomes: Iterable[bool]) -> "Proportion":
        counted = list(outcomes)
        return cls(sum(counted), len(counted))


def upper_bound(n: int) -> float:
    """The 95 % upper bound of a rate of which none was seen in `n` (exact binomial, one-sided)."""
    return -math.expm1(math.log(0.05) / n) if n else 1.0


@dataclass(frozen=True)
class Method:
    """A way of finding, ours or a peer's, judged query by query: whether the photograph's own record was found."""

    name: str
    found: Callable[[Row], bool]


@dataclass(frozen=True)
class PeerThreshold:
    """A peer at a threshold, in bits, and the pairs of different pictures within it."""

    name: str
    bits: int
    threshold: int
    false: int
    pairs: int


def ours() -> tuple[Method, Method]:
    """What is reported as a match; and what was compared at all, which bounds it."""
    return (
        Method("Countermark", lambda row: row.photograph in row.matched),
        Method("compared", lambda row: row.photograph in row.compared),
    )


def peers(rows: Sequence[Row], originals: Hashes) -> tuple[list[Method], list[PeerThreshold]]:
    """Each peer at its largest threshold within `FALSE_MATCH_RATE`, and PDQ at the threshold that HMA uses."""
    order = sorted(originals)
    place = {sha256: number for number, sha256 in enumerate(order)}
    different = np.ones((len(rows), len(order)), bool)
    for number, row in enumerate(rows):
        different[number, [place[each] for each in (row.photograph, *row.shown)]] = False
    methods, thresholds = [], []
    for peer in PEERS:
        known = np.stack([_bits(originals[sha256][peer.name]) for sha256 in order])
        asked = np.stack([_bits(row.peers[peer.name]) for row in rows])
        apart = np.stack([(known != each).sum(1) for each in asked])
        own = {id(row): int(apart[number, place[row.photograph]]) for number, row in enumerate(rows)}
        false = np.sort(apart[different])
        chosen = int(false[int(FALSE_MATCH_RATE * len(false))]) - 1
        for name, threshold in [(peer.name, chosen)] + ([("PDQ, HMA", HMA_THRESHOLD)] if peer.name == "PDQ" else []):
            within = int(np.searchsorted(false, threshold, side="right"))
            thresholds.append(PeerThreshold(name, peer.bits, threshold, within, len(false)))
            methods.append(Method(name, lambda row, own=own, threshold=threshold: own[id(row)] <= threshold))
    return methods, thresholds


def _bits(digest: str) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bytes.fromhex(digest), np.uint8))


def by_transform(rows: Iterable[Row], method: Method) -> dict[str, Proportion]:
    """The method's recall in each transform, of registered photographs."""
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        if row.registered:
            outcomes[row.transform].append(method.found(row))
    return {transform: Proportion.of(each) for transform, each in outcomes.items()}


def mean(recalls: Mapping[str, Proportion]) -> Proportion:
    """Over all transforms; each is asked for every photograph, so that the pooled rate is their mean."""
    return Proportion(sum(each.hits for each in recalls.values()), sum(each.n for each in recalls.values()))


@dataclass(frozen=True)
class Wrong:
    """False matches.

    Attributes:
        queries, pairs: registered photographs' queries, and (query, other registered picture) pairs they make.
        matches: pairs among them that were reported as a match.
        strangers: queries of unregistered photographs; accepted: those that were given any match.
        compared: pairs of different pictures that came to a comparison, in either kind of query.
    """

    queries: int
    pairs: int
    matches: tuple[tuple[str, str, str], ...]
    strangers: int
    accepted: tuple[tuple[str, str, str], ...]
    compared: int


def wrong(rows: Sequence[Row], registered: int) -> Wrong:
    """`registered`: pictures in a fold's registry."""
    known = [row for row in rows if row.registered]
    strangers = [row for row in rows if not row.registered]
    return Wrong(
        queries=len(known),
        pairs=sum(registered - len(row.shown) for row in known),
        matches=_false(known),
        strangers=len(strangers),
        accepted=_false(strangers),
        compared=sum(len(set(row.compared) - set(row.shown)) for row in rows),
    )


def _false(rows: Iterable[Row]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (row.transform, row.photograph, match) for row in rows for match in row.matched if match not in row.shown
    )


def quantiles(rows: Iterable[Row]) -> dict[str, tuple[int, float, float]]:
    """Of each stage: queries that had it, and the median and 95th percentile of its milliseconds."""
    times: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for stage, milliseconds in row.milliseconds.items():
            times[stage].append(milliseconds)
    return {stage: (len(each), *np.quantile(each, (0.5, 0.95)).tolist()) for stage, each in times.items()}
