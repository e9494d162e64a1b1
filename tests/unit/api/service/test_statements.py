"""`/v1/statements`: what publishers have signed themselves is logged, many at a time, or refused with the reason."""

import secrets

import pytest
from starlette.testclient import TestClient

from provenance.limits import MAX_STATEMENTS
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.statement import STATEMENT_BYTES, parse_statement, sign_statement
from provenance.transparency.tlog_proof import TlogProof
from registry.registry import Registry
from registry.usecases.append import publisher_signer

URL = "/v1/statements"


def signer_of(registry: Registry, publisher: str) -> LocalSigner:
    signer = publisher_signer(registry, publisher)
    assert isinstance(signer, LocalSigner)
    return signer


@pytest.fixture
def signer(registry: Registry) -> LocalSigner:
    """The key of the publisher that `writer` writes for."""
    return signer_of(registry, "newsroom")


def new(signer: LocalSigner) -> bytes:
    return sign_statement(secrets.token_bytes(16), signer)


def test_statements_are_logged_in_their_order_with_proofs_under_the_checkpoint_that_is_shown(
    client: TestClient, writer: dict[str, str], signer: LocalSigner, registry: Registry
) -> None:
    statements = [new(signer) for _ in range(5)]
    answer = client.post(f"{URL}?proofs=true", content=b"".join(statements), headers=writer)
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    assert [item["index"] for item in items] == list(range(items[0]["index"], items[0]["index"] + 5))
    for statement, item in zip(statements, items, strict=True):
        proof = TlogProof.parse(item["proof"].encode())
        proof.verify(statement, [registry.sequencer.key], registry.sequencer.key.name)
        assert item["record_id"].endswith(parse_statement(statement).record_id.hex())
        assert item["created"]


def test_the_same_statement_is_one_entry(client: TestClient, writer: dict[str, str], signer: LocalSigner) -> None:
    statement = new(signer)
    first, again = (client.post(URL, content=statement, headers=writer).json()["items"][0] for _ in range(2))
    assert (first["index"], first["created"]) == (again["index"], True)
    assert not again["created"]
    assert again["proof"] is None


def test_one_statement_that_is_refused_keeps_all_of_them_out(
    client: TestClient, writer: dict[str, str], signer: LocalSigner, registry: Registry
) -> None:
    size = registry.sequencer.size
    broken = bytearray(new(signer))
    broken[-1] ^= 1
    for body, status, words in (
        (new(signer) + bytes(broken), 422, "Statement 1"),
        (new(signer) + new(LocalSigner.generate(Algorithm.ED25519)), 403, "not enrolled for newsroom"),
        (new(signer_of(registry, "rival")), 403, "not enrolled for newsroom"),
        (new(signer)[:-1], 400, "191 bytes"),
        (b"", 400, "191 bytes"),
        (bytes(STATEMENT_BYTES), 400, "Statement 0"),
        (bytes(STATEMENT_BYTES * (MAX_STATEMENTS + 1)), 413, "at most"),
    ):
        answer = client.post(URL, content=body, headers=writer)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["detail"]
    assert client.post(URL, content=new(signer)).status_code == 401
    assert registry.sequencer.size == size


def test_another_statement_about_the_same_record_is_a_conflict(
    client: TestClient, writer: dict[str, str], other: dict[str, str], signer: LocalSigner, registry: Registry
) -> None:
    record = secrets.token_bytes(16)
    assert client.post(URL, content=sign_statement(record, signer), headers=writer).status_code == 201
    rival = sign_statement(record, signer_of(registry, "rival"))
    answer = client.post(URL, content=rival, headers=other)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:countermark:problem:conflict")
