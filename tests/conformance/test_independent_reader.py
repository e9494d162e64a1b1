"""A reader that shares no code with us reads our logs and agrees: a running service, full tiles, another's log."""

import ast
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from countermark import Client, RegisteredAsset, audit_log
from PIL import Image

from demo.service import Service, running_service
from tests.conformance import independent_reader as reader
from tests.conformance import test_tessera_log as tessera
from tests.logs.log import newsroom_log
from tests.logs.records import KEY
from tests.logs.server import serving

PASSPHRASE = "a passphrase for the tests of readers"


@dataclass(frozen=True)
class Newsroom:
    """A running service, in which pictures were registered and one withdrawn; and what its operator says of its log."""

    service: Service
    vkey: str
    info: dict[str, object]
    assets: list[RegisteredAsset]
    withdrawal: str


def draw(seed: int) -> bytes:
    small = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    folder = tmp_path_factory.mktemp("service") / "data"
    with (
        running_service(folder, operator="The Test Daily", key_passphrase=PASSPHRASE) as service,
        Client(service.url, api_key=service.api_key) as client,
    ):
        assets = [client.register(draw(seed), title=f"Picture {seed}") for seed in range(4)]
        withdrawal = client.withdraw(assets[1].id, "the wrong river").id
        environment = os.environ | {
            "COUNTERMARK_ENVIRONMENT": "development",
            "COUNTERMARK_FOLDER": str(folder),
            "COUNTERMARK_PUBLIC_URL": service.url,
            "COUNTERMARK_KEY_PASSPHRASE": PASSPHRASE,
        }
        command = [sys.executable, "-m", "api", "log", "info", "--json"]
        shown = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
        info: dict[str, object] = json.loads(shown)
        yield Newsroom(service, str(info["vkey"]), info, assets, withdrawal)


def test_the_reader_shares_no_code_with_ours() -> None:
    tree = ast.parse(Path(reader.__file__).read_text())
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    outside = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside == {"cryptography"}


@pytest.mark.timing
def test_a_stranger_reads_the_log_of_a_running_service_and_agrees(newsroom: Newsroom) -> None:
    head, entries = reader.read_log(f"{newsroom.service.url}/log", newsroom.vkey)
    assert (head.origin, head.size) == (newsroom.info["origin"], newsroom.info["size"])
    payloads = [reader.sign1(reader.decode(entry)).payload.hex() for entry in entries]
    for asset in newsroom.assets:
        assert payloads[asset.index] == asset.id
    assert newsroom.withdrawal in payloads
    assert len(set(payloads)) == len(entries)


@pytest.mark.timing
def test_every_statement_is_signed_with_a_key_that_the_log_itself_names(newsroom: Newsroom) -> None:
    """Genesis names the operator's keys, the operator's records those of publishers: nothing else is needed."""
    _, entries = reader.read_log(f"{newsroom.service.url}/log", newsroom.vkey)
    keys: dict[bytes, reader.Key] = {}
    types = []
    for entry in entries:
        signed = reader.sign1(reader.decode(entry))
        record = reader.record_at(newsroom.service.url, signed.payload)
        assert record is not None
        types.append(record["type"])
        if record["type"] == "log.genesis":
            assert newsroom.vkey in record["log_keys"]  # type: ignore[operator]  # JSON
            keys |= dict(reader.key_of(jwk) for jwk in record["operator_keys"])  # type: ignore[attr-defined]  # JSON
        kid = signed.headers[4]
        assert isinstance(kid, bytes)
        reader.verify_sign1(signed, keys[kid], signed.payload)
        if record["type"] == "publisher.key":
            keys |= dict([reader.key_of(record["key"])])  # type: ignore[arg-type]  # JSON
    assert types[0] == "log.genesis"
    assert Counter(types)["asset.registered"] == len(newsroom.assets)


@pytest.mark.timing
def test_a_tlog_proof_from_the_service_holds_for_the_stranger(newsroom: Newsroom) -> None:
    for asset in newsroom.assets:
        proof = reader.get(f"{newsroom.service.url}/v1/records/{asset.id}/receipt?format=tlog-proof")
        assert proof is not None
        index, entry = reader.open_tlog_proof(proof, newsroom.vkey)
        assert (index, reader.sign1(reader.decode(entry)).payload.hex()) == (asset.index, asset.id)


@pytest.mark.timing
def test_a_cose_receipt_from_the_service_holds_for_the_stranger(newsroom: Newsroom) -> None:
    x = reader.base64.urlsafe_b64encode(reader.base64.b64decode(newsroom.vkey.split("+", 2)[2])[1:]).decode()
    kid, log_key = reader.key_of({"kty": "OKP", "x": x.rstrip("=")})
    for asset in newsroom.assets:
        statement = reader.get(f"{newsroom.service.url}/v1/records/{asset.id}/statement")
        served = reader.get(f"{newsroom.service.url}/v1/records/{asset.id}/receipt?format=cose")
        assert statement is not None
        assert served is not None
        bare, attached = reader.detach(served)
        assert bare == statement
        receipt, (size, index, path) = reader.open_receipt(attached)
        assert receipt.headers[4] == kid
        assert receipt.headers[15] == {1: newsroom.service.url, 2: asset.record_id}
        assert (size, index) == (newsroom.info["size"], asset.index)
        reader.verify_sign1(receipt, log_key, reader.root_from_path(statement, index, size, path))


@pytest.mark.timing
def test_our_own_auditor_says_the_same_of_the_running_service(newsroom: Newsroom) -> None:
    head, entries = reader.read_log(f"{newsroom.service.url}/log", newsroom.vkey)
    report = audit_log(f"{newsroom.service.url}/log", log_keys=[newsroom.vkey], records=newsroom.service.url)
    assert report.is_sound, report.findings
    assert report.signatures is not None
    assert (report.signatures.verified, report.signatures.unchecked) == (head.size, 0)
    assert report.checkpoint is not None
    assert (report.checkpoint.size, report.checkpoint.root) == (head.size, head.root)
    counted = Counter(reader.sign1(reader.decode(entry)).headers[4] for entry in entries)
    assert dict(report.by_key) == dict(counted)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_the_reader_agrees_with_full_and_partial_tiles(size: int) -> None:
    log = newsroom_log(max(size, 5)).at(size)
    with serving() as server:
        server.publish(log)
        head, entries = reader.read_log(server.log_url, str(KEY))
        assert (head.size, entries) == (size, log.entries)
        assert set(server.asked) == {f"/log/{path}" for path in log.files}


def test_the_reader_reads_a_log_of_another_program() -> None:
    with serving() as server:
        for file in tessera.LOG.rglob("*"):
            if file.is_file():
                server.serve(file.relative_to(tessera.LOG).as_posix(), file.read_bytes())
        assert reader.read_log(server.log_url, str(tessera.KEY))[1] == tessera.ENTRIES


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/1/000.p/2", "tile/entries/001"])
def test_the_reader_notices_one_bit(path: str) -> None:
    log = newsroom_log(700)
    with serving() as server:
        server.publish(log)
        data = bytearray(log.files[path])
        data[-20] ^= 1
        server.serve(path, bytes(data))
        with pytest.raises(Exception):  # noqa: B017  # the plain reader raises whatever comes first
            reader.read_log(server.log_url, str(KEY))
