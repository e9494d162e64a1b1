"""Lookups: which registrations digests lead to, for many at once. Nothing of them is stored."""

from dataclasses import dataclass
from typing import Annotated

from provenance.answers.fields import Answer, Digest, Doc, RecordId, Values


@dataclass(frozen=True, kw_only=True)
class LookupMatch(Answer):
    """A registration that digests lead to. Its receipt proves what the record states without this service."""

    record: RecordId
    index: int
    publisher: Annotated[str, Doc("The publisher's id.")]
    basis: Annotated[
        str,
        Values("bytes", "pixels", "pdq", "phash"),
        Doc(
            "`bytes`: the file, or its signed copy. `pixels`: every decoded pixel; transparency and colour profile may "
            "differ. `pdq`, `phash`: a near fingerprint, which is a lead and no match."
        ),
    ]
    distance: Annotated[int | None, Doc("Of a fingerprint: how many bits differ.")]
    standing: Annotated[str, Doc("What has become of the record, as in a report.")]
    older: Annotated[
        str | None,
        Doc(
            "Record of another publisher's older registration, inside which something differs: a report leads with it."
        ),
    ]
    compared: Annotated[bool, Doc("Whether it has been compared with all older registrations yet.")]


@dataclass(frozen=True, kw_only=True)
class Lookup(Answer):
    """What one file's digests lead to: matches, or else leads. An exact match comes before one by pixels."""

    sha256: Digest
    matches: tuple[LookupMatch, ...]
    more: Annotated[bool, Doc("Further registrations match; of each publisher one is listed first.")]


@dataclass(frozen=True, kw_only=True)
class Lookups(Answer):
    """Lookups in the order in which they were asked, under the checkpoint that covers them.

    That a registry has no registration of a file is its word: no proof shows it.
    """

    items: tuple[Lookup, ...]
    checkpoint: str


@dataclass(frozen=True, kw_only=True)
class LookupBucket(Answer):
    """The registered files whose SHA-256 begins with a prefix."""

    prefix: str
    items: tuple[Lookup, ...]
    complete: Annotated[bool, Doc("False: there are more than are listed; ask for the digest itself.")]
    checkpoint: str
