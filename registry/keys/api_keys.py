"""API keys: minted once, shown once, and kept as a digest.

A key reads `cmk_<prefix>_<secret>`: the prefix finds its row and may appear in lists and logs; the secret is 256 random
bits, kept as SHA-256. A slow hash would protect nothing here: there is no guessing 256 bits.
"""

import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from provenance import answers
from provenance.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from provenance.statement.codec import is_visible
from registry.database import Session, Store, api_keys, publishers, rows
from registry.times import from_milliseconds, to_milliseconds

ASSETS_WRITE = "assets:write"
ASSETS_ERASE = "assets:erase"
DISPUTES_WRITE = "disputes:write"
KEYS_WRITE = "keys:write"
"""Allows to enrol, rotate and revoke the keys of the publisher that the API key writes for."""
METRICS_READ = "metrics:read"
ADMIN = "admin"
"""Allows everything, and to act for any publisher."""
SCOPES = (ASSETS_WRITE, ASSETS_ERASE, DISPUTES_WRITE, KEYS_WRITE, METRICS_READ, ADMIN)
Scope = Literal["assets:write", "assets:erase", "disputes:write", "keys:write", "metrics:read", "admin"]
"""One of `SCOPES`."""

DEFAULT_PUBLISHER = "newsroom"
"""Id of the publisher that a first start enrols under the operator's name, so that one can register at once."""

DEFAULT_OVERLAP_SECONDS = 24 * 60 * 60
"""Seconds for which a replaced key stays valid, so that its clients can be changed within a day."""

MAX_OVERLAP_SECONDS = 90 * 24 * 60 * 60
"""The longest overlap in seconds; who needs more than a quarter of a year revokes the old key by hand."""

TOUCH_INTERVAL = timedelta(minutes=1)
"""Precision of the time of last use: one write per minute and key, not one per request."""

_KEY = re.compile(r"cmk_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NO_DIGEST = bytes(32)


@dataclass(frozen=True)
class Holder:
    """The holder of a request's API key. `publisher`: the slug that the key is bound to; None if it is unbound."""

    key_id: str
    name: str
    scopes: frozenset[str]
    publisher: str | None

    @property
    def owner(self) -> str:
        """The owner of what the key uploads: its publisher, or the key's id if unbound (no slug has that form)."""
        return self.publisher or self.key_id

    def may(self, scope: str) -> bool:
        return scope in self.scopes or ADMIN in self.scopes


def mint(
    store: Store,
    *,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    publisher: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Make a key and return it: the only time the whole key is shown.

    Raises:
        InvalidRequest: a name that nobody sees, an unknown scope, no scope, or an expiry in the past.
        NotFound: no such publisher.
        StoreUnavailable: the key could not be stored.
    """
    if not is_visible(name):
        raise InvalidRequest("a key needs a name with a character that is visible")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise InvalidRequest(f"a key needs scopes, out of: {', '.join(SCOPES)}")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("a key cannot end before it is made")
    if publisher is not None:
        with store.read() as session:
            publishers.get(session, publisher)
    key, row = _made(name, " ".join(sorted(set(scopes))), publisher, now, expires_at)
    store.write(lambda session: api_keys.insert(session, row)).result()
    return key


def rotate(store: Store, key_id: str, *, now: datetime, overlap: timedelta) -> str:
    """Make and return a key with the name, scopes, publisher and lifetime of an old key, which ends after `overlap`.

    Raises:
        NotFound: no such key.
        Conflict: the key has ended.
        StoreUnavailable: the key could not be stored.
    """

    def replace(session: Session) -> str:
        old = api_keys.get(session, key_id)
        if old.revoked_at_ms is not None or to_milliseconds(now) >= (old.expires_at_ms or math.inf):
            raise Conflict("this API key has ended: make a new one")
        lifetime = None if old.expires_at_ms is None else timedelta(milliseconds=old.expires_at_ms - old.created_at_ms)
        key, row = _made(old.name, old.scopes, old.publisher_id, now, None if lifetime is None else now + lifetime)
        api_keys.insert(session, row)
        api_keys.end(session, key_id, to_milliseconds(now + overlap))
        return key

    return store.write(replace).result()


def _made(
    name: str, scopes: str, publisher: str | None, now: datetime, expires_at: datetime | None
) -> tuple[str, rows.ApiKey]:
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    row = rows.api_key(
        key_id=f"key_{secrets.token_hex(8)}",
        prefix=prefix,
        digest=_digest(secret),
        name=name,
        scopes=scopes,
        publisher_id=publisher,
        created_at_ms=to_milliseconds(now),
        expires_at_ms=None if expires_at is None else to_milliseconds(expires_at),
    )
    return f"cmk_{prefix}_{secret}", row


def authenticate(store: Store, token: str, now: datetime) -> Holder:
    """The holder of a key; the time of use is stored. Raises NotAuthenticated, with the same text for every reason."""
    match = _KEY.fullmatch(token)
    if match is None:
        raise NotAuthenticated("The API key is not valid.")
    with store.read() as session:
        row = api_keys.with_prefix(session, match[1])
    known = hmac.compare_digest(_NO_DIGEST if row is None else row.digest, _digest(match[2]))
    moment = to_milliseconds(now)
    if row is None or not known or row.revoked_at_ms is not None or moment >= (row.expires_at_ms or math.inf):
        raise NotAuthenticated("The API key is not valid.")
    if row.last_used_at_ms is None or moment - row.last_used_at_ms >= TOUCH_INTERVAL / timedelta(milliseconds=1):
        key_id = row.id
        store.write(lambda session: api_keys.touch(session, key_id, moment))  # not waited for
    return Holder(row.id, row.name, frozenset(row.scopes.split()), row.publisher_id)


def listed(store: Store) -> list[answers.ApiKey]:
    """Every key, oldest first, revoked ones included."""
    with store.read() as session:
        return [_view(row) for row in api_keys.all_of(session)]


def get(store: Store, key_id: str) -> answers.ApiKey:
    """A key by its id. Raises NotFound."""
    with store.read() as session:
        return _view(api_keys.get(session, key_id))


def of_token(store: Store, token: str) -> answers.ApiKey:
    """The key that was just made. Raises NotFound."""
    with store.read() as session:
        row = api_keys.with_prefix(session, token.split("_", 2)[1])
        if row is None:
            raise NotFound("no such API key")
        return _view(row)


def _view(row: rows.ApiKey) -> answers.ApiKey:
    return answers.ApiKey(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        publisher=row.publisher_id,
        created_at=from_milliseconds(row.created_at_ms),
        expires_at=_time(row.expires_at_ms),
        last_used_at=_time(row.last_used_at_ms),
        revoked_at=_time(row.revoked_at_ms),
    )


def revoke(store: Store, key_id: str, now: datetime) -> None:
    """Revoke a key, from now on. Raises NotFound, StoreUnavailable."""
    store.write(lambda session: api_keys.revoke(session, key_id, to_milliseconds(now))).result()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)
