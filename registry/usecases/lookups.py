"""Lookups: which registrations the digests of many files lead to, as a verification of each would find them.

Nothing is stored, and no receipt is made: a client fetches those of the records that it is led to.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from provenance.answers import Lookup, LookupBucket, LookupMatch, Lookups
from provenance.errors import InvalidRequest
from provenance.limits import MAX_BUCKET_DIGESTS, MAX_LOOKUP_MATCHES, MAX_LOOKUPS, MIN_BUCKET
from provenance.transparency.checkpoint import stated_size
from provenance.verification.axes import Standing
from provenance.verification.findings.resemblance import belongs_in_a_headline
from provenance.verification.findings.standing import gravest
from provenance.verification.registrations import in_turns
from registry.database import Session, assets, heads, resemblances
from registry.database.assets import Holder
from registry.registry import Registry
from registry.search.codes import MIN_QUALITY
from registry.usecases.resemblances import older_of_others
from registry.usecases.standing import applying

BYTES, PIXELS, PDQ, PHASH = "bytes", "pixels", "pdq", "phash"
_PROVEN_FIRST = (BYTES, PIXELS, PDQ, PHASH)


@dataclass(frozen=True)
class Digests:
    """What a client has computed of one file: 32 bytes each, but 8 of the pHash; the PDQ's quality is 0 to 100."""

    sha256: bytes
    pixels_sha256: bytes | None = None
    pdq: bytes | None = None
    pdq_quality: int = 0
    phash: bytes | None = None

    def searchable(self, kind: str) -> bytes | None:
        """The fingerprint of a kind; None where there is none, or the picture is too plain to search by it."""
        plain = self.pdq is not None and self.pdq_quality < MIN_QUALITY
        return None if plain else self.pdq if kind == PDQ else self.phash


@dataclass(frozen=True)
class Hit:
    """A registration that digests lead to. `distance`: of a fingerprint, in bits."""

    holder: Holder
    basis: str
    distance: int | None = None


def look_up(registry: Registry, asked: Sequence[Digests]) -> Lookups:
    """What each of the files leads to, in their order. Raises StoreUnavailable, StoreCorrupt."""
    note = registry.sequencer.checkpoint()
    with registry.store.read() as session:  # after the checkpoint was read, so that it has all that this covers
        items = _Search(registry, session, stated_size(note)).run(asked)
    return Lookups(items=items, checkpoint=note.decode())


