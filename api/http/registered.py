"""The response to a registration."""

import asyncio

from starlette.responses import Response

from api.http.conditional import json_answer
from api.service import Service
from registry.usecases import read as catalogue
from registry.usecases.access import Reader
from registry.usecases.register import Registered

RESEMBLES_SECONDS = 2.0
"""Seconds that the response to a registration waits for the comparison with others; that usually takes under one."""


async def registered(service: Service, done: Registered, publisher: str) -> Response:
    """The response: the asset with its receipt, and with what it resembles if that is known in a moment."""
    if done.compared is not None and not service.registry.comparisons.is_backlogged:
        await asyncio.wait([asyncio.wrap_future(done.compared)], timeout=RESEMBLES_SECONDS)
    return await service.admission.within(_response, service, done, publisher)


def _response(service: Service, done: Registered, publisher: str) -> Response:
    answer = catalogue.registered_asset(service.registry, done.asset, done.metadata, Reader(publisher))
    return json_answer(answer, 201 if done.created else 200)
