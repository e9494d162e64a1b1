"""Rotation of the log's keys, and freezing the log: the operator's records about the log itself.

The steps of a rotation, so that a kill between any two of them loses nothing:

1. The new keys are made, and durable beside those in use.
2. The `log.key` record is sequenced, signed by the operator, the old keys and the new. From then on only the new keys
   sign: a process that opens the log reads that from its entries, and finds the new keys where step 1 has put them.
3. The checkpoint that covers the record is signed with the new keys, and published.
4. The new keys replace the old, which are deleted: nothing is ever signed with them again.

A freeze is an entry after which nothing can be logged, so that it survives every backup and migration.
"""

from dataclasses import dataclass
from datetime import datetime

from provenance.errors import StoreCorrupt
from provenance.statement.keys import Signer
from provenance.statement.record import LogFrozen, LogKey, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.log_keys import Sign, sign_change
from provenance.transparency.note import VerifierKey
from registry.keys.keystore import Keystore
from registry.log.sequencer import Appended, Sequencer
from registry.registry import Registry
from registry.usecases.append import append_record, new_salt


@dataclass(frozen=True)
class Rotated:
    """A change of the log's keys: `keys` sign trees of more than `index` entries."""

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
    """Rotate the keys that sign the log.

    Args:
        sequencer: of the log; appends the record, and signs with the new keys after it.
        keystore: holds the old keys and the new ones.
        now: the time for the record, in whole seconds.
        ml_dsa: whether to make an ML-DSA-44 key too.
        reason: for the record.
        successor: the new Ed25519 key, where an external signer holds it; else one is made.

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
            raise StoreCorrupt(f"the keystore has no signer of the log's key {key.key_id.hex()}")
        return sign

    record = LogKey(
        salt=new_salt(),
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
    """Freeze the log: append its last entry, and return when the last checkpoint is published.

    Raises:
        FrozenLog: the log is frozen already.
        InvalidRequest: the reason is empty, or too long.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    record = LogFrozen(salt=new_salt(), claimed_at=registry.now(), reason=reason)
    return append_record(registry, record)
