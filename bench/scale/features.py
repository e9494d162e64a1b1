"""Features: recall, time and memory of the search by local features among modelled distractors.

    python -m bench.scale.features --model clumped 10000 100000

Registered are the photographs that report and the distractors, in the files of a shard; asked for are altered copies of
30 of the photographs. Milliseconds of processor time, of one search in two mirror states; only their ratios within one
run say anything. `--fit`: the photographs that thresholds may be fitted on, in place of those that report.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.scale.described import Described, Query, described
from bench.scale.distractors import MODELS
from provenance.media.local_features import Codes, LocalFeatures, as_codes
from registry.search.inverted_file import MAX_PROPOSED, WORTH
from registry.search.shard import Shard
from registry.search.voting import Proposal


def rows(pictures: Described, model: str, number: int, *, fits: bool) -> Iterator[list[tuple[int, bytes]]]:
    """Registrations as rows: (log index, features). The photographs come first, in the order of `pictures`."""
    real = [each.codes for each in pictures.registered if each.fits is fits]
    yield list(enumerate(real))
    pool: list[Codes] = [as_codes(codes) for codes, _, _ in pictures.others]
    index = len(real)
    for made in MODELS[model](pool, number - len(real)):
        yield [(index + place, codes.tobytes()) for place, codes in enumerate(made)]
        index += len(made)


def filled(folder: Path, batches: Iterator[Sequence[tuple[int, bytes]]]) -> Shard:
    """A shard of these registrations."""
    shard, end = Shard(folder), 0
    with shard.tending():
        for batch in batches:
            shard.add(end, end + len(batch), batch)
            end += len(batch)
            while shard.tend():
                pass
    return shard


def proposed(shard: Shard, features: LocalFeatures) -> list[int]:
    """What is compared: publishers' turns aside."""
    found: list[Proposal] = shard.propose(features)[0]
    return [each.index for each in found if each.score >= WORTH * found[0].score][:MAX_PROPOSED]


def measure(shard: Shard, queries: Sequence[Query], place: dict[str, int]) -> str:
    """One line: recall and time of the queries."""
    times, whole, first, with_parts, number = [], 0, 0, 0, []
    for query in queries:
        wanted = place[query.sha256]
        started = time.thread_time()
        found = shard.propose(query.whole)[0]
        times.append((time.thread_time() - started) * 1000)
        worth = [each for each in found if each.score >= WORTH * found[0].score]
        number.append(len(worth))
        seen = [each.index for each in worth[:MAX_PROPOSED]]
        whole += wanted in seen
        first += seen[:1] == [wanted]
        with_parts += wanted in seen or any(wanted in proposed(shard, part) for part in query.parts)
    return (
        f"{len(queries)} queries: whole {whole}, first {first}, with parts {with_parts}; "
        f"{statistics.median(times):.1f} / {np.quantile(times, 0.95):.1f} ms; proposed {statistics.median(number):.0f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale.features", description=__doc__)
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--model", choices=sorted(MODELS), default="free")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--queries", type=int, default=0, help="every so many of them alone; 0: all")
    asked = parser.parse_args()
    pictures = described()
    place = {
        each.sha256: index for index, each in enumerate(each for each in pictures.registered if each.fits is asked.fit)
    }
    queries = [each for each in pictures.queries if each.fits is asked.fit][:: asked.queries or 1]
    for size in asked.sizes:
        with tempfile.TemporaryDirectory(prefix="countermark-bench-") as folder:
            started = time.process_time()
            shard = filled(Path(folder), rows(pictures, asked.model, size, fits=asked.fit))
            built = time.process_time() - started
            bytes_each = sum(path.stat().st_size for path in Path(folder).glob("*.features")) / size
            print(f"{size:,} {asked.model}: built in {built:.1f} s, {bytes_each:,.0f} B each; ", end="", flush=True)
            print(measure(shard, queries, place), flush=True)


if __name__ == "__main__":
    main()
