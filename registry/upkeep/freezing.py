"""Freezing: the operator ends the log with an entry that says so; nothing can be logged after it.

The end is stated in the log itself, so that it survives every backup and move, and anybody can see it.
"""

import secrets

from provenance import limits
from provenance.errors import InvalidRequest, MalformedRecord
from provenance.statement.record import LogFrozen, to_canonical
from provenance.statement.statement import sign_statement
from registry.log.sequencer import Appended
from registry.registry import Registry


def freeze(registry: Registry, reason: str) -> Appended:
    """Log the last entry; when this returns, the last checkpoint is published.

    Raises:
        FrozenLog: that was done before.
        InvalidRequest: the reason is empty, or too long.
        StoreUnavailable, StoreCorrupt: the registry cannot write now.
    """
    record = LogFrozen(salt=secrets.token_bytes(limits.SALT_BYTES), claimed_at=registry.now(), reason=reason)
    try:
        canonical = to_canonical(record)
    except MalformedRecord as error:
        raise InvalidRequest(str(error)) from error
    return registry.sequencer.append(sign_statement(canonical, registry.keystore.operator), canonical).result()
