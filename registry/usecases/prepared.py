"""Prepared registrations: a publisher whose key never leaves its machine signs what the registry has prepared.

1. `prepare` examines the picture and makes the record, as for every registration, and keeps both for `LIFETIME`.
2. The publisher checks the record and signs it, elsewhere.
3. `complete` takes the signature, stores the picture's blobs, and logs the record.

Its owner may `discard` it before 3. Until 3 nothing is among the blobs, in a view or in the log. What waits lies under
names of its own, which begin with when they end ("prepared/<milliseconds>/<record>/<name>"): whatever a crash leaves
there is found and deleted by that.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography import x509

from provenance import answers
from provenance.claims import Claims
from provenance.errors import Conflict, InvalidRequest, NotFound, SignatureInvalid, StoreCorrupt
from provenance.statement.encodings import encode_base64url
from provenance.statement.keys import PublicKey
from provenance.statement.record import AssetRegistered, parse_record
from provenance.statement.statement import assemble_statement, signing_input
from registry.database import Session, entries
from registry.database import prepared as waiting
from registry.log.batch import Appended, FindDuplicate, WriteViews
from registry.registry import Registry
from registry.sandbox import Budget
from registry.sandbox.examination import describe_thumbnail
from registry.times import from_milliseconds, to_milliseconds
from registry.usecases import read as catalogue
from registry.usecases.access import Reader
from registry.usecases.draft import Contents, Draft, draft, find_known, state
from registry.usecases.register import Registered, log_draft, registered_before
from registry.usecases.statements import key_in_force, while_in_force

LIFETIME = timedelta(hours=1)
"""How long a registration waits for its signature: long enough for somebody to fetch the token that the key is on."""

MAX_WAITING = 256
"""Registrations of one owner that wait at once: four times what a client sends in parallel. Beyond it the oldest go."""

_FOLDER = "prepared"

_GONE = "no such prepared registration: its time has ended, or it made room for others. Prepare it again"


@dataclass(frozen=True, eq=False)
class Prepared:
    """A registration that waits. `draft` without what is stored of the picture."""

    record_id: bytes
    canonical: bytes
    claims_digest: bytes
    copy_public: bool
    metadata: answers.FileMetadata
    credential_signer: str | None
    expires_at_ms: int
    completed: bool

    @classmethod
    def of(cls, row: waiting.PreparedRegistration) -> "Prepared":
        """What a row says."""
        said = json.loads(row.draft)
        held = tuple(answers.HeldMetadata(**each) for each in said["metadata"].pop("held"))
        return cls(
            record_id=row.record_id,
            canonical=row.canonical,
            claims_digest=row.claims_digest,
            copy_public=said["copy_public"],
            metadata=answers.FileMetadata(held=held, **said["metadata"]),
            credential_signer=said["credential_signer"],
            expires_at_ms=row.expires_at_ms,
            completed=row.completed,
        )

    @property
    def record(self) -> AssetRegistered:
        """The record to sign. Raises StoreCorrupt."""
        found = parse_record(self.canonical)
        if not isinstance(found, AssetRegistered):
            raise StoreCorrupt("a prepared record is not a registration")
        return found

    def view(self, key: PublicKey) -> answers.PreparedRegistration:
        """As it is answered to the holder of a key."""
        return answers.PreparedRegistration(
            id=self.record_id.hex(),
            record=self.canonical.decode(),
            to_be_signed=encode_base64url(signing_input(self.canonical, key)),
            expires_at=from_milliseconds(self.expires_at_ms),
            metadata=self.metadata,
            credential_signer=self.credential_signer,
        )


def prepare(
    registry: Registry,
    *,
    path: Path,
    sha256: bytes,
    claims: Claims,
    publisher: str,
    owner: str,
    kid: bytes,
    budget: Budget | None = None,
) -> answers.PreparedRegistration | Registered:
    """Examine the file at `path`, and keep its registration until it is signed; the same one where it waits already.

    Args:
        path, sha256, claims, publisher, budget: as for `register`.
        owner: who may complete it (`Holder.owner`).
        kid: thumbprint of the key that is to sign.

    Returns:
        what is to be signed; or the registration, if the same exists already.

    Raises:
        KeyRefused: the key is not one in force of the publisher.
        MediaError, InvalidRequest, StoreUnavailable, StoreCorrupt: as `register`.
    """
    stated = state(registry, path=path, sha256=sha256, claims=claims, publisher=publisher, budget=budget)
    known = find_known(registry, stated)
    if known is not None:
        return registered_before(registry, known, publisher)
    with registry.store.read() as session:
        key = key_in_force(session, kid, publisher)
    before = _find_equal(registry, owner, stated.digest)
    if before is not None:
        return before.view(key)
    made = draft(registry, stated)
    return _keep(registry, made, owner).view(key)


def complete(registry: Registry, *, record: bytes, owner: str, kid: bytes, signature: bytes) -> Registered:
    """Log a prepared registration with the signature of its publisher; returns when it is published.

    One that is registered already is answered as such.

    Raises:
        NotFound: nothing of this owner waits under this record, or not any more.
        KeyRefused: the key is not one in force of the publisher.
        InvalidRequest: the signature does not verify.
        Conflict: the record was logged without its content.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    found = _find(registry, record, owner)
    stated = found.record
    with registry.store.read() as session:
        key = key_in_force(session, kid, stated.publisher)
        logged = bool(entries.with_records(session, [record]))
    try:
        statement = assemble_statement(found.canonical, key, signature)
    except SignatureInvalid as error:
        raise InvalidRequest(f"The record is not signed: {error}.") from error
    made = None if logged else _load(registry, found, stated)
    check = while_in_force(kid)

    def append(write_views: WriteViews, find_duplicate: FindDuplicate) -> Appended:
        def find(session: Session) -> bytes | None:
            check(session)
            return find_duplicate(session)

        return registry.sequencer.append(statement, found.canonical, write_views, find).result()

    try:
        if made is None:  # the answer to an earlier request was lost
            registry.sequencer.append(statement, found.canonical).result()  # waits until it is published
            asset = catalogue.asset(registry, record, Reader(stated.publisher))
            done = Registered(asset, created=False, metadata=found.metadata)
        else:
            done = log_draft(registry, made, append)
    except NotFound as error:  # its publisher has logged the statement alone, which then holds for good
        _drop(registry, found)
        raise Conflict("This record was logged without its content: prepare the registration again.") from error
    registry.store.write(partial(waiting.complete, record_id=record)).result()
    _delete_objects(registry, found)
    return done


