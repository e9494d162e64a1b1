"""Scan: the nearest PDQ hashes by brute force, for what lies beyond the index's exact radius.

A caption or a light crop moves PDQ by 40 to 90 of its 256 bits (our measurement: 78 for 15 % cropped and
captioned), where multi-index hashing no longer reaches. All hashes lie in memory, and each search compares all of them.
Its candidates are compared like any others.
"""

from collections.abc import Sequence

import numpy as np

from registry.database import Session
from registry.search.codes import BITS, MIN_QUALITY, Candidate, Codes, as_candidates, as_matrix, distances
from registry.search.selection import EVERYTHING, choose, inside

REACH = 90
"""Bits. Of 70,707 pairs of an altered photograph and another one, none lay within 86 in any of eight orientations, 4
within 90 and 64 within 96: six in 100,000 at 90, tenfold with every five bits (bench/photographs.toml, ADR 36)."""

MAX_PROPOSED = 4
"""Candidates of one scan: the right one is nearly always the nearest, and each costs a comparison."""

MAX_SCANNED = 25_000
"""Registrations up to which a scan pays: it takes 5 ms for as many in eight orientations, and one or two of its four
places are strangers'. In 50,000 three or four are, each compared for nothing; local features find what it would."""


class NearestScan:
    """The nearest of all hashes in `codes`."""

    def __init__(self, codes: Codes) -> None:
        self._codes = codes

    def candidates(
        self, session: Session, hashes: Sequence[bytes], quality: int, within: range = EVERYTHING
    ) -> list[Candidate]:
        """At most `MAX_PROPOSED` registrations within `REACH` bits of any of `hashes`, the nearest first.

        None in a store of more than `MAX_SCANNED`.

        Args:
            session: on the store that is searched.
            hashes: 32 bytes each: the picture's PDQ in the orientations to try.
            quality: the picture's PDQ quality; below `MIN_QUALITY` there are no candidates.
            within: log indices of the registrations that are searched.
        """
        if quality < MIN_QUALITY or not hashes:
            return []
        stored = self._codes.catch_up(session)
        if len(stored.codes) > MAX_SCANNED:
            return []
        queries = as_matrix(hashes)
        nearest = np.full(len(stored.codes), BITS, dtype=np.int64)
        for number in range(len(queries)):  # one at a time: all at once would take 256 bytes a registration
            nearest = np.minimum(nearest, distances(stored.codes, queries[number : number + 1])[:, 0])
        chosen = np.flatnonzero((nearest <= REACH) & inside(stored.indices, within))
        chosen = chosen[np.lexsort((chosen, nearest[chosen]))]
        chosen = chosen[choose(session, stored.indices[chosen].tolist(), MAX_PROPOSED)]
        return as_candidates(session, stored.indices[chosen].tolist(), nearest[chosen].tolist())
