"""Authentication by `Authorization: Bearer cmk_…` (RFC 6750), and authorization by the key's scopes."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool

from api.http.limits import WRITES, charge
from api.service import Service, ServiceDep
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

AUTHENTICATION_FAILURES = "authentication-failures"

_bearer = HTTPBearer(scheme_name="api_key", description="An API key: cmk_<prefix>_<secret>.", auto_error=False)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def requires(scope: str) -> Callable[..., Coroutine[Any, Any, Holder]]:
    """A FastAPI dependency: the holder of a key with `scope`. Raises: NotAuthenticated, NotPermitted."""

    async def holder(request: Request, service: ServiceDep, credentials: _Credentials) -> Holder:
        if credentials is None:  # or under another scheme
            raise NotAuthenticated("An API key is required, as Authorization: Bearer cmk_…")
        found = await _authenticate(request, service, credentials.credentials)
        if not found.may(scope):
            raise NotPermitted(f"This API key lacks the scope {scope}.")
        if request.method != "GET":
            await charge(request, WRITES, subject=found.key_id)
        return found

    return holder


async def sender(request: Request, service: ServiceDep) -> Holder | None:
    """A FastAPI dependency: the holder of the API key that the request carries, if any. Raises: NotAuthenticated.

    The OpenAPI document states the optional key by `openapi.OPTIONAL_API_KEY`: FastAPI would state it as required.
    """
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if not scheme:
        return None
    if scheme.lower() != "bearer":
        raise NotAuthenticated("An API key is sent as Authorization: Bearer cmk_…")
    return await _authenticate(request, service, token)


SenderDep = Annotated[Holder | None, Depends(sender)]


async def reader(holder: SenderDep) -> Reader:
    """A FastAPI dependency: the reader whose API key the request carries, or `ANYBODY`. Raises: NotAuthenticated."""
    return ANYBODY if holder is None else reader_of(holder)


def counted(name: str, units: int = 1) -> Callable[..., Coroutine[Any, Any, None]]:
    """A FastAPI dependency: counts the request under the policy `name`, for whom it is from.

    That is the holder of its API key, so that those behind one address do not share what one of them may do; without a
    key it is the client address. Raises: NotAuthenticated, and as `charge`.
    """

    async def count(request: Request, holder: SenderDep) -> None:
        await charge(request, name, units, subject=subject_of(holder))

    return count


def subject_of(holder: Holder | None) -> str | None:
    """Whose units are counted (`charge`): of a request without a key the client address's."""
    return None if holder is None else holder.key_id


async def _authenticate(request: Request, service: Service, token: str) -> Holder:
    """The holder of a key. A key that is not valid counts as a failure of its client address.

    A valid key is always taken: nobody is locked out by what others at the same address, or with the same prefix, try.
    And the answer to an invalid one is the same for every reason, whether such a key exists or not.

    Raises: NotAuthenticated; RateLimited after too many failures.
    """
    registry = service.registry
    try:
        return await run_in_threadpool(api_keys.authenticate, registry.store, token, registry.now())
    except NotAuthenticated:
        await charge(request, AUTHENTICATION_FAILURES)
        raise


def reader_of(holder: Holder) -> Reader:
    """The reader that the holder of a key is."""
    return Reader(publisher=holder.publisher, all=holder.may(ADMIN))


ReaderDep = Annotated[Reader, Depends(reader)]
AssetsEraser = Annotated[Holder, Depends(requires(ASSETS_ERASE))]
DisputesWriter = Annotated[Holder, Depends(requires(DISPUTES_WRITE))]
AssetsWriter = Annotated[Holder, Depends(requires(ASSETS_WRITE))]
KeysWriter = Annotated[Holder, Depends(requires(KEYS_WRITE))]
Admin = Annotated[Holder, Depends(requires(ADMIN))]
MetricsReader = Annotated[Holder, Depends(requires(METRICS_READ))]


def publisher_of(holder: Holder, stated: str | None) -> str:
    """The publisher that a holder writes for: the key's own, or with an admin key the stated one.

    Raises: NotPermitted if the stated publisher is not the key's, or neither key nor request names a publisher.
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
        raise NotPermitted(f"This belongs to the publisher {owner}, for which the API key may not write.")
