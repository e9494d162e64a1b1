"""Features: recall and time of the search by local features among modelled distractors, beside the search as it was.

Registered are the photographs that report and the distractors, in the files of a shard; asked for are altered copies of
30 of the photographs. `fits`: the photographs that thresholds may be fitted on, in place of those that report.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

from bench.scale.described import Described, Query
from bench.scale.distractors import MODELS
from provenance.media.local_features import LocalFeatures
from registry.search import segment, voting
from registry.search import shard as shards
from registry.search.inverted_file import MAX_PROPOSED, WORTH
from registry.search.shard import Shard
from registry.search.voting import Proposal


def search_alone(
    pictures: Described, model: str, size: int, *, every: int = 1, plain: bool = False, fits: bool = False
) -> dict[str, float]:
    """What `recall` says of a registry of this size; `plain`: searched as it was; `every`: one in so many queries."""
    registered = [each for each in pictures.registered if each.fits is fits]
    place = {each.sha256: index for index, each in enumerate(registered)}
    queries = [each for each in pictures.queries if each.fits is fits][::every]
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="countermark-bench-")))
        if plain:
            held.enter_context(plain_words())
        started = time.process_time()
        shard = filled(folder, rows(pictures, model, size, fits=fits))
        built = time.process_time() - started
        return {"built_seconds": built, **recall(shard, queries, place)}


def rows(pictures: Described, model: str, number: int, *, fits: bool) -> Iterator[list[tuple[int, bytes]]]:
    """Registrations as rows: (log index, features). The photographs come first, in the order of `pictures`."""
    real = [each.codes for each in pictures.registered if each.fits is fits]
    yield list(enumerate(real))
    index = len(real)
    for made in MODELS[model](pictures.pool, number - len(real)):
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


def recall(shard: Shard, queries: Sequence[Query], place: Mapping[str, int]) -> dict[str, float]:
    """What is found, and milliseconds of processor time of one search in two mirror states.

    `place`: the log index of each photograph, by its SHA-256.
    """
    times, whole, first, with_parts, number, left_out = [], 0, 0, 0, [], 0
    for query in queries:
        wanted = place[query.sha256]
        started = time.thread_time()
        found, cut = shard.propose(query.whole)
        times.append((time.thread_time() - started) * 1000)
        worth = [each for each in found if each.score >= WORTH * found[0].score]
        number.append(len(worth))
        left_out += cut > 0
        seen = [each.index for each in worth[:MAX_PROPOSED]]
        whole += wanted in seen
        first += seen[:1] == [wanted]
        with_parts += wanted in seen or any(wanted in proposed(shard, part) for part in query.parts)
    return {
        "queries": len(queries),
        "whole": whole,
        "first": first,
        "with_parts": with_parts,
        "search_ms": statistics.median(times),
        "search_p95_ms": float(np.quantile(times, 0.95)),
        "proposed": statistics.median(number),
        "searches_cut": left_out,
    }


@contextmanager
def plain_words() -> Iterator[None]:
    """Search as it was before lists were divided: one a word, votes up to 20 bits apart, any number of pairs."""
    with (
        mock.patch.object(segment, "LIST", 1 << 40),
        mock.patch.object(voting, "MAX_APART", 20),
        mock.patch.object(shards, "propose", partial(voting.propose, most=1 << 40)),
    ):
        yield
