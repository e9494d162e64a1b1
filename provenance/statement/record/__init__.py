"""Records: what a publisher or operator states, as canonical JSON (RFC 8785).

Every record has `type`, `version` (1), `salt` and `claimed_at`, and the fields of its type; docs/reference/records.md
lists them. Digests are lower-case hexadecimal; salts, keys and signatures are base64url without padding; an absent
value is an absent field, never null or empty. Unknown fields are kept; an unknown type or version is refused.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias, get_args

from provenance.errors import MalformedRecord
from provenance.limits import MAX_RECORD_BYTES
from provenance.statement.appearance_digest import AppearanceDigest
from provenance.statement.canonical_json import Json, canonical_json, parse_canonical
from provenance.statement.codec import choice, integer, read_object, take, write_object
from provenance.statement.handover import Handover
from provenance.statement.keys import PublicKey
from provenance.statement.record.assets import AssetRegistered, AssetRevealed, AssetWithdrawn, RecordErased
from provenance.statement.record.disputes import AssetDisputed, DisputeAnswered, VerdictRecorded, is_open
from provenance.statement.record.facts import (
    SUPERSEDES,
    CredentialFacts,
    Description,
    MediaFacts,
    Parent,
    SketchFacts,
    record_id,
    record_urn,
)
from provenance.statement.record.keys import Identity, PublisherKey
from provenance.statement.record.log import LogFrozen, LogGenesis, LogKey

__all__ = [
    "RECORD_VERSION",
    "SUPERSEDES",
    "AppearanceDigest",
    "AssetDisputed",
    "AssetRegistered",
    "AssetRevealed",
    "AssetWithdrawn",
    "CredentialFacts",
    "Description",
    "DisputeAnswered",
    "Handover",
    "Identity",
    "LogFrozen",
    "LogGenesis",
    "LogKey",
    "MediaFacts",
    "Parent",
    "PublicKey",
    "PublisherKey",
    "Record",
    "RecordErased",
    "SketchFacts",
    "VerdictRecorded",
    "is_open",
    "parse_record",
    "record_id",
    "record_urn",
    "to_canonical",
    "to_json",
]

Record: TypeAlias = (
    LogGenesis
    | LogKey
    | LogFrozen
    | PublisherKey
    | AssetRegistered
    | AssetWithdrawn
    | AssetDisputed
    | DisputeAnswered
    | AssetRevealed
    | VerdictRecorded
    | RecordErased
)

RECORD_VERSION = 1
"""The version of every record type; a change that old readers would misunderstand gets a new one."""

_CLASSES: dict[str, Callable[..., Record]] = {cls.TYPE: cls for cls in get_args(Record)}


def to_json(record: Record) -> dict[str, Json]:
    """The record as a JSON object, unknown fields included.

    Raises:
        MalformedRecord: a time without zone or with a fraction of a second.
    """
    return {**write_object(record), "type": record.TYPE, "version": RECORD_VERSION}


def to_canonical(record: Record) -> bytes:
    """The bytes that are hashed, signed and kept; read back once, so that nothing is written which cannot be read.

    Raises:
        MalformedRecord: `parse_record` would refuse these bytes, or read another record from them.
    """
    data = canonical_json(to_json(record))
    if parse_record(data) != record:
        raise MalformedRecord(f"{record.TYPE}: an unknown field stands in the way of a known one, or is not JSON")
    return data


_REMEMBERED_RECORDS = 256
"""Records that stay parsed: proofs of one publisher's pictures share its key records and the genesis record. At
`MAX_RECORD_BYTES` each they take 16 MB, and usually 1 MB."""


@functools.lru_cache(maxsize=_REMEMBERED_RECORDS)
def parse_record(data: bytes) -> Record:
    """The record that has exactly these canonical bytes.

    Raises:
        MalformedRecord: not canonical JSON within `limits`, an unknown type or version, or a field that is missing
            or not acceptable; the message names the field.
    """
    members = parse_canonical(data, limit=MAX_RECORD_BYTES)
    cls = _CLASSES[take(members, "type", choice(tuple(_CLASSES)))]
    take(members, "version", integer(RECORD_VERSION, RECORD_VERSION))
    record = read_object(cls, members)
    record.check()
    return record
