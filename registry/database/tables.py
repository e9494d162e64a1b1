"""The tables: what the registry keeps, one class per row.

Times are integers of milliseconds since 1970 UTC; digests, hashes and keys are raw bytes. `Entry`, `RecordRow` and
`WithheldRecord` are the truth (with the log's tiles as their public shape); publishers, keys, changes of the log's
keys, assets, withdrawals, events, derivations, local features and resemblances are views that can be rebuilt from
them, and `registry.usecases.maintenance.fsck` compares the two.
"""

from typing import ClassVar

from sqlalchemy import BigInteger, Dialect, Index, Integer, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

# A 64-bit integer everywhere; SQLite makes only a column of the very type INTEGER the key of its B-tree.
Int64 = BigInteger().with_variant(Integer, "sqlite")

# Of partial indexes; the migrations make the same on PostgreSQL, whose dialect is not loaded for a mention of it.
_COSIGNED = text("cosigned_at_ms IS NOT NULL")
_STAMPED = text("timestamp IS NOT NULL")
_WAITING = text("method IS NULL")


class Bytes(LargeBinary):
    """Bytes as the drivers take them: wrapping each value first costs a batch of entries a sixth of its time."""

    def bind_processor(self, dialect: Dialect) -> None:
        """None: nothing is done to a value."""
        return


SQLModel.model_config["defer_build"] = True  # rows are not validated
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Entry(SQLModel, table=True):
    """A log entry: the statement at an index, its RFC 6962 leaf hash, and when the sequencer took it."""

    __tablename__ = "entry"

    index: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    leaf_hash: bytes = Field(sa_type=Bytes)
    statement: bytes = Field(sa_type=Bytes)
    record_id: bytes = Field(sa_type=Bytes)
    logged_at_ms: int = Field(sa_type=Int64)


class RecordRow(SQLModel, table=True):
    """A record's canonical JSON under its SHA-256, with the index of the entry that states it.

    `canonical` is empty where the content was erased.
    """

    __tablename__ = "record"

    record_id: bytes = Field(primary_key=True, sa_type=Bytes)
    index: int = Field(sa_type=Int64)
    type: str
    canonical: bytes = Field(sa_type=Bytes)


class Publisher(SQLModel, table=True):
    """Who vouches for media: its slug and name, and by whom and how its identity was established."""

    __tablename__ = "publisher"

    id: str = Field(primary_key=True)
    name: str
    established: str
    detail: str


class PublisherKeyRow(SQLModel, table=True):
    """A publisher's signing key, valid for the entries with enrolled_index < index < ended_index.

    `revoked_index` is where it was revoked: where it ended, or later, for a key that had been replaced before.
    `invalid_since_ms` is the earliest time since when it may have been in other hands, and `invalid_since_index` the
    revocation that states it: a later one may tell more than the first.
    """

    __tablename__ = "publisher_key"

    kid: bytes = Field(primary_key=True)
    publisher_id: str = Field(foreign_key="publisher.id", index=True)
    algorithm: str
    public_raw: bytes
    enrolled_index: int = Field(sa_type=Int64)
    ended_index: int | None = Field(default=None, sa_type=Int64)
    end_reason: str | None = None
    revoked_index: int | None = Field(default=None, sa_type=Int64)
    invalid_since_ms: int | None = Field(default=None, sa_type=Int64)
    invalid_since_index: int | None = Field(default=None, sa_type=Int64)


class LogKeyRow(SQLModel, table=True):
    """An entry that changes the keys of the log."""

    __tablename__ = "log_key"

    index: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})


