"""Authentication: `Authorization: Bearer cmk_…` (RFC 6750), and what the key's scopes allow."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from api.service import ServiceDep
from provenance.errors import NotAuthenticated, NotPermitted
from registry.keys import api_keys
from registry.keys.api_keys import (
    ADMIN,
    ASSETS_ERASE,
    ASSETS_WRITE,
    DISPUTES_WRITE,
    KEYS_WRITE,
    METRICS_READ,
    Holder,
)
from registry.usecases.access import ANYBODY, Reader

_bearer = HTTPBearer(scheme_name="api_key", description="An API key: cmk_<prefix>_<secret>.", auto_error=False)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def requires(scope: str) -> Callable[..., Coroutine[Any, Any, Holder]]:
    """A FastAPI dependency: the holder of a key with `scope`. Raises: NotAuthenticated, NotPermitted."""

    async def holder(service: ServiceDep, credentials: _Credentials) -> Holder:
        if credentials is None or credentials.scheme.lower() != "bearer":
            raise NotAuthenticated("This needs an API key, as Authorization: Bearer cmk_…")
        registry = service.registry
        found = await run_in_threadpool(api_keys.authenticate, registry.store, credentials.credentials, registry.now())
        if not found.may(scope):
            raise NotPermitted(f"This API key lacks the scope {scope}.")
        return found

    return holder


async def reader(request: Request, service: ServiceDep) -> Reader:
    """A FastAPI dependency: anybody, or the holder of the key that the request brings. Raises: NotAuthenticated.

    The document states this by `openapi.OPTIONAL_API_KEY`: FastAPI would make a key obligatory.
    """
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if not scheme:
        return ANYBODY
    if scheme.lower() != "bearer":
        raise NotAuthenticated("A key is brought as Authorization: Bearer cmk_…")
    registry = service.registry
    return reader_of(await run_in_threadpool(api_keys.authenticate, registry.store, token, registry.now()))


def reader_of(holder: Holder) -> Reader:
    """What a holder may read."""
    return Reader(publisher=holder.publisher, all=holder.may(ADMIN))


ReaderDep = Annotated[Reader, Depends(reader)]
AssetsEraser = Annotated[Holder, Depends(requires(ASSETS_ERASE))]
DisputesWriter = Annotated[Holder, Depends(requires(DISPUTES_WRITE))]
AssetsWriter = Annotated[Holder, Depends(requires(ASSETS_WRITE))]
KeysWriter = Annotated[Holder, Depends(requires(KEYS_WRITE))]
Admin = Annotated[Holder, Depends(requires(ADMIN))]
MetricsReader = Annotated[Holder, Depends(requires(METRICS_READ))]


def publisher_of(holder: Holder, stated: str | None) -> str:
    """The publisher a holder writes for: the key's own, or the stated one with an admin key.

    Raises: NotPermitted where the stated publisher is another's, or no publisher is stated for a key that has none.
    """
    if stated is None or stated == holder.publisher:
        if holder.publisher is None:
            raise NotPermitted("This API key belongs to no publisher, and the request names none.")
        return holder.publisher
    if not holder.may(ADMIN):
        raise NotPermitted("Only an admin key may act for another publisher.")
    return stated


def check_owner(holder: Holder, owner: str) -> None:
    """Raises: NotPermitted unless the holder writes for this publisher, or is an admin."""
    if holder.publisher != owner and not holder.may(ADMIN):
        raise NotPermitted(f"This is the publisher {owner}'s, and the API key does not write for that one.")