def prefix_digits(registry: Registry) -> int:
    """Hex digits of a prefix: as many as leave `MIN_BUCKET` registrations under one on average; 0 for none."""
    with registry.store.read() as session:
        buckets = heads.served(session).registrations // MIN_BUCKET
    return max(0, (buckets.bit_length() - 1) // 4)


def list_bucket(registry: Registry, prefix: str) -> LookupBucket:
    """The registered files whose SHA-256 begins with a prefix, and what each leads to.

    Raises InvalidRequest for a prefix of another length than `prefix_digits`; StoreUnavailable, StoreCorrupt.
    """
    digits = prefix_digits(registry)
    if len(prefix) != digits:
        raise InvalidRequest(
            f"A prefix has {digits} hex digits in this registry now: see /.well-known/countermark.json."
        )
    first, last = (bytes.fromhex(prefix.ljust(64, filling)) for filling in "0f")
    note = registry.sequencer.checkpoint()
    size = stated_size(note)
    with registry.store.read() as session:
        named = assets.digests_between(session, first, last, size, MAX_BUCKET_DIGESTS + 1)
        search = _Search(registry, session, size)
        found = [
            each
            for start in range(0, min(len(named), MAX_BUCKET_DIGESTS), MAX_LOOKUPS)
            for each in search.run(
                [Digests(sha256) for sha256 in named[start : min(start + MAX_LOOKUPS, MAX_BUCKET_DIGESTS)]]
            )
        ]
    return LookupBucket(
        prefix=prefix,
        items=tuple(each for each in found if each.matches),
        complete=len(named) <= MAX_BUCKET_DIGESTS,
        checkpoint=note.decode(),
    )


class _Search:
    """Lookups in one snapshot, among the registrations with index < size: those that are published."""

    def __init__(self, registry: Registry, session: Session, size: int) -> None:
        self._registry = registry
        self._session = session
        self._size = size
        self._by_bytes: dict[bytes, list[Holder]] = {}
        self._by_pixels: dict[bytes, list[Holder]] = {}

    def run(self, asked: Sequence[Digests]) -> tuple[Lookup, ...]:
        """What each of the files leads to."""
        session, bounds = self._session, (self._size, MAX_LOOKUP_MATCHES + 1)
        self._by_bytes = assets.holders_of_files(session, {each.sha256 for each in asked}, *bounds)
        self._by_pixels = assets.holders_of_pixels(session, set().union(*map(self._pixels, asked)), *bounds)
        found = [self._exact(each) for each in asked]
        unsettled = [place for place, hits in enumerate(found) if not hits]
        for place, leads in zip(unsettled, self._leads([asked[place] for place in unsettled]), strict=True):
            found[place] = leads
        holders = [hit.holder for hits in found for hit in hits[:MAX_LOOKUP_MATCHES]]
        indices = {holder.index for holder in holders}
        self._became = applying(session, holders)
        self._compared = resemblances.compared_among(session, indices)
        hiding = resemblances.hiding(session, indices)
        self._hiding = assets.by_index(session, hiding)
        return tuple(self._lookup(each, hits) for each, hits in zip(asked, found, strict=True))

    def _pixels(self, digests: Digests) -> set[bytes]:
        """Of registered bytes, the records state what their pixels are."""
        stated = {holder.pixels for holder in self._by_bytes.get(digests.sha256, ())}
        return stated or ({digests.pixels_sha256} if digests.pixels_sha256 is not None else set())

    def _exact(self, digests: Digests) -> list[Hit]:
        """At most one more than are listed; of each publisher one first."""
        hits = {each.record_id: Hit(each, BYTES) for each in self._by_bytes.get(digests.sha256, ())}
        for pixels in sorted(self._pixels(digests)):
            for each in self._by_pixels.get(pixels, ()):
                hits.setdefault(each.record_id, Hit(each, PIXELS))
        found = list(hits.values())
        return [found[place] for place in in_turns([hit.holder.publisher_id for hit in found])]

    def _leads(self, asked: Sequence[Digests]) -> list[list[Hit]]:
        """Registrations with a near fingerprint: of each publisher the nearest first, by PDQ before pHash."""
        near: list[dict[int, tuple[str, int]]] = [{} for _ in asked]
        for basis, index in ((PDQ, self._registry.multi_index), (PHASH, self._registry.phashes)):
            hashes = [(place, code) for place, each in enumerate(asked) if (code := each.searchable(basis)) is not None]
            found = index.near_each(self._session, [code for _, code in hashes])
            for (place, _), each in zip(hashes, found, strict=True):
                for log_index, distance in each:
                    near[place].setdefault(log_index, (basis, distance))
        known = assets.holders_at(self._session, {index for each in near for index in each if index < self._size})
        leads = [[Hit(known[index], *how) for index, how in each.items() if index in known] for each in near]
        return [[each[place] for place in in_turns([hit.holder.publisher_id for hit in each])] for each in leads]

    def _lookup(self, digests: Digests, hits: Sequence[Hit]) -> Lookup:
        shown = hits[:MAX_LOOKUP_MATCHES]
        records = {hit.holder.record_id for hit in shown}
        contested = self._contested(digests, shown)
        matches = [
            LookupMatch(
                record=hit.holder.record_id.hex(),
                index=hit.holder.index,
                publisher=hit.holder.publisher_id,
                basis=hit.basis,
                distance=hit.distance,
                standing=self._standing(hit.holder.record_id, contested).value,
                older=self._older(hit, records),
                compared=hit.holder.index in self._compared,
            )
            for hit in shown
        ]
        return Lookup(
            sha256=digests.sha256.hex(),
            matches=tuple(sorted(matches, key=_rank)),
            more=len(hits) > len(shown),
        )

    def _standing(self, record_id: bytes, contested: Collection[bytes]) -> Standing:
        rivals = {Standing.CONFLICTING_CLAIMS} if record_id in contested else set()
        return gravest(self._became[record_id] | rivals)

    def _contested(self, digests: Digests, hits: Sequence[Hit]) -> Collection[bytes]:
        """The records among the hits that claim the content as other publishers do."""
        exact = {hit.holder.record_id: hit.holder.publisher_id for hit in hits if hit.distance is None}
        if len(set(exact.values())) < 2:  # of each publisher one is listed first
            return ()
        claims = assets.claims(self._session, [digests.sha256], self._pixels(digests), exact)
        return claims.keys() if len(set(claims.values())) > 1 else ()

    def _older(self, hit: Hit, listed: Collection[bytes]) -> str | None:
        """The older registration that a report would lead with, of which nothing is said where it is listed itself."""
        row = self._hiding.get(hit.holder.index) if hit.distance is None else None
        known = () if row is None else older_of_others(self._session, row).items
        named = (each for each in known if belongs_in_a_headline(each) and each.record_id not in listed)
        older = next(named, None)
        return None if older is None else older.record_id.hex()


def _rank(match: LookupMatch) -> tuple[int, int, bool, int]:
    """As `provenance.verification.ranking` ranks what is known of them here."""
    taken_back = match.standing in (Standing.WITHDRAWN, Standing.SUPERSEDED)
    return _PROVEN_FIRST.index(match.basis), match.distance or 0, taken_back, match.index
