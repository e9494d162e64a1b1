"""Enrolling publishers: the operator attests whose key it is, and the key proves that somebody holds it."""

import secrets
from datetime import datetime

from provenance import limits
from provenance.errors import Conflict, InvalidRequest, MalformedRecord
from provenance.statement.identity import Identity
from provenance.statement.keys import Algorithm
from provenance.statement.possession import prove_possession
from provenance.statement.record import PublisherKey, to_canonical
from provenance.statement.statement import sign_statement
from registry import catalogue
from registry.registry import Registry
from registry.store import Session, publishers
from registry.views import PublisherView


def enrol_publisher(registry: Registry, *, publisher: str, name: str, algorithm: Algorithm) -> PublisherView:
    """Make a key for a new publisher and log its enrolment.

    Raises:
        Conflict: a publisher of this id exists.
        InvalidRequest: an id that is no slug.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    with registry.store.read() as session:
        _refuse_known(session, publisher)
    signer = registry.keystore.create_publisher_key(publisher, algorithm)
    key = signer.public_key
    operator = registry.config.operator
    detail = (
        "the operator's own key, which this service keeps and signs with"
        if name == operator
        else f"{operator} keeps this key for {name} and signs on its behalf"
    )
    identity = Identity(established="operator-attested", detail=detail)
    record = PublisherKey(
        salt=secrets.token_bytes(limits.SALT_BYTES),
        claimed_at=registry.now(),
        publisher=publisher,
        name=name,
        identity=identity,
        action="enrol",
        key=key,
        possession=prove_possession(signer, registry.config.origin, publisher),
    )
    try:
        canonical = to_canonical(record)
    except MalformedRecord as error:
        raise InvalidRequest(str(error)) from error

    def enrol(session: Session, index: int, _logged_at: datetime) -> None:
        _refuse_known(session, publisher)  # again: another enrolment may have come first
        publishers.apply(session, record, index)

    statement = sign_statement(canonical, registry.keystore.operator)
    registry.sequencer.append(statement, canonical, enrol).result()
    return catalogue.publisher(registry, publisher)


def _refuse_known(session: Session, publisher: str) -> None:
    if publishers.find(session, publisher) is not None:
        raise Conflict(f"there is a publisher {publisher!r} already")
