"""Calls: each thing one can ask of a service, as a value that the blocking and the asynchronous client both send."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from countermark.files import FileToSend, Progress
from countermark.models import (
    Asset,
    AssetPage,
    History,
    RegisteredAsset,
    Report,
    UploadedMedia,
    Withdrawal,
)
from provenance.errors import UnexpectedAnswer

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Reply:
    """What came back, once it is whole."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. `content` gives the body anew for each try; `read` makes the answer from the reply."""

    method: str
    path: str
    read: Callable[[Reply], T]
    content: Callable[[], Iterator[bytes]] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


def upload(file: FileToSend, sha256: str, progress: Progress | None) -> Call[UploadedMedia]:
    return Call(
        "PUT",
        f"/v1/media/{sha256}",
        _model(UploadedMedia),
        content=lambda: file.chunks(progress),
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(file.size)},
    )


def register(sha256: str, metadata: Mapping[str, object]) -> Call[RegisteredAsset]:
    def read(reply: Reply) -> RegisteredAsset:
        try:
            answer = json.loads(reply.body)
            return RegisteredAsset.model_validate(answer | {"created": reply.status == 201})
        except (ValueError, TypeError) as error:
            raise UnexpectedAnswer(f"the answer to a registration does not parse: {error}") from error

    given = {name: _plain(value) for name, value in metadata.items() if value is not None}
    return Call(
        "POST",
        "/v1/assets",
        read,
        content=_json({"media": sha256, "metadata": given}),
        # Made once for each call, so that a retry is the same request to the service.
        headers={"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
    )


def withdraw(asset_id: str, reason: str) -> Call[Withdrawal]:
    return Call(
        "POST",
        "/v1/withdrawals",
        _model(Withdrawal),
        content=_json({"record": asset_id, "reason": reason}),
        headers={"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
    )


def verify(file: FileToSend, progress: Progress | None) -> Call[Report]:
    return Call(
        "POST",
        "/v1/verifications",
        _model(Report),
        content=lambda: file.chunks(progress),
        headers={"Content-Type": "application/octet-stream", "Content-Length": str(file.size)},
    )


def verify_digests(sha256: str, pdq: tuple[str, int] | None) -> Call[Report]:
    body: dict[str, object] = {"sha256": sha256}
    if pdq is not None:
        body["pdq"] = {"value": pdq[0], "quality": pdq[1]}
    return Call(
        "POST", "/v1/verifications", _model(Report), content=_json(body), headers={"Content-Type": "application/json"}
    )


def report(verification_id: str) -> Call[Report]:
    return Call("GET", f"/v1/verifications/{verification_id}", _model(Report))


def difference(verification_id: str) -> Call[bytes]:
    return Call("GET", f"/v1/verifications/{verification_id}/difference.png", _body)


def asset(asset_id: str) -> Call[Asset]:
    return Call("GET", f"/v1/assets/{asset_id}", _model(Asset))


def assets(publisher: str | None, sha256: str | None, cursor: str | None, limit: int) -> Call[AssetPage]:
    asked = {"publisher": publisher, "sha256": sha256, "cursor": cursor, "limit": str(limit)}
    query = {name: value for name, value in asked.items() if value is not None}
    return Call("GET", "/v1/assets", _model(AssetPage), query=query)


def history(asset_id: str) -> Call[History]:
    return Call("GET", f"/v1/assets/{asset_id}/history", _model(History))


def part(asset_id: str, name: str) -> Call[bytes]:
    """`name`: receipt, credentialed, manifest or thumbnail."""
    return Call("GET", f"/v1/assets/{asset_id}/{name}", _body)


def record(record_id: str) -> Call[bytes]:
    return Call("GET", f"/v1/records/{record_id}", _body)


def ready() -> Call[None]:
    return Call("GET", "/readyz", lambda _: None)


def _body(reply: Reply) -> bytes:
    return reply.body


def _model(model: type[M]) -> Callable[[Reply], M]:
    def read(reply: Reply) -> M:
        try:
            return model.model_validate_json(reply.body)
        except ValidationError as error:
            raise UnexpectedAnswer(f"the answer is no {model.__name__}: {error.errors()[0]['msg']}") from error

    return read


def _json(value: Mapping[str, object]) -> Callable[[], Iterator[bytes]]:
    data = json.dumps(value).encode()
    return lambda: iter((data,))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
