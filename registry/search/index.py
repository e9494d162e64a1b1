"""SimilarityIndex: which registrations may be copies of a picture, by its PDQ hash.

PDQ is the 256-bit perceptual hash of "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm" (Facebook, 2019). The search is multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in
Hamming Space with Multi-Index Hashing", CVPR 2012): a hash is cut into 16 chunks of 16 bits, and of
two hashes at most 31 bits apart at least one pair of chunks is at most 1 bit apart (16 × 2 = 32 > 31).
So looking up every chunk, and its 16 neighbours of one flipped bit, misses none within that radius.

The index only proposes candidates: a collision can be forged in 100 ms, so only a comparison decides on a match.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from provenance.errors import InvalidRequest
from registry.database import Asset, Session
from registry.database import pdq as rows
from registry.search.selection import EVERYTHING, choose

RADIUS = 31
"""Bits: PDQ's own recommended threshold, and the largest distance for which the search is exact."""

MIN_QUALITY = 50
"""PDQ quality (0-100): below it a picture has too little structure, and unrelated flat ones collide."""

MAX_CANDIDATES = 50
"""Candidates for the comparison, at 5 ms each; a collage of pictures with many registrations stays below it."""

BITS = 256
CHUNKS = 16
CHUNK_BITS = BITS // CHUNKS

PERMUTATION: NDArray[np.intp] = np.random.Generator(np.random.PCG64(20190801)).permutation(BITS)
"""Which bit of the hash stands at each place before it is cut. PDQ's neighbouring bits are neighbouring
frequencies and flip together; scattered, each chunk tells as much as any other. Fixed for ever by its seed (the
day PDQ was published) and by a test on its values: stored chunks depend on it."""

_FLIPS = np.concatenate([[0], 1 << np.arange(CHUNK_BITS)]).astype(np.int64)
_POSITIONS = np.arange(CHUNKS, dtype=np.int64) << CHUNK_BITS


@dataclass(frozen=True)
class Candidate:
    """A registration whose hash is near one of the query's.

    Attributes:
        record_id: the registration's record, 32 bytes.
        distance: bits that differ, 0 to the radius.
    """

    record_id: bytes
    distance: int


class SimilarityIndex:
    """Near-duplicate search over the registrations of one store: a view that `rebuild` makes again from them.

    It has no state of its own: its rows are in the store, written with the registration they belong to.
    """

    def add(self, session: Session, asset: Asset) -> None:
        """Add a registration, in the transaction that makes it public; one below `MIN_QUALITY` is left out."""
        if asset.pdq_quality >= MIN_QUALITY:
            rows.add_chunks(session, _as_pairs(np.array([asset.index], dtype=np.int64), as_matrix([asset.pdq])))

    def remove(self, session: Session, asset: Asset) -> None:
        """Remove a registration, in the transaction that erases it."""
        rows.remove_chunks(session, _as_pairs(np.array([asset.index], dtype=np.int64), as_matrix([asset.pdq])))

    def candidates(
        self,
        session: Session,
        hashes: Sequence[bytes],
        quality: int,
        *,
        radius: int = RADIUS,
        limit: int = MAX_CANDIDATES,
        within: range = EVERYTHING,
    ) -> list[Candidate]:
        """All registrations within `radius` bits of any of `hashes`, the nearest first, at most `limit` (`choose`).

        Args:
            session: on the store that is searched.
            hashes: 32 bytes each: the picture's PDQ in the orientations to try (`Fingerprints.pdq_dihedral`).
            quality: the picture's PDQ quality; below `MIN_QUALITY` there are no candidates.
            radius: 0 to `RADIUS`.
            limit: of equally distant ones, the earlier registrations stay.
            within: log indices of the registrations that are searched.

        Raises InvalidRequest for another radius, or hashes that are not 32 bytes.
        """
        if not 0 <= radius <= RADIUS:
            raise InvalidRequest(f"the index is exact up to {RADIUS} bits, not {radius}")
        if any(len(each) * 8 != BITS for each in hashes):
            raise InvalidRequest("a PDQ hash has 32 bytes")
        if quality < MIN_QUALITY or not hashes:
            return []
        queries = as_matrix(hashes)
        probed = rows.assets_by_chunks(session, _probes(queries))
        found = {index: each for index, each in probed.items() if index in within}
        if not found:
            return []
        indices = np.array(list(found), dtype=np.int64)
        records = list(found.values())
        nearest = distances(as_matrix([code for _, code in records]), queries).min(axis=1)
        order = [each for each in np.lexsort((indices, nearest)).tolist() if nearest[each] <= radius]
        chosen = choose(session, indices[order].tolist(), limit)
        return [Candidate(records[each][0], int(nearest[each])) for each in (order[place] for place in chosen)]

    def count(self, session: Session) -> int:
        """Number of registrations that a search covers."""
        return rows.count_indexed(session)

    def rebuild(self, session: Session) -> int:
        """Clear the index and fill it from the registrations, whose number it returns. Searches find the same."""
        rows.clear_chunks(session)
        count = 0
        for batch in rows.hashes_of_assets(session, MIN_QUALITY):
            indices = np.array([index for index, _ in batch], dtype=np.int64)
            rows.add_chunks(session, _as_pairs(indices, as_matrix([code for _, code in batch])))
            count += len(batch)
        return count


def as_matrix(hashes: Sequence[bytes]) -> NDArray[np.uint8]:
    """n hashes of b bytes as n×b; n > 0."""
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), len(hashes[0]))


def _chunks(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """n×32 bytes to n×16 chunk values, bits permuted."""
    bits = np.unpackbits(codes, axis=1).take(PERMUTATION, axis=1)
    return np.packbits(bits, axis=1).view(">u2").astype(np.int64)


def _as_pairs(indices: NDArray[np.int64], codes: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """(chunk key, asset index) of each chunk of each code, in the order of the table's key."""
    keys = (_chunks(codes) | _POSITIONS).ravel()
    assets = np.repeat(indices, CHUNKS)
    order = np.lexsort((assets, keys))
    return list(zip(keys[order].tolist(), assets[order].tolist(), strict=True))


def _probes(queries: NDArray[np.uint8]) -> list[int]:
    """The keys under which a hash near one of the queries must have a chunk: at most 272 a query, sorted."""
    values = _chunks(queries)[:, :, None] ^ _FLIPS
    keys: list[int] = np.unique(values | _POSITIONS[:, None]).tolist()
    return keys


def distances(codes: NDArray[np.uint8], queries: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Hamming distances, n codes × m queries."""
    differing = codes.view(np.uint64)[:, None, :] ^ queries.view(np.uint64)[None, :, :]
    apart: NDArray[np.int64] = np.bitwise_count(differing).sum(axis=2, dtype=np.int64)
    return apart
