"""The service: what one running server holds, and how a route gets at it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.http.admission import Admission
from api.http.metrics import Metrics
from api.http.upload import Spool
from api.settings import Settings
from registry.registry import Registry


@dataclass(frozen=True)
class Service:
    """Made once by `api.app.create_app`."""

    settings: Settings
    registry: Registry
    spool: Spool
    admission: Admission
    metrics: Metrics


async def service_of(conn: HTTPConnection) -> Service:
    """The service that a request came to; a coroutine, for which FastAPI takes no thread."""
    service = conn.app.state.service
    if not isinstance(service, Service):
        raise TypeError("this application was assembled without a service")
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
