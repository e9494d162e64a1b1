"""A publisher's own key against the running service, and against one that lies: what it lies about is not signed."""

import asyncio
import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from countermark import AsyncClient, Client, InvalidRequest, MissingExtra, RecordRefused, UnexpectedAnswer, prepared
from countermark.keys import OwnKey
from countermark.models import Parent
from PIL import Image

from demo.service import Service
from provenance.receipts.other_formats import receipt_statement
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.canonical_json import canonical_json
from provenance.statement.encodings import encode_base64url
from provenance.statement.keys import Algorithm, LocalSigner, PublicKey
from provenance.statement.record import parse_record
from provenance.statement.statement import signing_input
from tests.e2e.test_client import draw

Record = dict[str, Any]
PUBLISHER = "own"


class Watched:
    """A signer that counts what it signs."""

    def __init__(self, signer: LocalSigner) -> None:
        self._signer, self.signed = signer, 0

    @property
    def public_key(self) -> PublicKey:
        return self._signer.public_key

    def sign(self, message: bytes) -> bytes:
        self.signed += 1
        return self._signer.sign(message)


@pytest.fixture(scope="module")
def writer(service: Service) -> str:
    """An API key of a publisher."""
    return service.enrol(PUBLISHER, "The Own")


@pytest.fixture(scope="module")
def key(service: Service, writer: str) -> LocalSigner:
    """The publisher's own key, which has taken the place of the service's."""
    del writer
    signer = LocalSigner.generate(Algorithm.ED25519)
    with Client(service.url, api_key=service.api_key) as client:
        client.rotate_key(PUBLISHER, own=OwnKey.of(signer, client.service().origin, PUBLISHER))
    return signer


@pytest.fixture
def signer(key: LocalSigner) -> Watched:
    return Watched(key)


class Liar(httpx2.BaseTransport):
    """The service, but for what it prepares: `lie` changes the answer, or a copy."""

    def __init__(self, key: PublicKey, lie: Callable[[Record], Record | None] | None = None) -> None:
        self._through = httpx2.HTTPTransport()
        self._key, self._lie = key, lie
        self._named: tuple[str, ...] = ()
        self.copy: Callable[[bytes, bool], bytes] = lambda data, public: data
        self.answer: Callable[[Record], None] = lambda answer: None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._named:
            request.url = httpx2.URL(str(request.url).replace(*self._named))
        answer = self._through.handle_request(request)
        body = answer.read()
        if request.url.path.startswith("/v1/registrations") and answer.status_code < 300:
            if request.method == "POST":
                body = self._changed(json.loads(body))
            elif request.method == "GET":
                body = self.copy(body, b"copy=public" in request.url.query)
        headers = {"Content-Type": answer.headers.get("content-type", "")}
        return httpx2.Response(answer.status_code, headers=headers, content=body)

    def close(self) -> None:
        self._through.close()

    def _changed(self, answer: Record) -> bytes:
        record = json.loads(answer["record"])
        if self._lie is not None:
            record = self._lie(record) or record
            canonical = canonical_json(record)
            answer["record"] = canonical.decode()
            true, answer["id"] = answer["id"], hashlib.sha256(canonical).hexdigest()
            self._named = answer["id"], true
            answer["to_be_signed"] = encode_base64url(signing_input(canonical, self._key))
        self.answer(answer)
        return json.dumps(answer).encode()


def told(when: datetime) -> str:
    return when.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def withdraws(record: Record) -> Record:
    stated = {name: record[name] for name in ("version", "salt", "claimed_at", "publisher")}
    return stated | {"type": "asset.withdrawn", "record": "ab" * 32, "reason": "it was never ours"}


def changes(*path: str, to: object) -> Callable[[Record], None]:
    """A lie about one field; None drops it."""

    def lie(record: Record) -> None:
        *outer, last = path
        for name in outer:
            record = record[name]
        if to is None:
            del record[last]
        else:
            record[last] = to

    return lie


