"""Publishers and their keys: enrolled, replaced, revoked.

The operator attests whose key it is, and a signature proves possession of it. A key that replaces others is also signed
for by one of them (handover). The service makes and holds the keys, or the publisher does and sends the proofs.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from provenance import answers
from provenance.errors import Conflict, InvalidRequest, NotFound, SignatureInvalid
from provenance.message import Message
from provenance.statement.handover import Handover, hand_over, prove_possession, verify_possession
from provenance.statement.keys import Algorithm, PublicKey
from provenance.statement.record import Identity, PublisherKey
from registry.database import Session, publishers
from registry.registry import Registry
from registry.usecases import read as catalogue
from registry.usecases.append import append_record, new_salt, publisher_signer


@dataclass(frozen=True)
class OwnKey:
    """A key held by its publisher: the public key, and the proofs that this service cannot make.

    Attributes:
        possession: `statement.possession`, 64 bytes.
        handover: `statement.handover` by the key that is replaced, if the publisher holds that one.
    """

    key: PublicKey
    possession: bytes
    handover: Handover | None = None


def enrol_publisher(registry: Registry, *, publisher: str, name: str, algorithm: Algorithm) -> answers.Publisher:
    """Make a key for a new publisher and log its enrolment.

    Raises:
        Conflict: a publisher of this id exists.
        InvalidRequest: an id that is not a slug.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    with registry.store.read() as session:
        _refuse_known(session, publisher)
    signer = registry.keystore.create_publisher_key(publisher, algorithm)
    record = PublisherKey(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        name=name,
        identity=_identity(registry, name, kept_here=True),
        action="enrol",
        key=signer.public_key,
        possession=prove_possession(signer, registry.config.origin, publisher),
    )

    def enrol(session: Session, index: int, _logged_at: datetime) -> None:
        _refuse_known(session, publisher)  # again: another enrolment may have been first
        publishers.apply(session, record, index)

    append_record(registry, record, enrol)
    return catalogue.publisher(registry, publisher)


def enrol_key(
    registry: Registry, *, publisher: str, algorithm: Algorithm, own: OwnKey | None = None, reason: str | None = None
) -> answers.PublisherKey:
    """Add a key to those that a publisher has.

    Args:
        algorithm: of the key that is made.
        own: the key, if the publisher holds it; otherwise one is made.
        reason: for the record.

    Raises:
        NotFound: no such publisher.
        Conflict: the key was enrolled before.
        InvalidRequest: the proof of possession is not valid.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    record = _addition(registry, publisher, algorithm, own, reason)
    append_record(registry, record, lambda session, index, _: publishers.apply(session, record, index))
    return catalogue.publisher_key(registry, publisher, record.key.thumbprint)


def rotate_key(
    registry: Registry, *, publisher: str, algorithm: Algorithm, own: OwnKey | None = None, reason: str | None = None
) -> answers.PublisherKey:
    """Replace a publisher's keys with a new one. What they signed before stays valid.

    Args:
        algorithm, own, reason: as for `enrol_key`.

    Raises:
        NotFound, Conflict, InvalidRequest, StoreUnavailable, StoreCorrupt: as for `enrol_key`; Conflict also where the
            key that hands over is no longer in force, as after another rotation.
        KeyRefused: the service holds no key in force that could hand over, and the request has no handover.
    """
    origin = registry.config.origin
    old = None if own is not None and own.handover is not None else publisher_signer(registry, publisher)
    record = _addition(registry, publisher, algorithm, own, reason, rotate=True)
    handover = record.handover if old is None else hand_over(old, record.key, origin, publisher)
    assert handover is not None  # noqa: S101  # in the request, if the service made none
    record = replace(record, handover=handover)
    try:
        handover.verify(record.key, origin, publisher)
    except SignatureInvalid as error:
        raise InvalidRequest(f"The key that is replaced has not signed the handover: {error}.") from error

    def rotate(session: Session, index: int, _logged_at: datetime) -> None:
        replaced = publishers.find_key(session, handover.key.thumbprint)
        if replaced is None or replaced.publisher_id != publisher or replaced.ended_index is not None:
            raise Conflict("the key that hands over is not a key in force of this publisher")
        publishers.apply(session, record, index)

    append_record(registry, record, rotate)
    return catalogue.publisher_key(registry, publisher, record.key.thumbprint)


def revoke_key(
    registry: Registry, *, publisher: str, thumbprint: bytes, reason: str, invalid_since: datetime | None = None
) -> answers.PublisherKey:
    """Revoke a publisher's key, also one that was replaced. What it signed stays in the log, and verdicts say so.

    A key may be revoked again, to state an earlier time of compromise.

    Args:
        reason: public.
        invalid_since: since when the key may have been compromised; not in the future.

    Raises:
        NotFound: no such key of this publisher.
        Conflict: the key was revoked before, and no earlier time of compromise is stated.
        InvalidRequest: a reason that no record can hold, or a time in the future.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    if invalid_since is not None and invalid_since > registry.now():
        raise InvalidRequest("A key cannot have been compromised since a time in the future.")
    with registry.store.read() as session:
        row = publishers.get(session, publisher)
        key = _revocable(session, publisher, thumbprint, invalid_since)
    record = PublisherKey(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        name=row.name,
        identity=_identity(registry, row.name, kept_here=registry.keystore.holds_publisher_key(publisher, thumbprint)),
        action="revoke",
        key=key,
        reason=reason,
        invalid_since=invalid_since,
    )

    def revoke(session: Session, index: int, _logged_at: datetime) -> None:
        _revocable(session, publisher, thumbprint, invalid_since)
        publishers.apply(session, record, index)

    append_record(registry, record, revoke)
    return catalogue.publisher_key(registry, publisher, thumbprint)


