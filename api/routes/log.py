"""`/log`: the transparency log in the formats of C2SP tlog-tiles. No API key is needed."""

import gzip

from fastapi import APIRouter, Depends, Request, Response

from api.http import problems
from api.http.accept import takes_gzip
from api.http.conditional import FOREVER, conditional, json_answer
from api.http.limits import limited
from api.http.openapi import READING, binary_response, problem_responses
from api.service import ServiceDep
from provenance.answers import LogKeys
from provenance.errors import MalformedTile, NotFound
from provenance.transparency.tiles import TilePath
from registry.usecases import read as catalogue

CHECKPOINT_CACHE = "public, max-age=1"

_PACKING = 6  # zlib's default: a bundle of 256 statements takes some 2 ms

router = APIRouter(tags=["log"], prefix="/log", dependencies=[Depends(limited("reads"))])


@router.get(
    "/checkpoint",
    response_class=Response,
    responses=binary_response("text/plain", "The latest signed checkpoint (C2SP tlog-checkpoint).", text=True)
    | problem_responses(*READING),
    summary="The latest checkpoint",
)
def get_checkpoint(request: Request, service: ServiceDep) -> Response:
    """A signed note: the log's name, size and root."""
    note = service.registry.sequencer.checkpoint()
    return conditional(request, note, "text/plain; charset=utf-8", cache=CHECKPOINT_CACHE)


@router.get(
    "/cosigned-checkpoint",
    response_class=Response,
    responses=binary_response("text/plain", "The latest checkpoint that a quorum of witnesses has cosigned.", text=True)
    | problem_responses(problems.NOT_FOUND, *READING),
    summary="The latest cosigned checkpoint",
)
def get_cosigned_checkpoint(request: Request, service: ServiceDep) -> Response:
    """For clients whose policy requires witnesses: it may be a few entries behind `/log/checkpoint`."""
    tree = service.registry.proofs.cosigned_tree()
    if tree is None:
        raise NotFound("No checkpoint of this log has been cosigned by a quorum of witnesses yet.")
    return conditional(request, tree.note, "text/plain; charset=utf-8", cache=CHECKPOINT_CACHE)


@router.get(
    "/keys",
    response_model=LogKeys,
    responses=problem_responses(*READING),
    summary="The log's verifier keys, old and new",
)
def get_log_keys(service: ServiceDep) -> Response:
    """In the order of their introduction, with the tree sizes they sign. The receipt of `record` proves a change."""
    return json_answer(LogKeys(items=tuple(catalogue.log_keys(service.registry))))


@router.get(
    "/tile/{path:path}",
    response_class=Response,
    responses=binary_response("application/octet-stream", "A tile of hashes, or a bundle of entries (C2SP tlog-tiles).")
    | problem_responses(problems.NOT_FOUND, *READING),
    summary="A tile of the log",
)
def get_tile(request: Request, path: str, service: ServiceDep) -> Response:
    """`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`; immutable once served. Entry bundles are compressed with gzip for
    clients that accept it."""
    name = f"tile/{path}"
    try:
        tile = TilePath.parse(name)
    except MalformedTile as error:
        raise NotFound("There is no such tile.") from error
    data = service.registry.served_log.tile(tile)
    if data is None:
        raise NotFound("There is no such tile yet.")
    if tile.level is not None:  # hashes do not compress
        return conditional(request, data, "application/octet-stream", cache=FOREVER)
    headers = {"Vary": "Accept-Encoding"}
    if takes_gzip(request.headers.get("accept-encoding", "")):
        data, headers = gzip.compress(data, _PACKING, mtime=0), headers | {"Content-Encoding": "gzip"}
    return conditional(request, data, "application/octet-stream", cache=FOREVER, headers=headers)