class Asset(SQLModel, table=True):
    """A registered asset, as lookups need it. `index` is also its number in the other views.

    `private_blob_sha256`: the publisher's own signed copy, where it is another than everybody's. `copy_public`: whether
    anybody gets the signed copy and its manifest; None while that was not determined.
    """

    __tablename__ = "asset"
    __table_args__: ClassVar[tuple[UniqueConstraint | Index, ...]] = (
        UniqueConstraint("index"),
        UniqueConstraint("claims_digest"),
        Index(None, "publisher_id", "index"),
    )

    record_id: bytes = Field(primary_key=True)
    index: int = Field(sa_type=Int64)
    publisher_id: str = Field(foreign_key="publisher.id")
    media_sha256: bytes = Field(index=True)
    signed_sha256: bytes | None = Field(default=None, index=True)
    pixels_sha256: bytes = Field(index=True)
    signed_pixels_sha256: bytes | None = Field(default=None, index=True)
    manifest_id: str | None = Field(default=None, index=True)
    claims_digest: bytes
    title: str | None = None
    credit: str | None = None
    media_type: str
    width: int
    height: int
    phash: bytes
    pdq: bytes
    pdq_quality: int
    sketch_sha256: bytes = Field(index=True)
    thumbnail_sha256: bytes = Field(index=True)
    signed_blob_sha256: bytes | None = None
    manifest_blob_sha256: bytes | None = None
    private_blob_sha256: bytes | None = Field(default=None, index=True)
    copy_public: bool | None = None
    logged_at_ms: int = Field(sa_type=Int64)


class Withdrawal(SQLModel, table=True):
    """The publisher took a registration back: `target` is the record id of the asset."""

    __tablename__ = "withdrawal"

    index: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    target: bytes = Field(index=True)
    reason: str


class SealedAsset(SQLModel, table=True):
    """A sealed registration: the columns of `Asset` that do not follow from its record.

    It is in no other view until it is revealed, so that no public query can find it.
    """

    __tablename__ = "sealed_asset"
    __table_args__: ClassVar[tuple[UniqueConstraint | Index, ...]] = (
        UniqueConstraint("index"),
        UniqueConstraint("claims_digest"),
        Index(None, "publisher_id", "index"),
    )

    record_id: bytes = Field(primary_key=True)
    index: int = Field(sa_type=Int64)
    publisher_id: str = Field(foreign_key="publisher.id")
    claims_digest: bytes
    sketch_sha256: bytes = Field(index=True)
    thumbnail_sha256: bytes = Field(index=True)
    signed_blob_sha256: bytes | None = Field(default=None, index=True)
    manifest_blob_sha256: bytes | None = None
    private_blob_sha256: bytes | None = None
    copy_public: bool | None = None
    logged_at_ms: int = Field(sa_type=Int64)


class Derivation(SQLModel, table=True):
    """A public registration (`child`) names another record (`parent`) as what it was made from.

    `supersedes`: it says that it stands in that one's place, which counts where both are of one publisher.
    """

    __tablename__ = "derivation"

    parent: bytes = Field(primary_key=True)
    child: bytes = Field(primary_key=True, index=True)
    supersedes: bool = False


class Event(SQLModel, table=True):
    """The entry at `index` states a record of this type about the record `target`.

    Disputes, answers (about the registration that is disputed), reveals, recorded verdicts, and erasures; withdrawals
    have a table of their own.
    """

    __tablename__ = "event"

    target: bytes = Field(primary_key=True)
    index: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    type: str

    __table_args__: ClassVar[tuple[Index, ...]] = (Index(None, "type", "index"),)


class PendingDeletion(SQLModel, table=True):
    """Something that an erasure has still to delete: see `pending_deletions`."""

    __tablename__ = "remnant"

    record_id: bytes = Field(primary_key=True)
    object: str = Field(primary_key=True)


class WithheldRecord(SQLModel, table=True):
    """The entry at an index states a record that its publisher kept: its SHA-256 is all that is known of it."""

    __tablename__ = "withheld_record"

    record_id: bytes = Field(primary_key=True, sa_type=Bytes)
    index: int = Field(unique=True, sa_type=Int64)