def _addition(
    registry: Registry,
    publisher: str,
    algorithm: Algorithm,
    own: OwnKey | None,
    reason: str | None,
    *,
    rotate: bool = False,
) -> PublisherKey:
    """The record that adds a key; in a rotation, without the handover that the service makes."""
    origin = registry.config.origin
    with registry.store.read() as session:
        name = publishers.get(session, publisher).name
        if own is not None and publishers.find_key(session, own.key.thumbprint) is not None:
            raise Conflict("this key was enrolled before")
    if own is None:
        signer = registry.keystore.create_publisher_key(publisher, algorithm)
        key, possession = signer.public_key, prove_possession(signer, origin, publisher)
    else:
        key, possession = own.key, own.possession
        try:
            verify_possession(key, possession, origin, publisher)
        except SignatureInvalid as error:
            raise InvalidRequest(f"The proof that the publisher holds the key is not valid: {error}.") from error
    return PublisherKey(
        salt=new_salt(),
        claimed_at=registry.now(),
        publisher=publisher,
        name=name,
        identity=_identity(registry, name, kept_here=own is None),
        action="rotate" if rotate else "enrol",
        key=key,
        possession=possession,
        reason=reason,
        handover=own.handover if rotate and own is not None else None,
    )


def _identity(registry: Registry, name: str, *, kept_here: bool) -> Identity:
    operator = registry.config.operator
    if not kept_here:
        detail = Message(catalogue.HOLDS_ITS_KEY, operator=operator, name=name)
    elif name == operator:
        detail = catalogue.OPERATOR_ITSELF
    else:
        detail = Message(catalogue.KEY_KEPT_HERE, operator=operator, name=name)
    return Identity(established="operator-attested", detail=detail)


def _revocable(session: Session, publisher: str, thumbprint: bytes, invalid_since: datetime | None) -> PublicKey:
    row = publishers.get_key(session, thumbprint)
    if row.publisher_id != publisher:
        raise NotFound("no such publisher key")
    if row.revoked_index is not None and (
        invalid_since is None or not publishers.predates_known_compromise(row, invalid_since)
    ):
        raise Conflict(f"the key was revoked at index {row.revoked_index}, and no earlier time is stated")
    return PublicKey(Algorithm(row.algorithm), row.public_raw)


def _refuse_known(session: Session, publisher: str) -> None:
    if publishers.find(session, publisher) is not None:
        raise Conflict(f"there is a publisher {publisher!r} already")