LIES: dict[str, tuple[Callable[[Record], Any], str]] = {
    "another file": (changes("media", "sha256", to="ab" * 32), "media.sha256"),
    "another size": (changes("media", "size", to=7), "media.size"),
    "another width": (changes("media", "width", to=7), "media.width"),
    "another type": (changes("media", "media_type", to="image/png"), "media.media_type"),
    "other pixels": (changes("media", "pixels_sha256", to="ab" * 32), "media.pixels_sha256"),
    "other colours": (changes("media", "shown_sha256", to="ab" * 32), "media.shown_sha256"),
    "another fingerprint": (changes("fingerprints", "org.countermark.phash.v1", to="ab" * 8), "fingerprints"),
    "a fingerprint more": (changes("fingerprints", "io.iscc.v0", to="ab" * 8), "fingerprints"),
    "another sketch": (changes("sketch", "sha256", to="ab" * 32), "sketch.sha256"),
    "another title": (changes("title", to="Drought"), "title"),
    "no title": (changes("title", to=None), "title"),
    "a licence": (changes("licence", to="https://creativecommons.org/publicdomain/zero/1.0/"), "licence"),
    "a caption": (changes("caption", to="Taken by somebody else"), "caption"),
    "made by a machine": (
        changes("digital_source_type", to="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"),
        "digital_source_type",
    ),
    "another time": (changes("captured_at", to="2020-01-01T00:00:00Z"), "captured_at"),
    "what the file does not say": (changes("from_file", to=["title"]), "from_file"),
    "another publisher": (changes("publisher", to="the-rival"), "publisher"),
    "the place of another record": (
        changes("parents", to=[{"record": "ab" * 32, "relation": "supersedes"}]),
        "parents",
    ),
    "a form of another picture": (changes("rendition_of", to="ab" * 32), "rendition_of"),
    "sealed": (changes("visibility", to="sealed"), "visibility"),
    "a field that is not known": (changes("rights_holder", to="The Rival"), "a field that is not known here"),
    "a hidden field": (changes("media", "also", to="ab" * 32), "media.a field that is not known here"),
    "a field of the credential": (changes("credential", "also", to="ab" * 32), "credential"),
    "no credential": (changes("credential", to=None), "credential"),
    "a sidecar": (changes("credential", "embedded", to=False), "credential"),
    "no signed copy": (changes("credential", "signed", to=None), "credential.signed"),
    "another signed copy": (changes("credential", "signed", "sha256", to="ab" * 32), "credential.signed"),
    "other pixels of the copy": (
        changes("credential", "signed", "pixels_sha256", to="ab" * 32),
        "credential.signed.pixels_sha256",
    ),
    "a larger copy": (changes("credential", "signed", "width", to=9000), "credential.signed.width"),
    "yesterday": (changes("claimed_at", to=told(datetime.now(UTC) - timedelta(days=1))), "claimed_at"),
    "tomorrow": (changes("claimed_at", to=told(datetime.now(UTC) + timedelta(days=1))), "claimed_at"),
    "a withdrawal": (withdraws, "a record of type asset.withdrawn"),
    "no record": (lambda record: {"type": "asset.registered"}, "no record"),
}


@pytest.mark.parametrize("named", LIES)
def test_a_record_that_says_anything_else_is_not_signed(
    service: Service, writer: str, signer: Watched, named: str
) -> None:
    lie, where = LIES[named]
    liar = Liar(signer.public_key, lie)
    with (
        httpx2.Client(transport=liar) as http,
        Client(service.url, api_key=writer, http_client=http) as client,
        pytest.raises(RecordRefused, match="nothing was signed") as refused,
    ):
        client.register_signed(draw(7300), signer, title="Flood", publisher=PUBLISHER)
    assert where in str(refused.value)
    assert signer.signed == 0


def another_picture(data: bytes, public: bool) -> bytes:
    del data, public
    return draw(7301)


def own_copy_is_another(data: bytes, public: bool) -> bytes:
    return data if public else draw(7301)


def test_what_is_refused_here_is_discarded_there(service: Service, writer: str, signer: Watched) -> None:
    prepared_ids: list[str] = []
    liar = Liar(signer.public_key)

    def answer(said: Record) -> None:
        prepared_ids.append(said["id"])
        said["to_be_signed"] = "A" * 86

    liar.answer = answer
    with (
        httpx2.Client(transport=liar) as http,
        Client(service.url, api_key=writer, http_client=http) as client,
        pytest.raises(UnexpectedAnswer),
    ):
        client.register_signed(draw(7304), signer, publisher=PUBLISHER)
    (prepared_id,) = prepared_ids
    copy = f"{service.url}/v1/registrations/{prepared_id}/credentialed"
    assert httpx2.get(copy, headers={"Authorization": f"Bearer {writer}"}).status_code == 404


def test_what_was_to_be_sealed_is_not_signed_as_public(service: Service, writer: str, signer: Watched) -> None:
    liar = Liar(signer.public_key, changes("visibility", to=None))
    with (
        httpx2.Client(transport=liar) as http,
        Client(service.url, api_key=writer, http_client=http) as client,
        pytest.raises(RecordRefused, match=r"\(visibility\): nothing was signed"),
    ):
        client.register_signed(draw(7305), signer, visibility="sealed", publisher=PUBLISHER)
    assert signer.signed == 0


@pytest.mark.parametrize("copy", [another_picture, own_copy_is_another])
def test_a_signed_copy_of_another_picture_is_never_vouched_for(
    service: Service, writer: str, signer: Watched, copy: Callable[[bytes, bool], bytes]
) -> None:
    whole = {"sha256": hashlib.sha256(draw(7301)).hexdigest(), "size": len(draw(7301))}

    def lie(record: Record) -> None:
        if copy is another_picture:  # in every way consistent, but for what it shows
            record["credential"]["signed"] |= whole
        else:
            record["credential"]["private_sha256"] = whole["sha256"]

    liar = Liar(signer.public_key, lie)
    liar.copy = copy
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    Image.open(io.BytesIO(draw(7302))).save(file, "JPEG", exif=exif)
    with (
        httpx2.Client(transport=liar) as http,
        Client(service.url, api_key=writer, http_client=http) as client,
        pytest.raises(RecordRefused, match=r"credential\.(signed|private_sha256)"),
    ):
        client.register_signed(file.getvalue(), signer, publisher=PUBLISHER)
    assert signer.signed == 0