class CheckpointRow(SQLModel, table=True):
    """A signed checkpoint that was published: the note, byte for byte, with the cosignatures that came in so far.

    `cosigned_at_ms` is when the quorum of witnesses was reached, `timestamp` an RFC 3161 token over the note's text.
    """

    __tablename__ = "checkpoint"
    __table_args__: ClassVar[tuple[Index, ...]] = (
        Index("ix_checkpoint_cosigned", "size", sqlite_where=_COSIGNED),
        Index("ix_checkpoint_timestamp", "size", sqlite_where=_STAMPED),
    )

    size: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    note: bytes
    signed_at_ms: int = Field(sa_type=Int64)
    cosigned_at_ms: int | None = Field(default=None, sa_type=Int64)
    timestamp: bytes | None = None


class LogHead(SQLModel, table=True):
    """The head of the log, one row: size, last time, and the frontier's hashes (32 bytes each, largest subtree first).

    It is locked by whoever gives indices, and changes in the same transaction as the entries. `registrations` is the
    number of rows of `Asset`, which change in such transactions alone.
    """

    __tablename__ = "log_head"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=Int64)
    logged_at_ms: int = Field(sa_type=Int64)
    frontier: bytes
    registrations: int = Field(default=0, sa_type=Int64, sa_column_kwargs={"server_default": "0"})


class LogLeader(SQLModel, table=True):
    """Who signs for the log, one row: `epoch` grows with each election, `beat` while the leader lives."""

    __tablename__ = "log_leader"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    epoch: int = Field(sa_type=Int64)
    beat: int = Field(sa_type=Int64)


class ApiKey(SQLModel, table=True):
    """An API key: its readable prefix and the SHA-256 of its secret. `scopes` are space-separated words."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True)
    prefix: str = Field(unique=True)
    digest: bytes
    name: str
    scopes: str
    publisher_id: str | None = Field(default=None, foreign_key="publisher.id")
    created_at_ms: int = Field(sa_type=Int64)
    expires_at_ms: int | None = Field(default=None, sa_type=Int64)
    last_used_at_ms: int | None = Field(default=None, sa_type=Int64)
    revoked_at_ms: int | None = Field(default=None, sa_type=Int64)


class IdempotencyRow(SQLModel, table=True):
    """The answer that a request with this Idempotency-Key got, so that its repetition gets the same."""

    __tablename__ = "idempotency"

    key: str = Field(primary_key=True)
    api_key_id: str = Field(primary_key=True)
    request_digest: bytes
    status: int
    response: bytes
    created_at_ms: int = Field(index=True, sa_type=Int64)


class IdempotencyClaim(SQLModel, table=True):
    """An Idempotency-Key whose first request still runs, in whichever process: `holder` has it until its lease ends."""

    __tablename__ = "idempotency_claim"

    key: str = Field(primary_key=True)
    api_key_id: str = Field(primary_key=True)
    holder: str
    until_ms: int = Field(sa_type=Int64)


class QuotaDay(SQLModel, table=True):
    """A day (YYYY-MM-DD, UTC) on which quotas are counted: `salt` keys the pseudonyms of that day's subjects."""

    __tablename__ = "quota_day"

    day: str = Field(primary_key=True)
    salt: bytes


class QuotaUse(SQLModel, table=True):
    """Units of a quota that a subject has used on a day: a client address, or an API key, under its pseudonym."""

    __tablename__ = "quota_use"

    day: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    subject: bytes = Field(primary_key=True)
    units: int = Field(sa_type=Int64)


class Upload(SQLModel, table=True):
    """Media that was uploaded ahead of its registration: by a publisher, or an API key that is bound to none."""

    __tablename__ = "upload"

    owner: str = Field(primary_key=True)
    sha256: bytes = Field(primary_key=True, index=True)
    size: int = Field(sa_type=Int64)
    created_at_ms: int = Field(index=True, sa_type=Int64)


