"""What an operator states in the log about the log: that new keys sign it from one entry on, or that it ends.

A rotation's steps, so that a kill between any two of them loses nothing:

1. The new keys are made, and durable beside those in use.
2. The `log.key` record is sequenced, signed by the operator, the old keys and the new. From then on only the new keys
   sign: whoever opens the log sees that from its entries, and finds the new keys where step 1 has put them.
3. The checkpoint that covers the record is signed with the new keys, and published.
4. The new keys take the place of the old, which are gone: nothing is ever signed with them again.

The end is an entry behind which nothing can be logged, so that it survives every backup and move.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from provenance import limits
from provenance.errors import StoreCorrupt
from provenance.statement.keys import Signer
from provenance.statement.record import LogFrozen, LogKey, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.log_keys import Sign, sign_change
from provenance.transparency.note import VerifierKey
from registry.keys.keystore import Keystore
from registry.log.sequencer import Appended, Sequencer
from registry.registry import Registry
from registry.usecases.append import append_record


@dataclass(frozen=True)
class Rotated:
    """A change of the log's keys: they are in force for trees of more than `index` entries."""

    index: int
    record_id: bytes
    retired: tuple[VerifierKey, ...]
    keys: tuple[VerifierKey, ...]


def rotate_log_key(
    sequencer: Sequencer,
    keystore: Keystore,
    *,
    now: datetime,
    ml_dsa: bool = True,
    reason: str | None = None,
    successor: Signer | None = None,
) -> Rotated:
    """Sign the log with new keys from here on.

    Args:
        sequencer: of the log; it takes the record in, and signs with the new keys from then on.
        keystore: holds the old keys, and the new ones.
        now: the time, for the record, in whole seconds.
        ml_dsa: whether there is an ML-DSA-44 key among the new ones.
        reason: why, for the record.
        successor: the new Ed25519 key, where it is held elsewhere; else one is made.

    Raises:
        MalformedRecord: a reason that no record can hold.
        UnusableKey: a key that cannot sign for a log.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    origin, old = sequencer.keys.origin, sequencer.keys.current
    new = keystore.prepare_log_keys(origin, ml_dsa=ml_dsa, successor=successor)

    def signer(key: VerifierKey) -> Sign:
        sign = keystore.log_signer(key)
        if sign is None:
            raise StoreCorrupt(f"the log's key {key.key_id.hex()} is not held here")
        return sign

    record = LogKey(
        salt=secrets.token_bytes(limits.SALT_BYTES),
        claimed_at=now,
        log_keys=tuple(map(str, new)),
        signatures=sign_change(origin, old, new, signer),
        reason=reason,
    )
    canonical = to_canonical(record)
    appended = sequencer.append(sign_statement(canonical, keystore.operator), canonical).result()
    keystore.promote_log_keys(new)
    return Rotated(appended.index, appended.record_id, tuple(key for key in old if key not in new), new)


def freeze(registry: Registry, reason: str) -> Appended:
    """Log the last entry; when this returns, the last checkpoint is published.

    Raises:
        FrozenLog: that was done before.
        InvalidRequest: the reason is empty, or too long.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    record = LogFrozen(salt=secrets.token_bytes(limits.SALT_BYTES), claimed_at=registry.now(), reason=reason)
    return append_record(registry, record)
