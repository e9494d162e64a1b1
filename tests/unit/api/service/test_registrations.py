"""A publisher's own key: what the service prepares is signed elsewhere, and nothing is kept of what is not."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from countermark.keys import OwnKey
from PIL import Image
from starlette.testclient import TestClient

from provenance.receipts.other_formats import receipt_statement
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.encodings import decode_base64url, encode_base64url
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.statement import sign_statement
from registry.keys import api_keys
from registry.registry import Registry
from registry.usecases import prepared
from tests.unit.api.service.conftest import Picture

Headers = dict[str, str]


class Desk:
    """A publisher whose key is its own, and the requests that it makes."""

    def __init__(self, client: TestClient, registry: Registry, admin: Headers, name: str) -> None:
        made = client.post("/v1/publishers", json={"id": name, "name": "The Courier"}, headers=admin)
        assert made.status_code == 201, made.text
        self.client, self.registry, self.admin, self.name = client, registry, admin, name
        self.signer = LocalSigner.generate(Algorithm.ED25519)
        self.enrol(self.signer)
        key = api_keys.mint(
            registry.store, name=name, scopes=[api_keys.ASSETS_WRITE], now=registry.now(), publisher=name
        )
        self.headers = {"Authorization": f"Bearer {key}"}

    def enrol(self, signer: LocalSigner, action: str = "rotate") -> None:
        own = OwnKey.of(signer, self.registry.config.origin, self.name)
        body = {"action": action, "own": own.to_json()}
        answer = self.client.post(f"/v1/publishers/{self.name}/keys", json=body, headers=self.admin)
        assert answer.status_code == 201, answer.text

    @property
    def kid(self) -> str:
        return self.signer.public_key.thumbprint.hex()

    def ask(self, picture: bytes, key: str | None = None, headers: Headers | None = None, **claims: Any) -> Any:
        sha256 = hashlib.sha256(picture).hexdigest()
        sent = self.client.put(f"/v1/media/{sha256}", content=picture, headers=headers or self.headers)
        assert sent.status_code in (200, 201), sent.text
        body = {"media": sha256, "key": key or self.kid, "metadata": claims}
        return self.client.post("/v1/registrations", json=body, headers=headers or self.headers)

    def prepare(self, picture: bytes, **claims: Any) -> dict[str, Any]:
        answer = self.ask(picture, **claims)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def sign(self, made: dict[str, Any], signer: LocalSigner | None = None) -> dict[str, str]:
        signer = signer or self.signer
        signature = signer.sign(decode_base64url(made["to_be_signed"]))
        return {"key": signer.public_key.thumbprint.hex(), "signature": encode_base64url(signature)}

    def complete(
        self, made: dict[str, Any], signed: dict[str, str] | None = None, headers: Headers | None = None
    ) -> Any:
        path = f"/v1/registrations/{made['id']}/signature"
        return self.client.put(path, json=signed or self.sign(made), headers=headers or self.headers)


@pytest.fixture
def desk(client: TestClient, registry: Registry, admin: Headers, request: pytest.FixtureRequest) -> Desk:
    return Desk(client, registry, admin, f"p-{hashlib.sha256(request.node.name.encode()).hexdigest()[:20]}")


@pytest.fixture
def later(registry: Registry) -> Iterator[Callable[[timedelta], None]]:
    """Lets time pass for the service."""
    now = registry.clock
    yield lambda by: object.__setattr__(registry, "clock", lambda: now() + by)
    object.__setattr__(registry, "clock", now)


def waiting_objects(registry: Registry) -> list[str]:
    return [name for name, _ in registry.blobs.objects.names("prepared")]


def everything_stored(registry: Registry) -> set[str]:
    return {name for folder in ("blobs", "prepared") for name, _ in registry.blobs.objects.names(folder)}


def test_a_picture_is_registered_with_a_key_that_the_service_never_had(desk: Desk, jpeg: Picture) -> None:
    picture = jpeg(4000)
    made = desk.prepare(picture, title="Flood", credit="The Courier")
    assert hashlib.sha256(made["record"].encode()).hexdigest() == made["id"]
    assert json.loads(made["record"])["title"] == "Flood"
    assert "Test Daily" in made["credential_signer"]
    answer = desk.complete(made)
    assert answer.status_code == 201, answer.text
    asset = answer.json()
    assert asset["id"] == made["id"]
    assert asset["publisher"]["id"] == desk.name
    assert "which The Courier keeps itself" in asset["publisher"]["identity"]["detail"]
    receipt = Receipt.parse(desk.client.get(f"/v1/assets/{asset['id']}/receipt").content)
    assert receipt_statement(receipt).data == sign_statement(made["record"].encode(), desk.signer)
    assert verify_receipt(receipt, trusted_keys=[desk.registry.sequencer.key]).holds
    copy = desk.client.get(f"/v1/assets/{asset['id']}/credentialed").content
    for file in (picture, copy):
        verdict = desk.client.post(
            "/v1/verifications", content=file, headers={"Content-Type": "application/octet-stream"}
        ).json()
        assert verdict["axes"]["registration"]["value"] == "EXACT_MATCH"


def test_what_is_never_signed_leaves_nothing_in_the_log_nor_in_the_store(
    desk: Desk, jpeg: Picture, later: Callable[[timedelta], None]
) -> None:
    size, stored = desk.registry.sequencer.size, everything_stored(desk.registry)
    made = desk.prepare(jpeg(4001))
    assert desk.registry.sequencer.size == size
    assert everything_stored(desk.registry) > stored
    assert timedelta() < datetime.fromisoformat(made["expires_at"]) - desk.registry.clock() <= prepared.LIFETIME
    prepared.forget(desk.registry)
    assert everything_stored(desk.registry) > stored
    later(prepared.LIFETIME + timedelta(seconds=1))
    late = desk.complete(made)
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (404, "not-found")
    assert "Prepare it again" in late.json()["detail"]
    prepared.forget(desk.registry)
    assert everything_stored(desk.registry) == stored
    assert desk.registry.sequencer.size == size


def test_what_a_crash_left_without_a_row_is_deleted_when_its_time_has_passed(
    desk: Desk, jpeg: Picture, later: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = waiting_objects(desk.registry)
    with monkeypatch.context() as patch:
        patch.setattr(prepared.waiting, "insert", lambda *_: (_ for _ in ()).throw(RuntimeError("power cut")))
        assert desk.ask(jpeg(4002)).status_code == 500
    assert waiting_objects(desk.registry) != before
    later(prepared.LIFETIME + timedelta(seconds=1))
    prepared.forget(desk.registry)
    assert waiting_objects(desk.registry) == []


def test_the_same_request_has_the_same_record_to_sign(desk: Desk, jpeg: Picture) -> None:
    first, again = desk.prepare(jpeg(4003), title="One"), desk.prepare(jpeg(4003), title="One")
    assert again == first
    assert desk.prepare(jpeg(4003), title="Two")["id"] != first["id"]


def test_a_signature_sent_twice_registers_once(desk: Desk, jpeg: Picture) -> None:
    made = desk.prepare(jpeg(4004))
    first, size = desk.complete(made), desk.registry.sequencer.size
    again = desk.complete(made)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"] == made["id"]
    assert again.json()["metadata"] == first.json()["metadata"]
    assert desk.registry.sequencer.size == size
    known = desk.ask(jpeg(4004))
    assert (known.status_code, known.json()["id"]) == (200, made["id"])


def test_what_was_signed_before_the_service_died_is_completed_by_the_same_request(
    desk: Desk, jpeg: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.prepare(jpeg(4005))
    with monkeypatch.context() as patch:
        patch.setattr(prepared.waiting, "complete", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("power cut")))
        assert desk.complete(made).status_code == 500
    size = desk.registry.sequencer.size
    again = desk.complete(made)
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    assert desk.registry.sequencer.size == size
    assert not [name for name in waiting_objects(desk.registry) if made["id"] in name]


@pytest.mark.parametrize("claims", [{"visibility": "sealed"}, {"credential": "sidecar"}, {"credential": "none"}])
def test_sealed_ones_sidecars_and_pictures_without_credential_work_alike(
    desk: Desk, jpeg: Picture, claims: dict[str, str]
) -> None:
    made = desk.prepare(jpeg(4006), **claims)
    answer = desk.complete(made)
    assert answer.status_code == 201, answer.text
    asset = answer.json()
    assert asset["visibility"] == claims.get("visibility", "public")
    public = desk.client.get(f"/v1/assets/{made['id']}")
    assert public.status_code == (403 if claims.get("visibility") else 200)
    assert (made["credential_signer"] is None) is (claims.get("credential") == "none")


def test_both_copies_can_be_looked_at_before_anything_is_signed(desk: Desk, jpeg: Picture) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    Image.open(io.BytesIO(jpeg(4007))).save(file, "JPEG", exif=exif, quality=95)
    made = desk.prepare(file.getvalue())
    record = json.loads(made["record"])
    path = f"/v1/registrations/{made['id']}/credentialed"
    own = desk.client.get(path, headers=desk.headers)
    public = desk.client.get(path, params={"copy": "public"}, headers=desk.headers)
    assert hashlib.sha256(own.content).hexdigest() == record["credential"]["private_sha256"]
    assert hashlib.sha256(public.content).hexdigest() == record["credential"]["signed"]["sha256"]
    assert b"A maker" not in public.content
    assert public.headers["cache-control"] == "no-store"


def test_nobody_else_sees_or_completes_what_was_prepared(
    desk: Desk, jpeg: Picture, other: Headers, writer: Headers
) -> None:
    made = desk.prepare(jpeg(4008))
    for headers in (other, writer):
        assert desk.complete(made, headers=headers).status_code == 404
        assert desk.client.get(f"/v1/registrations/{made['id']}/credentialed", headers=headers).status_code == 404
    assert desk.client.get(f"/v1/registrations/{made['id']}/credentialed").status_code == 401
    assert desk.complete(made).status_code == 201


def test_a_signature_by_another_key_or_over_another_record_registers_nothing(desk: Desk, jpeg: Picture) -> None:
    made, different = desk.prepare(jpeg(4009)), desk.prepare(jpeg(4010))
    size = desk.registry.sequencer.size
    stranger = LocalSigner.generate(Algorithm.ED25519)
    for signed, status in (
        (desk.sign(different), 422),
        (desk.sign(made, stranger), 403),
        (desk.sign(made, stranger) | {"key": desk.kid}, 422),
        (desk.sign(made) | {"signature": "A" * 86}, 422),
        (desk.sign(made) | {"signature": "A" * 85}, 422),
    ):
        assert desk.complete(made, signed).status_code == status
    assert desk.registry.sequencer.size == size
    assert desk.complete(made).status_code == 201


def test_a_key_that_is_not_in_force_is_refused_before_the_picture_is_examined(desk: Desk, jpeg: Picture) -> None:
    stranger, before = (
        LocalSigner.generate(Algorithm.ED25519).public_key.thumbprint.hex(),
        waiting_objects(desk.registry),
    )
    refused = desk.ask(jpeg(4011), key=stranger)
    assert refused.status_code == 403
    assert "is not enrolled" in refused.json()["detail"]
    assert waiting_objects(desk.registry) == before


def test_a_key_that_ends_in_between_signs_nothing_and_the_next_one_does(desk: Desk, jpeg: Picture) -> None:
    made, old = desk.prepare(jpeg(4012)), desk.signer
    desk.signer = LocalSigner.generate(Algorithm.ES256)
    own = OwnKey.of(desk.signer, desk.registry.config.origin, desk.name, replaces=old)
    body = {"action": "rotate", "own": own.to_json()}
    assert desk.client.post(f"/v1/publishers/{desk.name}/keys", json=body, headers=desk.admin).status_code == 201
    assert desk.complete(made, desk.sign(made, old)).status_code == 403
    again = desk.prepare(jpeg(4012))
    assert again["id"] == made["id"]
    assert again["to_be_signed"] != made["to_be_signed"]
    assert desk.complete(again).status_code == 201


def test_a_record_that_was_logged_alone_is_prepared_anew(desk: Desk, jpeg: Picture) -> None:
    made = desk.prepare(jpeg(4013))
    statement = sign_statement(made["record"].encode(), desk.signer)
    sequence = {"Content-Type": "application/cbor-seq"} | desk.headers
    assert desk.client.post("/v1/statements", content=statement, headers=sequence).status_code == 201
    refused = desk.complete(made)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "conflict")
    again = desk.prepare(jpeg(4013))
    assert again["id"] != made["id"]
    assert desk.complete(again).status_code == 201


def test_only_so_many_wait_and_the_oldest_make_room(desk: Desk, jpeg: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MAX_WAITING", 2)
    made = [desk.prepare(jpeg(4014), title=str(number)) for number in range(3)]
    assert desk.complete(made[0]).status_code == 404
    assert not [name for name in waiting_objects(desk.registry) if made[0]["id"] in name]
    assert [desk.complete(each).status_code for each in made[1:]] == [201, 201]


def test_what_is_not_wanted_is_gone_at_once_when_its_owner_discards_it(
    desk: Desk, jpeg: Picture, other: Headers
) -> None:
    stored, size = everything_stored(desk.registry), desk.registry.sequencer.size
    made = desk.prepare(jpeg(4018))
    path = f"/v1/registrations/{made['id']}"
    assert desk.client.delete(path).status_code == 401
    assert desk.client.delete(path, headers=other).status_code == 404
    gone = desk.client.delete(path, headers=desk.headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert everything_stored(desk.registry) == stored
    for answer in (desk.complete(made), desk.client.delete(path, headers=desk.headers)):
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (404, "not-found")
    assert desk.prepare(jpeg(4018))["id"] != made["id"]
    assert desk.registry.sequencer.size == size


def test_what_is_registered_cannot_be_discarded(desk: Desk, jpeg: Picture) -> None:
    made = desk.prepare(jpeg(4019))
    assert desk.complete(made).status_code == 201
    refused = desk.client.delete(f"/v1/registrations/{made['id']}", headers=desk.headers)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "conflict")
    assert "withdraw the registration" in refused.json()["detail"]
    assert desk.client.get(f"/v1/assets/{made['id']}").status_code == 200


def test_an_erasure_takes_what_waits_of_the_same_file(desk: Desk, jpeg: Picture) -> None:
    kept = desk.prepare(jpeg(4015), title="Kept")
    assert desk.complete(kept).status_code == 201
    made = desk.prepare(jpeg(4015), title="Waits")
    assert [name for name in waiting_objects(desk.registry) if made["id"] in name]
    erased = desk.client.post(f"/v1/assets/{kept['id']}/erasure", json={"reason": "a court order"}, headers=desk.admin)
    assert erased.status_code in (200, 201), erased.text
    assert not [name for name in waiting_objects(desk.registry) if made["id"] in name]
    assert desk.complete(made).status_code == 404


def test_what_is_damaged_in_the_store_is_not_registered(desk: Desk, jpeg: Picture) -> None:
    made, size = desk.prepare(jpeg(4016)), desk.registry.sequencer.size
    (name,) = [each for each in waiting_objects(desk.registry) if made["id"] in each and each.endswith("signed")]
    objects = desk.registry.blobs.objects
    objects.put(name, (objects.get(name) or b"")[:-1] + b"?")
    assert desk.complete(made).status_code == 503
    assert desk.registry.sequencer.size == size


def test_a_preparation_counts_as_a_picture_of_its_key(desk: Desk, jpeg: Picture) -> None:
    answer = desk.ask(jpeg(4017))
    assert "writes" in answer.headers["ratelimit-policy"]
