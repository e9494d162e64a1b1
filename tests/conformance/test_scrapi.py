"""SCITT's reference API (draft-ietf-scitt-scrapi-09, RFC 9942, RFC 9943), as a client of another make meets it.

Receipts are taken apart with cbor2 and checked by what RFC 9942 section 5 says, without our own reader.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.opened import configuration
from api.settings import InsecureSettingsWarning, load_settings
from provenance.limits import MAX_ENTRY_BYTES
from provenance.statement.handover import prove_possession
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.record import Identity, PublisherKey, to_canonical
from provenance.statement.statement import parse_statement, sign_statement
from provenance.transparency import cose_receipt
from registry.bootstrap import open_registry
from registry.database import Session, entries, publishers
from registry.registry import Registry
from registry.usecases.maintenance import fsck
from tests.patience import HUNG_SECONDS, eventually

COSE = {"Content-Type": "application/cose"}
RECEIPT = "application/scitt-receipt+cose"
PROBLEM = "application/concise-problem-details+cbor"

desk = LocalSigner.generate(Algorithm.ED25519)
lab = LocalSigner.generate(Algorithm.ES256)
stranger = LocalSigner.generate(Algorithm.ED25519)


def state_key(registry: Registry, action: Any, signer: LocalSigner, reason: str | None = None) -> None:
    """What the operator logs of a key that the publisher holds itself."""
    record = PublisherKey(
        salt=hashlib.sha256(repr((action, signer.public_key.raw)).encode()).digest(),
        claimed_at=registry.now(),
        publisher="desk" if signer is not lab else "lab",
        name="The Desk",
        identity=Identity("operator-attested", "seen"),
        action=action,
        key=signer.public_key,
        possession=None
        if action == "revoke"
        else prove_possession(signer, registry.config.origin, "desk" if signer is not lab else "lab"),
        reason=reason,
    )
    canonical = to_canonical(record)
    registry.sequencer.append(
        sign_statement(canonical, registry.keystore.operator),
        canonical,
        lambda session, index, _: publishers.apply(session, record, index),
    ).result()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with pytest.warns(InsecureSettingsWarning):
        chosen = load_settings(
            environment="development",
            folder=tmp_path_factory.mktemp("scitt") / "data",
            workers=1,
            public_url="http://127.0.0.1:8000",
            read_rate="1000000/minute",
        )
    opened = open_registry(configuration(chosen))
    state_key(opened, "enrol", desk)
    state_key(opened, "enrol", lab)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def client(registry: Registry) -> Iterator[TestClient]:
    with pytest.warns(InsecureSettingsWarning):
        chosen = load_settings(environment="development", read_rate="1000000/minute")
    app = create_app(chosen, registry)
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as opened:
        yield opened


def kept_record(name: str) -> bytes:
    """A record that its publisher does not show."""
    return b'{"kept":"%s"}' % hashlib.sha256(name.encode()).hexdigest().encode()


def problem(answer: Any, status: int) -> dict[int, Any]:
    """The concise problem details (RFC 9290) of an answer."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    details: dict[int, Any] = cbor2.loads(answer.content)
    assert isinstance(details[-1], str)
    assert isinstance(details[-2], str)
    assert details[-4] == status
    return details


def verify(receipt: bytes, statement: bytes, client: TestClient) -> dict[Any, Any]:
    """RFC 9942 section 5.2, by hand, with the key from /.well-known/scitt-keys; returns the protected headers."""
    protected, unprotected, payload, signature = cbor2.loads(receipt).value
    headers: dict[Any, Any] = cbor2.loads(protected)
    assert payload is None
    assert headers[395] == 1
    size, index, path = cbor2.loads(unprotected[396][-1][0])
    node, last = hashlib.sha256(b"\x00" + statement).digest(), size - 1
    for sibling in path:  # RFC 9162 section 2.1.3.2
        if index % 2 == 1 or index == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        index, last = index // 2, last // 2
    assert last == 0
    kid = base64.urlsafe_b64encode(headers[4]).rstrip(b"=").decode()
    answer = client.get(f"/.well-known/scitt-keys/{kid}", headers={"Accept": "application/cbor"})
    key = cbor2.loads(answer.content)
    assert (key[1], key[-1], key[2], key[3]) == (1, 6, headers[4], headers[1])
    signed = cbor2.dumps(["Signature1", protected, b"", node])
    Ed25519PublicKey.from_public_bytes(key[-2]).verify(signature, signed)
    return headers