def copy_of(registry: Registry, *, record: bytes, owner: str, public: bool) -> tuple[bytes, str]:
    """The signed copy that a prepared record names, and its media type: the publisher's own, or everybody's.

    Raises:
        NotFound: nothing of this owner waits under this record, or it has no copy.
        StoreUnavailable: it cannot be read now.
    """
    found = _find(registry, record, owner)
    get = registry.blobs.objects.get
    own = None if public else get(_name(found.expires_at_ms, record, "private"))
    copy = own or get(_name(found.expires_at_ms, record, "signed"))
    if copy is None:
        raise NotFound("this registration has no signed copy")
    return copy, found.record.media.media_type


def discard(registry: Registry, *, record: bytes, owner: str) -> None:
    """Delete what waits, with all that was stored of the picture for it.

    Raises:
        NotFound: nothing of this owner waits under this record, or not any more.
        Conflict: it was logged.
        StoreUnavailable: the registry cannot write now.
    """
    found = _find(registry, record, owner)
    with registry.store.read() as session:
        if entries.with_records(session, [record]):
            raise Conflict("This record is in the log, and stays there: withdraw the registration, or have it erased.")
    _drop(registry, found)


def forget(registry: Registry) -> None:
    """Delete what has expired. Raises StoreUnavailable."""
    now_ms = to_milliseconds(registry.clock())
    registry.store.write(partial(waiting.forget, now_ms=now_ms)).result()
    for name, _ in registry.blobs.objects.names(_FOLDER):
        ends = name.split("/")[1]
        if not ends.isdecimal() or int(ends) <= now_ms:
            registry.blobs.objects.delete(name)


def take_out(session: Session, media_sha256: bytes) -> list[str]:
    """Delete those of a file, which is erased; returns the names of the objects that go with them."""
    gone = waiting.of_media(session, media_sha256)
    names = [name for row in gone for name in _names(row.expires_at_ms, row.record_id)]
    for row in gone:
        waiting.remove(session, row.record_id)
    return names


def _find(registry: Registry, record: bytes, owner: str) -> Prepared:
    with registry.store.read() as session:
        row = waiting.find(session, record, owner, to_milliseconds(registry.clock()))
        if row is None:
            raise NotFound(_GONE)
        return Prepared.of(row)


