"""Condition: what an operator watches of a running registry: how far log, witnesses, queues and indices are, and what
ends soon.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from cryptography import x509

from provenance import answers
from provenance.answers.problems import EndingKind
from provenance.credentials.certificates import parse_certificates
from registry.database import api_keys, checkpoints, heads, resemblances
from registry.registry import Registry
from registry.sandbox.slot import Loss
from registry.times import from_milliseconds, to_milliseconds

WARNING = timedelta(days=30)
"""How long before a certificate or key ends it is warned of: authorities take days or weeks for a new certificate."""

logger = logging.getLogger(__name__)

_CONSEQUENCES: Mapping[EndingKind, str] = {
    "claim_certificate": "no signed copy can be made after that: have a new one issued (`python -m api certificate`)",
    "timestamp_anchor": "time stamps of that authority are not believed after that: configure its new certificates",
    "api_key": "requests with it are refused after that: rotate it (`python -m api key rotate`)",
}


@dataclass(frozen=True)
class Ending:
    """One thing that ends. `name`: of the key or the certificate, for the operator alone."""

    kind: EndingKind
    name: str
    ends_at: datetime


@dataclass(frozen=True)
class Condition:
    """The numbers of one moment.

    Attributes:
        checkpoint_age: since the newest checkpoint was signed; None before the first.
        cosigned_entries: of the largest tree that a quorum has cosigned; None if no witnesses are configured.
        witness_lag: since the oldest checkpoint was signed that waits for a quorum; zero if none waits, None if no
            witnesses are configured.
        indexed: hashes and registrations in each index, as far as this process has read them; how many registrations
            were compared with those before them.
        waiting: jobs that wait for a worker.
        workers: that are ready.
        lost_workers: since the start, by reason.
        endings: everything in use that has an end, the soonest first.
    """

    entries: int
    checkpoint_age: timedelta | None
    cosigned_entries: int | None
    witness_lag: timedelta | None
    registrations: int
    indexed: Mapping[str, int]
    waiting: int
    workers: int
    lost_workers: Mapping[Loss, int]
    endings: tuple[Ending, ...]


def condition(registry: Registry) -> Condition:
    """The condition now. Raises StoreUnavailable, StoreCorrupt, UnusableKey."""
    now = registry.clock()
    cosigned = None if registry.policy is None else registry.proofs.cosigned_tree()
    cosigned_entries = 0 if cosigned is None else cosigned.checkpoint.size
    with registry.store.read() as session:
        newest = checkpoints.latest(session)
        waiting = checkpoints.first_after(session, cosigned_entries)
        registrations = heads.served(session).registrations
        compared = registrations - resemblances.waiting(session)
    lag = timedelta() if waiting is None else now - from_milliseconds(waiting.signed_at_ms)
    return Condition(
        entries=registry.sequencer.size,
        checkpoint_age=None if newest is None else now - from_milliseconds(newest.signed_at_ms),
        cosigned_entries=None if registry.policy is None else cosigned_entries,
        witness_lag=None if registry.policy is None else lag,
        registrations=registrations,
        indexed={
            "pdq": registry.codes.size,
            "local_features": registry.inverted_file.registrations,
            "resemblances": compared,
        },
        waiting=registry.sandbox.waiting,
        workers=registry.sandbox.ready_workers,
        lost_workers=registry.sandbox.lost_workers,
        endings=endings(registry),
    )


def endings(registry: Registry) -> tuple[Ending, ...]:
    """Everything in use that has an end, the soonest first. Raises StoreUnavailable, StoreCorrupt, UnusableKey."""
    return tuple(sorted(_endings(registry), key=lambda each: each.ends_at))


def to_compare(registry: Registry) -> int:
    """How many registrations wait to be compared with those before them. Raises StoreUnavailable, StoreCorrupt."""
    with registry.store.read() as session:
        return resemblances.waiting(session)


def ending_soon(registry: Registry) -> tuple[Ending, ...]:
    """What ends within `WARNING`, or has ended. Raises as `endings`."""
    until = registry.clock() + WARNING
    return tuple(each for each in endings(registry) if each.ends_at <= until)


def shown(ending: Ending) -> answers.Ending:
    """What everybody may know of it: not which key."""
    return answers.Ending(what=ending.kind, ends_at=ending.ends_at.replace(microsecond=0))


def warn_of_endings(registry: Registry, warned: set[tuple[Ending, date]]) -> None:
    """Log what ends soon, once a day. `warned`: what was logged by earlier calls. Raises as `endings`."""
    today = registry.now().date()
    for each in ending_soon(registry):
        if (each, today) not in warned:
            warned.add((each, today))
            what = each.kind.replace("_", " ")
            logger.warning("the %s %s ends at %s: %s", what, each.name, each.ends_at, _CONSEQUENCES[each.kind])


def _endings(registry: Registry) -> Iterator[Ending]:
    for certificate in parse_certificates(registry.keystore.current_claim_chain()):
        yield _of(certificate, "claim_certificate")
    for authority in registry.proofs.authorities:
        for certificate in (*authority.roots, *authority.intermediates):
            yield _of(certificate, "timestamp_anchor")
    with registry.store.read() as session:
        ending = api_keys.ending_after(session, to_milliseconds(registry.clock()))
    for row in ending:
        if row.expires_at_ms is not None:
            yield Ending("api_key", row.id, from_milliseconds(row.expires_at_ms))


def _of(certificate: x509.Certificate, kind: EndingKind) -> Ending:
    return Ending(kind, certificate.subject.rfc4514_string(), certificate.not_valid_after_utc)
