"""The witness's application: C2SP tlog-witness over HTTP, in plain text."""

import anyio.to_thread
import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.http.problems import kind_of
from api.http.upload import gather
from provenance.errors import CountermarkError
from provenance.limits import MAX_WITNESS_REQUEST_BYTES
from provenance.transparency.witness import Cosigned
from registry.attestation.witness import Witness

_log = structlog.get_logger(__name__)


def create_witness_app(witness: Witness, *, body_timeout: float) -> Starlette:
    """The application of a witness, which the caller closes. A body must arrive within `body_timeout` seconds."""

    async def add_checkpoint(request: Request) -> Response:
        body = await gather(request, MAX_WITNESS_REQUEST_BYTES, body_timeout)
        outcome = await anyio.to_thread.run_sync(witness.add_checkpoint, body)
        if isinstance(outcome, Cosigned):
            _log.info("cosigned", log=outcome.checkpoint.origin, size=outcome.checkpoint.size)
        else:
            _log.info("declined", status=outcome.status, reason=outcome.detail)
        return Response(outcome.body(), outcome.status, headers={"Content-Type": outcome.media_type})

    def get_checkpoint(request: Request) -> Response:
        note = witness.monitored(f"{request.path_params['origin']}/checkpoint")
        if note is None:
            return PlainTextResponse("this witness has cosigned nothing of such a log\n", 404)
        return Response(note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-cache"})

    async def answer_error(request: Request, error: Exception) -> Response:
        kind = kind_of(error)
        if kind.status >= 500:
            _log.error("request failed", exc_info=error)
        headers = {"Connection": "close"} if kind.status in (408, 413) else {}
        detail = kind.detail or str(error) or kind.title
        return PlainTextResponse(f"{detail}\n", kind.status, headers=headers)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin}/checkpoint", get_checkpoint, methods=["GET"]),
        ],
        exception_handlers={CountermarkError: answer_error, ClientDisconnect: answer_error, Exception: answer_error},
    )