@pytest.mark.parametrize("field", ["id", "to_be_signed", "record"])
def test_an_answer_that_contradicts_itself_is_not_signed(
    service: Service, writer: str, signer: Watched, field: str
) -> None:
    liar = Liar(signer.public_key)

    def answer(said: Record) -> None:
        said[field] = {"id": "ab" * 32, "to_be_signed": "A" * 86, "record": said["record"] + "\ud800"}[field]

    liar.answer = answer
    with (
        httpx2.Client(transport=liar) as http,
        Client(service.url, api_key=writer, http_client=http) as client,
        pytest.raises(UnexpectedAnswer),
    ):
        client.register_signed(draw(7303), signer, publisher=PUBLISHER)
    assert signer.signed == 0


@pytest.mark.parametrize("kind", ["blocking", "asynchronous"])
def test_an_honest_service_gets_one_signature_and_the_receipt_holds(
    service: Service, writer: str, signer: Watched, kind: str
) -> None:
    data, claims = draw(7310 if kind == "blocking" else 7311), {"title": "Flood", "publisher": PUBLISHER}

    async def registered() -> Any:
        async with AsyncClient(service.url, api_key=writer) as client:
            return await client.register_signed(data, signer, **claims)  # type: ignore[arg-type]

    with Client(service.url, api_key=writer) as client:
        asset = client.register_signed(data, signer, **claims) if kind == "blocking" else asyncio.run(registered())  # type: ignore[arg-type]
        receipt = Receipt.parse(client.receipt(asset.id))
        again = client.register_signed(data, signer, **claims)  # type: ignore[arg-type]
    assert asset.created
    assert signer.signed == 1
    assert receipt_statement(receipt).kid == signer.public_key.thumbprint
    assert verify_receipt(receipt).record is not None
    assert (again.id, again.created) == (asset.id, False)


@pytest.mark.parametrize(
    "claims",
    [
        {"credential": "none"},
        {"credential": "sidecar"},
        {"visibility": "sealed"},
        {"publish_metadata": True},
        {"metadata_from_file": True, "credit": "The Own"},
        {"digital_source_type": "digitalCapture", "created": True, "licence": "CC BY 4.0"},
        {"captured_at": datetime(2026, 5, 4, 9, 30, 0, 700_000, UTC), "caption": "Two\nlines", "byline": "A. Person"},
    ],
    ids=str,
)
def test_every_claim_can_be_signed_here(service: Service, writer: str, signer: Watched, claims: dict[str, Any]) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F], exif[0x010E], exif[0x0112] = "A maker", "What the camera says", 6
    Image.open(io.BytesIO(draw(7320))).save(file, "JPEG", exif=exif)
    with Client(service.url, api_key=writer) as client:
        asset = client.register_signed(file.getvalue(), signer, publisher=PUBLISHER, **claims)
        record = parse_record(client.record(asset.id))
    assert signer.signed == 1
    assert record.publisher == PUBLISHER  # type: ignore[union-attr]


def test_derivations_and_other_formats_can_be_signed_here(service: Service, writer: str, signer: Watched) -> None:
    with Client(service.url, api_key=writer) as client:
        parent = client.register_signed(draw(7330), signer, publisher=PUBLISHER)
        for kind in ("PNG", "WEBP", "TIFF", "GIF"):
            file = io.BytesIO()
            Image.open(io.BytesIO(draw(7331))).save(file, kind)
            asset = client.register_signed(
                file.getvalue(),
                signer,
                publisher=PUBLISHER,
                parents=[Parent(record=parent.id, relation="parentOf")],
                rendition_of=parent.id,
            )
            assert asset.created
            assert [each.record for each in asset.parents] == [parent.id]


def test_a_publisher_that_is_not_named_is_not_taken_from_the_service(
    service: Service, writer: str, signer: Watched
) -> None:
    with Client(service.url, api_key=writer) as client, pytest.raises(InvalidRequest, match="names its publisher"):
        client.register_signed(draw(7340), signer)


def test_without_what_checks_it_nothing_is_signed(
    service: Service, writer: str, signer: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "provenance.media.sketch", None)
    with Client(service.url, api_key=writer) as client, pytest.raises(MissingExtra, match=r"countermark\[pictures\]"):
        client.register_signed(draw(7341), signer, publisher=PUBLISHER)
    assert signer.signed == 0


def test_a_file_that_changed_after_it_was_uploaded_is_not_signed_for(
    service: Service, writer: str, signer: Watched
) -> None:
    with Client(service.url, api_key=writer) as client:
        uploaded = client.upload(draw(7342))
        with pytest.raises(RecordRefused, match=r"media\.sha256"):
            client.register_signed(draw(7343), signer, uploaded=uploaded, publisher=PUBLISHER)
    assert signer.signed == 0


def test_the_time_that_a_record_may_be_old_is_longer_than_services_keep_it() -> None:
    from registry.usecases.prepared import LIFETIME

    assert LIFETIME < prepared.OLDEST
