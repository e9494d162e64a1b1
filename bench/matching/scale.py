"""Scale: how long a search by hash takes, and what it holds in memory, from ten thousand to ten million codes.

The codes are random: a search's work depends on how many there are. Each query is a code with 31 bits flipped.
"""

import gc
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.database import Session, Store
from registry.search.codes import BITS, PDQ, RADIUS, CodeMatrix, Codes
from registry.search.multi_index import MAX_TAIL, MultiIndex
from registry.search.scan import MAX_SCANNED, NearestScan

ORIENTATIONS = 8
ROUNDS = 100
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Scale:
    """One index at one size; milliseconds of processor time.

    Attributes:
        index: "multi-index" or "scan".
        one, one_late: median and 95th percentile of a search for one hash; eight, eight_late: for eight orientations.
        megabytes: what the process grew by.
        build: seconds to fill it; merge: to take in as many new ones as are compared one by one.
    """

    index: str
    codes: int
    one: float
    one_late: float
    eight: float
    eight_late: float
    megabytes: float | None
    build: float
    merge: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class _Random(Codes):
    """Codes that no store holds: the first `shown` of them."""

    def __init__(self, shown: int, spare: int) -> None:
        super().__init__(PDQ)
        self._all = np.empty((shown + spare, BITS // 8), np.uint8)
        generator = np.random.default_rng(shown)
        for start in range(0, len(self._all), _BLOCK):
            block = self._all[start : start + _BLOCK]
            block[:] = generator.integers(0, 256, block.shape, np.uint8)
        self._places = np.arange(len(self._all))
        self.shown = shown

    def catch_up(self, _session: Session) -> CodeMatrix:
        return CodeMatrix(self._all[: self.shown], self._places[: self.shown])


def count(sizes: Sequence[int]) -> int:
    """How many measurements `scales` makes."""
    return sum(1 + (size <= MAX_SCANNED) for size in sizes)


def scales(sizes: Sequence[int]) -> Iterator[Scale]:
    """Measure every index at the sizes it is meant for."""
    with tempfile.TemporaryDirectory(prefix="countermark-bench-") as folder:
        store = Store.open(Path(folder) / "empty")
        try:
            for size in sizes:
                yield _in_memory(store, size, "multi-index", MultiIndex)
                if size <= MAX_SCANNED:
                    yield _in_memory(store, size, "scan", NearestScan)
        finally:
            store.close()


def _in_memory(store: Store, size: int, name: str, index_of: Callable[[Any], Any]) -> Scale:
    gc.collect()
    before = _resident()
    codes = _Random(size, MAX_TAIL + 1)
    index = index_of(codes)
    with store.read() as session:
        built = _timed(lambda: index.candidates(session, [bytes(32)], 100))
        times = _searches(lambda hashes: index.candidates(session, hashes, 100), codes.catch_up(session).codes)
        grown = _resident() - before
        merge = None
        if index_of is MultiIndex:
            codes.shown += MAX_TAIL + 1
            merge = _timed(lambda: index.candidates(session, [bytes(32)], 100))
    return Scale(name, size, *times, round(grown, 1), round(built / 1000, 2), merge and round(merge / 1000, 2))


def _searches(search: Callable[[list[bytes]], object], codes: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    generator = np.random.default_rng(1)
    quantiles: list[float] = []
    for orientations in (1, ORIENTATIONS):
        times = []
        for _ in range(ROUNDS):
            bits = np.unpackbits(codes[generator.integers(len(codes))])
            bits[generator.choice(BITS, RADIUS, replace=False)] ^= 1
            asked = [np.packbits(bits).tobytes(), *(secrets.token_bytes(32) for _ in range(orientations - 1))]
            times.append(_timed(lambda asked=asked: search(asked)))
        quantiles += [statistics.median(times), float(np.quantile(times, 0.95))]
    one, one_late, eight, eight_late = (round(each, 3) for each in quantiles)
    return one, one_late, eight, eight_late


def _timed(function: Callable[[], object]) -> float:
    started = time.thread_time()
    function()
    return (time.thread_time() - started) * 1000


def _resident() -> float:
    """Megabytes of this process in memory (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