def _find_equal(registry: Registry, owner: str, claims_digest: bytes) -> Prepared | None:
    with registry.store.read() as session:
        row = waiting.find_equal(session, owner, claims_digest, to_milliseconds(registry.clock()))
        return None if row is None else Prepared.of(row)


def _keep(registry: Registry, made: Draft, owner: str) -> Prepared:
    """Keeps a draft: first the objects, so that a row never lacks them. Raises StoreUnavailable."""
    expires_at_ms = to_milliseconds(registry.clock() + LIFETIME)
    for kind, content in _contents(made.contents):
        registry.blobs.objects.put(_name(expires_at_ms, made.record_id, kind), content)
    said = {
        "copy_public": made.copy_public,
        "metadata": asdict(made.metadata),
        "credential_signer": None if made.record.credential is None else _subject(registry),
    }
    row = waiting.row(
        record_id=made.record_id,
        owner=owner,
        claims_digest=made.claims_digest,
        media_sha256=made.record.media.sha256,
        canonical=made.canonical,
        draft=json.dumps(said),
        expires_at_ms=expires_at_ms,
    )
    kept = Prepared.of(row)

    def insert(session: Session) -> list[str]:
        gone = waiting.insert(session, row, MAX_WAITING)
        return [name for each in gone for name in _names(each.expires_at_ms, each.record_id)]

    try:
        for name in registry.store.write(insert).result():
            registry.blobs.objects.delete(name)
    except Conflict:  # another process prepared the same
        _delete_objects(registry, kept)
        before = _find_equal(registry, owner, made.claims_digest)
        if before is None:
            raise
        return before
    return kept


def _load(registry: Registry, found: Prepared, stated: AssetRegistered) -> Draft:
    """The draft, with what is to be stored. Raises NotFound, StoreCorrupt, StoreUnavailable."""
    get = registry.blobs.objects.get
    kept = {kind: get(_name(found.expires_at_ms, found.record_id, kind)) for kind in _KINDS}
    sketch, thumbnail = kept.pop("sketch"), kept.pop("thumbnail")
    if sketch is None or thumbnail is None:  # as after a restored backup
        _drop(registry, found)
        raise NotFound(_GONE)
    contents = Contents(sketch, thumbnail, **kept)
    credential = stated.credential
    named: list[tuple[bytes | None, bytes | None]] = [(contents.sketch, stated.sketch.sha256)]
    if credential is not None:
        named.append((contents.signed, None if credential.signed is None else credential.signed.sha256))
        named.append((contents.private, credential.private_sha256))
    if any(sha256 != (content and hashlib.sha256(content).digest()) for content, sha256 in named):
        raise StoreCorrupt("what was prepared for a registration has changed in the store")
    return Draft(
        record=stated,
        canonical=found.canonical,
        claims_digest=found.claims_digest,
        contents=contents,
        copy_public=found.copy_public,
        metadata=found.metadata,
        described=registry.sandbox.run(describe_thumbnail, thumbnail, digest=hashlib.sha256(thumbnail).digest()),
    )


def _drop(registry: Registry, found: Prepared) -> None:
    _delete_objects(registry, found)
    registry.store.write(partial(waiting.remove, record_id=found.record_id)).result()


def _delete_objects(registry: Registry, found: Prepared) -> None:
    for name in _names(found.expires_at_ms, found.record_id):
        registry.blobs.objects.delete(name)


_KINDS = tuple(each.name for each in fields(Contents))


def _contents(contents: Contents) -> Sequence[tuple[str, bytes]]:
    named = ((kind, getattr(contents, kind)) for kind in _KINDS)
    return [(kind, content) for kind, content in named if content is not None]


def _name(expires_at_ms: int, record: bytes, kind: str) -> str:
    return f"{_FOLDER}/{expires_at_ms}/{record.hex()}/{kind}"


def _names(expires_at_ms: int, record: bytes) -> list[str]:
    return [_name(expires_at_ms, record, kind) for kind in _KINDS]


def _subject(registry: Registry) -> str:
    """Whose certificate signs C2PA claims here."""
    leaf, *_ = x509.load_pem_x509_certificates(registry.keystore.claim_signer().chain_pem.encode())
    return leaf.subject.rfc4514_string()