@pytest.mark.parametrize("signer", [desk, lab], ids=["EdDSA", "ES256"])
def test_a_statement_by_an_enrolled_key_gets_a_receipt(client: TestClient, signer: LocalSigner) -> None:
    statement = sign_statement(kept_record(f"first {signer.public_key.algorithm}"), signer)
    answer = client.post("/scitt/entries", content=statement, headers=COSE)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == RECEIPT
    record = parse_statement(statement).record_id.hex()
    assert answer.headers["location"] == f"/scitt/entries/{record}"
    headers = verify(answer.content, statement, client)
    assert headers[15] == {1: "http://127.0.0.1:8000", 2: f"urn:countermark:record:{record}"}
    again = client.get(answer.headers["location"])
    assert (again.status_code, again.headers["content-type"]) == (200, RECEIPT)
    verify(again.content, statement, client)


def test_the_same_statement_twice_is_one_entry(client: TestClient, registry: Registry) -> None:
    statement = sign_statement(kept_record("twice"), desk)
    assert client.post("/scitt/entries", content=statement, headers=COSE).status_code == 201
    size = registry.sequencer.size
    assert client.post("/scitt/entries", content=statement, headers=COSE).status_code == 201
    assert registry.sequencer.size == size


def test_another_statement_about_the_same_record_is_refused(client: TestClient) -> None:
    record = kept_record("rivals")
    assert client.post("/scitt/entries", content=sign_statement(record, desk), headers=COSE).status_code == 201
    problem(client.post("/scitt/entries", content=sign_statement(record, lab), headers=COSE), 409)


def test_the_receipt_of_a_public_record_is_served_as_well(client: TestClient, registry: Registry) -> None:
    with registry.store.read() as session:
        entry = entries.get(session, 1)
    answer = client.get(f"/scitt/entries/{entry.record_id.hex()}")
    assert answer.status_code == 200
    verify(answer.content, entry.statement, client)


def test_a_receipt_is_read_by_our_own_reader_too(client: TestClient, registry: Registry) -> None:
    statement = sign_statement(kept_record("own reader"), desk)
    receipt = cose_receipt.parse(client.post("/scitt/entries", content=statement, headers=COSE).content)
    keys = {registry.keystore.log.public_key.thumbprint: registry.keystore.log.public_key}
    cose_receipt.verify_inclusion(receipt, keys, statement)