class PreparedRegistration(SQLModel, table=True):
    """A registration that waits for the signature of its publisher, until it expires: its record, and `draft`, JSON.

    What is to be stored of the picture lies under names of its own (`registry.usecases.prepared`). `completed`: it was
    signed and registered; the row then answers whoever asks again.
    """

    __tablename__ = "prepared_registration"
    __table_args__: ClassVar[tuple[UniqueConstraint, ...]] = (UniqueConstraint("owner", "claims_digest"),)

    record_id: bytes = Field(primary_key=True)
    owner: str
    claims_digest: bytes
    media_sha256: bytes = Field(index=True)
    canonical: bytes
    draft: str
    completed: bool = False
    expires_at_ms: int = Field(index=True, sa_type=Int64)


class VerificationRow(SQLModel, table=True):
    """A verification report (JSON bytes) that is kept until `kept_until_ms`; None: for ever.

    `report` is empty where it told of a registration whose content was erased. `heat_blob` is the overlay of a report
    from before each match had its own.
    """

    __tablename__ = "verification"

    id: str = Field(primary_key=True)
    created_at_ms: int = Field(index=True, sa_type=Int64)
    report: bytes
    heat_blob: bytes | None = Field(default=None, index=True)
    kept_until_ms: int | None = Field(default=None, index=True, sa_type=Int64)


class ShownRecord(SQLModel, table=True):
    """A report shows a registration, as a match or beside one: an erasure finds the report by it."""

    __tablename__ = "shown_record"
    __table_args__: ClassVar[dict[str, bool]] = {"sqlite_with_rowid": False}

    record_id: bytes = Field(primary_key=True)
    verification_id: str = Field(primary_key=True, foreign_key="verification.id", index=True)


class VerificationOverlay(SQLModel, table=True):
    """Where a picture that was looked up differs from a record: the blob of its overlay."""

    __tablename__ = "verification_overlay"

    verification_id: str = Field(primary_key=True, foreign_key="verification.id")
    record_id: bytes = Field(primary_key=True)
    blob: bytes = Field(index=True)


class LocalFeaturesRow(SQLModel, table=True):
    """The local features of an asset (`provenance.media.local_features.CODE`); `asset` is `Asset.index`."""

    __tablename__ = "local_features"

    asset: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    codes: bytes


class FeatureGeneration(SQLModel, table=True):
    """How often all local features were made anew (`index rebuild`): row 1, none before the first time. While they are
    made, row 2 has in its place the log index up to which they are."""

    __tablename__ = "feature_generation"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    generation: int = Field(sa_type=Int64)


class ComparedAsset(SQLModel, table=True):
    """How far a public registration has been compared with those before it; `asset` is `Asset.index`.

    `method` is None while it waits; a process may have claimed it until `claimed_until_ms`. `left_out`: JSON, what
    the search did not look at, and why. `whole`: the index of the registration that this one is a rendition of, by the
    same publisher; its own index otherwise.
    """

    __tablename__ = "compared_asset"
    __table_args__: ClassVar[tuple[Index, ...]] = (Index("ix_compared_asset_waiting", "asset", sqlite_where=_WAITING),)

    asset: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    whole: int = Field(sa_type=Int64)
    method: str | None = None
    left_out: str = "[]"
    claimed_until_ms: int = Field(default=0, sa_type=Int64)


class Resemblance(SQLModel, table=True):
    """One registration resembles an older one; both are `Asset.index`. What comparing the two gave is kept here.

    `value`: of the registration axis. `differs_inside`: something within what both show differs. `detail` says it in
    words; `comparison`: JSON, as a report has it, where they were compared.
    """

    __tablename__ = "resemblance"

    newer: int = Field(primary_key=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    older: int = Field(primary_key=True, index=True, sa_type=Int64, sa_column_kwargs={"autoincrement": False})
    value: str
    differs_inside: bool
    detail: str
    comparison: str | None = None
