"""Calls of a newsroom: register, withdraw, reveal, erase, dispute; keys of a publisher."""

import re
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Literal

from countermark import models
from countermark.calls.call import DIGEST, Call, Reply, check_pattern, get, get_file, identity_of, model, picture, post
from countermark.claims import Claims
from countermark.content import Content, Progress
from countermark.keys import KeyAlgorithm, OwnKey
from provenance.errors import InvalidRequest, UnexpectedAnswer

Outcome = Literal["accepted", "rejected", "retracted"]

_PUBLISHER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def upload(file: Content, sha256: str, progress: Progress | None) -> Call[models.UploadedMedia]:
    return Call(
        "PUT",
        f"/v1/media/{sha256}",
        model(models.UploadedMedia),
        content=picture(file),
        progress=progress,
        headers={"Content-Type": "application/octet-stream"},
    )


def register(sha256: str, claims: Claims) -> Call[models.RegisteredAsset]:
    body = {"media": sha256, "metadata": _metadata(claims)}
    return post("/v1/assets", body, lambda reply: _registered(reply, sha256), once=True)


def prepare(sha256: str, claims: Claims, key: str) -> Call[models.PreparedRegistration | models.RegisteredAsset]:
    """`key`: thumbprint of the key that will sign."""
    prepared = model(models.PreparedRegistration)

    def read(reply: Reply) -> models.PreparedRegistration | models.RegisteredAsset:
        return prepared(reply) if reply.status == 201 else _registered(reply, sha256)

    return post("/v1/registrations", {"media": sha256, "key": key, "metadata": _metadata(claims)}, read)


def prepared_copy(prepared_id: str, public: bool) -> Call[bytes]:
    query = {"copy": "public"} if public else {}
    return get_file(f"/v1/registrations/{identity_of(prepared_id)}/credentialed", "image/", query=query)


def discard(prepared_id: str) -> Call[None]:
    return Call("DELETE", f"/v1/registrations/{identity_of(prepared_id)}", lambda reply: None)


def complete(
    prepared: models.PreparedRegistration, sha256: str, key: str, signature: str
) -> Call[models.RegisteredAsset]:
    """`signature`: in base64url, by the key with this thumbprint."""

    def read(reply: Reply) -> models.RegisteredAsset:
        asset = _registered(reply, sha256)
        if asset.created and asset.id != prepared.id:
            raise UnexpectedAnswer("the answer to the registration is about another record")
        return asset

    path = f"/v1/registrations/{identity_of(prepared.id)}/signature"
    return replace(post(path, {"key": key, "signature": signature}, read, once=True), method="PUT")


def _registered(reply: Reply, sha256: str) -> models.RegisteredAsset:
    asset = model(models.RegisteredAsset)(reply)
    if asset.media.sha256 != sha256:
        raise UnexpectedAnswer("the answer to the registration is about another picture")
    return replace(asset, created=reply.status == 201)


def _metadata(claims: Claims) -> dict[str, object]:
    """The claims as a registration's `metadata`.

    Raises:
        InvalidRequest: a time without a zone.
        TypeError: an unknown claim, as for any unknown argument.
    """
    unknown = claims.keys() - Claims.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no claim named {', '.join(sorted(unknown))}")
    return {name: _plain(value) for name, value in claims.items() if value is not None}


def _plain(value: object) -> object:
    match value:
        case datetime() if value.tzinfo is None:
            raise InvalidRequest("captured_at needs a time zone")
        case datetime():
            try:
                return value.astimezone(UTC).isoformat()
            except OverflowError as error:
                raise InvalidRequest("captured_at cannot be expressed in UTC") from error
        case models.Parent():
            return asdict(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def withdraw(asset_id: str, reason: str) -> Call[models.Withdrawal]:
    body = {"record": identity_of(asset_id), "reason": reason}
    return post("/v1/withdrawals", body, model(models.Withdrawal), once=True)


def reveal(asset_id: str) -> Call[models.Asset]:
    return post(f"/v1/assets/{identity_of(asset_id)}/reveal", {}, model(models.Asset))


def erase(asset_id: str, reason: str) -> Call[models.Erasure]:
    return post(f"/v1/assets/{identity_of(asset_id)}/erasure", {"reason": reason}, model(models.Erasure))


def erasure(asset_id: str) -> Call[models.Erasure]:
    return get(f"/v1/assets/{identity_of(asset_id)}/erasure", model(models.Erasure))


def dispute(asset_id: str, reason: str, counterclaim: str | None, publisher: str | None) -> Call[models.Dispute]:
    body = {
        "record": identity_of(asset_id),
        "reason": reason,
        "counterclaim": None if counterclaim is None else identity_of(counterclaim),
        "publisher": publisher,
    }
    return post("/v1/disputes", body, model(models.Dispute), once=True)


def answer_dispute(dispute_id: str, outcome: Outcome, reason: str, publisher: str | None) -> Call[models.Dispute]:
    body = {"outcome": outcome, "reason": reason, "publisher": publisher}
    return post(f"/v1/disputes/{identity_of(dispute_id)}/answers", body, model(models.Dispute), once=True)


def disputes(asset_id: str) -> Call[models.Disputes]:
    return get("/v1/disputes", model(models.Disputes), query={"record": identity_of(asset_id)})


def publishers() -> Call[models.Publishers]:
    return get("/v1/publishers", model(models.Publishers))


def publisher_keys(publisher_id: str) -> Call[models.PublisherKeys]:
    return get(f"{_publisher(publisher_id)}/keys", model(models.PublisherKeys))


def add_key(
    publisher_id: str, action: str, key_algorithm: KeyAlgorithm, own: OwnKey | None, reason: str | None
) -> Call[models.PublisherKey]:
    body: dict[str, object] = {"action": action, "key_algorithm": key_algorithm}
    if own is not None:
        body["own"] = own.to_json()
    if reason is not None:
        body["reason"] = reason
    return post(f"{_publisher(publisher_id)}/keys", body, model(models.PublisherKey), once=True)


def revoke_key(
    publisher_id: str, thumbprint: str, reason: str, invalid_since: datetime | None
) -> Call[models.PublisherKey]:
    kid = check_pattern(DIGEST, thumbprint, "a thumbprint must have 64 lowercase hex digits")
    body: dict[str, object] = {"reason": reason}
    if invalid_since is not None:
        if invalid_since.tzinfo is None:
            raise InvalidRequest("invalid_since needs a time zone")
        body["invalid_since"] = invalid_since.isoformat()
    path = f"{_publisher(publisher_id)}/keys/{kid}/revocation"
    return post(path, body, model(models.PublisherKey), once=True)


def _publisher(publisher_id: str) -> str:
    name = check_pattern(_PUBLISHER, publisher_id, "a publisher's id has lowercase letters, digits and hyphens")
    return f"/v1/publishers/{name}"
