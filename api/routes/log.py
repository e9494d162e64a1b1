"""`/log`: the transparency log as C2SP tlog-tiles has it. Nothing here needs a key, a cookie or our word."""

from fastapi import APIRouter, Depends, Request, Response

from api import problems
from api.answers import FOREVER, conditional
from api.documented import READING, ends_in, gives
from api.ratelimit import limited
from api.service import ServiceDep
from provenance.errors import MalformedTile, NotFound
from provenance.transparency.tiles import TilePath

CHECKPOINT_CACHE = "public, max-age=1"

router = APIRouter(tags=["log"], prefix="/log", dependencies=[Depends(limited("reads"))])


@router.get(
    "/checkpoint",
    response_class=Response,
    responses=gives("text/plain", "The latest signed checkpoint (C2SP tlog-checkpoint).", text=True)
    | ends_in(*READING),
    summary="The latest checkpoint",
)
def get_checkpoint(request: Request, service: ServiceDep) -> Response:
    """A signed note: the log's name, size and root."""
    note = service.registry.sequencer.checkpoint()
    return conditional(request, note, "text/plain; charset=utf-8", cache=CHECKPOINT_CACHE)


@router.get(
    "/tile/{path:path}",
    response_class=Response,
    responses=gives("application/octet-stream", "A tile of hashes, or a bundle of entries (C2SP tlog-tiles).")
    | ends_in(problems.NOT_FOUND, *READING),
    summary="A tile of the log",
)
def get_tile(request: Request, path: str, service: ServiceDep) -> Response:
    """`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`; what is served once never changes."""
    name = f"tile/{path}"
    try:
        tile = TilePath.parse(name)
    except MalformedTile as error:
        raise NotFound("There is no such tile.") from error
    data = service.registry.served_log.tile(tile)
    if data is None:
        raise NotFound("There is no such tile, or not yet.")
    return conditional(request, data, "application/octet-stream", cache=FOREVER)