@pytest.mark.timing
def test_a_statement_that_is_not_published_in_time_is_to_be_asked_for(
    client: TestClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.scitt.SCITT_WAIT_SECONDS", 0.1)
    started, release = threading.Event(), threading.Event()

    def hold(_session: Session) -> None:
        started.set()
        release.wait(HUNG_SECONDS)

    held = registry.store.write(hold)
    assert started.wait(HUNG_SECONDS)
    statement = sign_statement(kept_record("slow"), desk)
    answer = client.post("/scitt/entries", content=statement, headers=COSE)
    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (303, "1", b"")
    release.set()
    held.result()
    sequenced = registry.sequencer.append(*_small("after the slow one")).result()
    assert sequenced.created
    receipt = client.get(answer.headers["location"])
    assert receipt.status_code == 200
    verify(receipt.content, statement, client)


def test_an_entry_that_no_tree_has_yet_redirects_to_itself(
    client: TestClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = registry.sequencer.append(*_small("newest")).result()
    monkeypatch.setattr(type(registry.sequencer), "size", property(lambda _: newest.index))
    answer = client.get(f"/scitt/entries/{newest.record_id.hex()}")
    assert (answer.status_code, answer.headers["retry-after"]) == (302, "1")
    assert answer.headers["location"] == f"/scitt/entries/{newest.record_id.hex()}"


def _small(name: str) -> tuple[bytes, None]:
    return sign_statement(kept_record(name), desk), None


# What is refused


def test_an_unknown_key_is_refused_by_its_name(client: TestClient) -> None:
    answer = client.post("/scitt/entries", content=sign_statement(kept_record("x"), stranger), headers=COSE)
    assert stranger.public_key.thumbprint.hex() in problem(answer, 403)[-2]


def test_the_operators_own_key_registers_nothing_here(client: TestClient, registry: Registry) -> None:
    statement = sign_statement(kept_record("by the operator"), registry.keystore.operator)
    problem(client.post("/scitt/entries", content=statement, headers=COSE), 403)


def test_a_revoked_key_is_refused_with_the_reason(client: TestClient, registry: Registry) -> None:
    lost = LocalSigner.generate(Algorithm.ED25519)
    state_key(registry, "enrol", lost)
    before = sign_statement(kept_record("before"), lost)
    assert client.post("/scitt/entries", content=before, headers=COSE).status_code == 201
    state_key(registry, "revoke", lost, "the laptop was stolen")
    answer = client.post("/scitt/entries", content=sign_statement(kept_record("after"), lost), headers=COSE)
    assert "the laptop was stolen" in problem(answer, 403)[-2]
    assert client.get(f"/scitt/entries/{parse_statement(before).record_id.hex()}").status_code == 200


@pytest.mark.timing
def test_a_key_that_is_revoked_while_its_statement_waits_is_refused(client: TestClient, registry: Registry) -> None:
    fading = LocalSigner.generate(Algorithm.ED25519)
    state_key(registry, "enrol", fading)
    started, release = threading.Event(), threading.Event()

    def hold(_session: Session) -> None:
        started.set()
        release.wait(HUNG_SECONDS)

    registry.store.write(hold)
    assert started.wait(HUNG_SECONDS)
    revoking = threading.Thread(target=state_key, args=(registry, "revoke", fading, "just now"))
    revoking.start()
    eventually(lambda: registry.store._writer._jobs.qsize())  # on its way to the writer, and not in the store

    def go_on() -> None:
        eventually(lambda: registry.sequencer._queue.qsize())  # the statement waits behind it
        release.set()

    going_on = threading.Thread(target=go_on)
    going_on.start()
    answer = client.post("/scitt/entries", content=sign_statement(kept_record("too late"), fading), headers=COSE)
    for thread in (revoking, going_on):
        thread.join()
    assert "just now" in problem(answer, 403)[-2]


def test_a_signature_that_does_not_verify_is_refused(client: TestClient) -> None:
    statement = bytearray(sign_statement(kept_record("forged"), desk))
    statement[-1] ^= 1
    assert "signature" in problem(client.post("/scitt/entries", content=bytes(statement), headers=COSE), 400)[-2]


def test_an_oversize_statement_never_gets_to_the_sequencer(client: TestClient, registry: Registry) -> None:
    size = registry.sequencer.size
    problem(client.post("/scitt/entries", content=bytes(MAX_ENTRY_BYTES + 1), headers=COSE), 413)
    assert registry.sequencer.size == size


@pytest.mark.parametrize(
    "statement",
    [
        b"",
        b"\x00",
        bytes(MAX_ENTRY_BYTES),
        cbor2.dumps(cbor2.CBORTag(18, [b"", {}, b"", b""])),
        # the right values, not in their one encoding: an indefinite length, an unprotected header, no tag
        sign_statement(kept_record("odd"), desk).replace(b"\xd2\x84", b"\xd2\x9f", 1) + b"\xff",
        sign_statement(kept_record("odd"), desk)[1:],
        sign_statement(kept_record("odd"), desk) + b"\x00",
    ],
)
def test_what_is_no_statement_in_the_one_encoding_is_refused(client: TestClient, statement: bytes) -> None:
    problem(client.post("/scitt/entries", content=statement, headers=COSE), 400)


def test_another_media_type_is_refused(client: TestClient) -> None:
    statement = sign_statement(kept_record("json"), desk)
    problem(client.post("/scitt/entries", content=statement, headers={"Content-Type": "application/json"}), 415)
    problem(client.post("/scitt/entries", content=statement), 415)


@pytest.mark.parametrize(
    "path", ["/scitt/entries/" + "0" * 64, "/scitt/entries/x", "/scitt/nothing", "/scitt/entries/"]
)
def test_what_is_not_there_is_a_concise_problem(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)


def test_another_method_is_a_concise_problem(client: TestClient) -> None:
    problem(client.get("/scitt/entries"), 405)


# Keys


def test_the_key_set_holds_the_logs_key_by_its_thumbprint(client: TestClient, registry: Registry) -> None:
    answer = client.get("/.well-known/scitt-keys")
    assert answer.headers["content-type"] == "application/cbor"
    (key,) = cbor2.loads(answer.content)
    required = {label: key[label] for label in (1, -1, -2)}
    assert key[2] == hashlib.sha256(cbor2.dumps(required, canonical=True)).digest()  # RFC 9679
    assert key[-2] == registry.keystore.log.public_key.raw


def test_an_unknown_kid_is_a_concise_problem(client: TestClient) -> None:
    problem(client.get("/.well-known/scitt-keys/a2lk"), 404)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(algorithm=st.sampled_from(Algorithm))
def test_a_cose_key_says_all_of_a_key(algorithm: Algorithm) -> None:
    key = LocalSigner.generate(algorithm).public_key
    read = cbor2.loads(cbor2.dumps(key.to_cose_key()))
    match read:
        case {1: 1, -1: 6, -2: x, 2: kid, 3: -8}:
            assert x == key.raw
        case {1: 2, -1: 1, -2: x, -3: y, 2: kid, 3: -7}:
            assert b"\x04" + x + y == key.raw
        case other:
            pytest.fail(f"no COSE key: {other}")
    assert kid == key.thumbprint


# The log


def test_a_log_with_withheld_records_passes_its_audit(client: TestClient, registry: Registry) -> None:
    withheld = sign_statement(kept_record("audited"), desk)
    assert client.post("/scitt/entries", content=withheld, headers=COSE).status_code == 201
    assert list(fsck.check(registry.store, registry.blobs, registry.sequencer.key)) == []


def test_a_withheld_record_is_proven_and_not_shown(client: TestClient, registry: Registry) -> None:
    statement = sign_statement(kept_record("hidden"), desk)
    client.post("/scitt/entries", content=statement, headers=COSE)
    record = parse_statement(statement).record_id.hex()
    assert client.get(f"/v1/records/{record}/statement").content == statement
    assert client.get(f"/v1/records/{record}/proof").status_code == 200
    shown = client.get(f"/v1/records/{record}")
    assert (shown.status_code, "its publisher keeps it" in shown.json()["detail"]) == (404, True)


def test_a_log_restarts_with_withheld_records(tmp_path: Path) -> None:
    with pytest.warns(InsecureSettingsWarning):
        chosen = load_settings(environment="development", folder=tmp_path / "data", workers=1)
    opened = open_registry(configuration(chosen))
    state_key(opened, "enrol", desk)
    statement = sign_statement(kept_record("restart"), desk)
    index = opened.sequencer.append(statement, None).result().index
    opened.close()
    opened = open_registry(configuration(chosen))
    try:
        with opened.store.read() as session:
            assert entries.get(session, index).statement == statement
    finally:
        opened.close()
