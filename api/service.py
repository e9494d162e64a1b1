"""The service: the objects that one running server holds, and the dependency by which a route gets them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.http.admission import Admission, Party
from api.http.limits import client_address
from api.http.metrics import Metrics
from api.http.upload import Spool
from api.settings import Settings
from registry.keys.api_keys import Holder
from registry.registry import Registry


@dataclass(frozen=True)
class Service:
    """Made once by `api.app.create_app`."""

    settings: Settings
    registry: Registry
    spool: Spool
    admission: Admission
    metrics: Metrics

    def party(self, request: HTTPConnection, holder: Holder | None) -> Party:
        """Whose the pictures of a request are: the holder's of its API key, or the client address's."""
        if holder is None:
            return Party(client_address(request.scope), self.settings.max_pictures_per_address)
        return Party(holder.key_id, self.settings.max_pictures_per_key)


async def service_of(conn: HTTPConnection) -> Service:
    """The service of the application; a coroutine, so that FastAPI does not run it in a thread."""
    service = conn.app.state.service
    if not isinstance(service, Service):
        raise TypeError("this application was assembled without a service")
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
