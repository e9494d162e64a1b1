"""The whole service with a witness and a time-stamping authority, as its operator configures it."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from countermark.receipts import verify_receipt
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.opened import configuration
from api.settings import InsecureSettingsWarning, Settings, load_settings
from provenance.errors import SettingsInvalid
from provenance.transparency.note import COSIGNATURE_V1, ED25519, VerifierKey
from registry.attestation.cosigning import WitnessClient
from registry.attestation.development_stamps import DevelopmentTimestampWarning
from registry.attestation.timestamping import TimestampClient
from registry.bootstrap import open_registry
from registry.database import checkpoints
from registry.keys import api_keys
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.keys.keystore import Keystore
from registry.registry import Registry
from registry.times import utc_now
from tests.logs.records import signer
from tests.loopback import RunningWitness, running_witness
from tests.patience import POLL_SECONDS, eventually
from tests.unit.api.service.conftest import _jpeg
from tests.witness_service import as_a_service

ORIGIN = "127.0.0.1:8000/log"
PASSPHRASE = "a passphrase that is long"


@dataclass
class Witnessed:
    registry: Registry
    client: TestClient
    witness: RunningWitness
    writer: dict[str, str]


def settings(folder: Path, **values: object) -> Settings:
    return load_settings(
        environment="development",
        folder=folder / "data",
        workers=1,
        key_passphrase=PASSPHRASE,
        timestamp_url="development",
        timestamp_interval=1.0,
        **values,
    )


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witnessed]:
    folder = tmp_path_factory.mktemp("witnessed")
    (folder / "data").mkdir()
    log = Keystore.open(folder / "data", PASSPHRASE.encode(), utc_now).log
    with ExitStack() as opened:
        key = VerifierKey(ORIGIN, ED25519, log.public_key.raw)
        witness = opened.enter_context(running_witness(folder / "w", "w.example", key, serve=as_a_service))
        (folder / "policy").write_text(f"{witness.line('w')}\nquorum w\n")
        with pytest.warns(InsecureSettingsWarning):
            chosen = settings(folder, witness_policy=folder / "policy")
        with pytest.warns(DevelopmentTimestampWarning):
            registry = open_registry(configuration(chosen))
        opened.callback(registry.close)
        client = opened.enter_context(TestClient(create_app(chosen, registry)))
        token = api_keys.mint(
            registry.store, name="w", scopes=[api_keys.ADMIN], now=registry.now(), publisher=DEFAULT_PUBLISHER
        )
        yield Witnessed(registry, client, witness, {"Authorization": f"Bearer {token}"})


def register(witnessed: Witnessed, seed: int, jpeg: Any) -> dict[str, Any]:
    answer = witnessed.client.post(
        "/v1/assets",
        files={"file": ("a.jpg", jpeg(seed))},
        data={"metadata": json.dumps({"title": f"picture {seed}"})},
        headers=witnessed.writer,
    )
    assert answer.status_code == 201, answer.text
    asset: dict[str, Any] = answer.json()
    return asset


def cosigned_size(witnessed: Witnessed) -> int:
    tree = witnessed.registry.proofs.cosigned_tree()
    return 0 if tree is None else tree.checkpoint.size


@pytest.mark.timing
def test_a_registration_is_cosigned_and_its_verdict_says_so(witnessed: Witnessed) -> None:
    asset = register(witnessed, 1, _jpeg)
    eventually(lambda: cosigned_size(witnessed) > asset["index"])
    report = witnessed.client.post("/v1/verifications", files={"file": ("a.jpg", _jpeg(1))}).json()
    assert report["axes"]["proof"]["value"] == "PUBLISHED_AND_COSIGNED"
    receipt = witnessed.client.get(asset["links"]["receipt"]).content
    found = verify_receipt(
        receipt, log_keys=[str(witnessed.registry.sequencer.key), str(witnessed.witness.witness.key)]
    )
    assert [each.key.name for each in found.cosigners] == ["w.example"]
    assert found.holds


def test_a_verdict_follows_what_is_attested_of_a_tree_that_has_not_grown(
    witnessed: Witnessed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cosignatures and time stamps come later: an answer that was kept before says nothing of them."""
    go = threading.Event()

    def held(real: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def ask(*arguments: Any) -> Any:
            while not go.is_set():
                await asyncio.sleep(POLL_SECONDS)
            return await real(*arguments)

        return ask

    monkeypatch.setattr(WitnessClient, "cosign", held(WitnessClient.cosign))
    monkeypatch.setattr(TimestampClient, "stamp", held(TimestampClient.stamp))
    asset = register(witnessed, 7, _jpeg)

    def proof() -> tuple[str, str, int]:
        answer = witnessed.client.post("/v1/verifications", json={"sha256": asset["media"]["sha256"]})
        found = answer.json()["matches"][0]["proof"]
        return found["value"], found["steps"][9]["outcome"], found["tree_size"]

    size = asset["index"] + 1
    assert [proof() for _ in range(2)] == 2 * [("PUBLISHED", "not checked", size)]
    go.set()
    eventually(lambda: proof() == ("PUBLISHED_AND_COSIGNED", "holds", size))


@pytest.mark.timing
def test_clients_that_ask_for_witnesses_find_the_newest_cosigned_checkpoint(witnessed: Witnessed) -> None:
    asset = register(witnessed, 2, _jpeg)
    eventually(lambda: cosigned_size(witnessed) > asset["index"])
    answer = witnessed.client.get("/log/cosigned-checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "— w.example " in answer.text
    metrics = witnessed.client.get("/metrics", headers=witnessed.writer).text
    assert f"countermark_log_cosigned_entries {float(cosigned_size(witnessed))}" in metrics
    assert "countermark_log_witness_lag_seconds " in metrics


@pytest.mark.timing
def test_a_receipt_with_a_time_stamp_is_checked_with_the_authoritys_certificates(
    witnessed: Witnessed, tmp_path: Path
) -> None:
    asset = register(witnessed, 3, _jpeg)
    anchor = tmp_path / "development.pem"
    anchor.write_text(witnessed.registry.keystore.development_authority)

    def stamped_size() -> int:
        with witnessed.registry.store.read() as session:
            row = checkpoints.last_stamped(session)
        return 0 if row is None else row.size

    eventually(lambda: stamped_size() > asset["index"])
    receipt = witnessed.client.get(asset["links"]["receipt"]).content
    found = verify_receipt(receipt, authorities=[anchor])
    assert found.steps[9].outcome == "holds"
    assert "development" in found.steps[9].detail


def test_without_witnesses_there_is_no_cosigned_checkpoint(tmp_path: Path) -> None:
    with pytest.warns(InsecureSettingsWarning):
        chosen = load_settings(environment="development", folder=tmp_path / "data", workers=1)
    with ExitStack() as opened:
        registry = open_registry(configuration(chosen))
        opened.callback(registry.close)
        client = opened.enter_context(TestClient(create_app(chosen, registry)))
        assert client.get("/log/cosigned-checkpoint").status_code == 404


# Settings that cannot be used


POLICIES = {
    "nonsense\n": "line 1",
    "quorum w\n": "line 1",
    f"witness w {VerifierKey('w', COSIGNATURE_V1, signer('w').public_key.raw)}\nquorum w\n": "no URL for",
    f"witness w {VerifierKey('w', COSIGNATURE_V1, signer('w').public_key.raw)} ftp://w\nquorum none\n": "not a URL",
}


@pytest.mark.parametrize(("policy", "why"), POLICIES.items())
def test_a_witness_policy_that_cannot_be_used_stops_the_start(tmp_path: Path, policy: str, why: str) -> None:
    (tmp_path / "policy").write_text(policy)
    with pytest.warns(InsecureSettingsWarning):
        chosen = load_settings(
            environment="development", folder=tmp_path / "data", workers=1, witness_policy=tmp_path / "policy"
        )
    with pytest.raises(SettingsInvalid, match=why):
        open_registry(configuration(chosen))


def test_a_time_stamping_authority_needs_certificates_to_be_verified_by(tmp_path: Path) -> None:
    with pytest.warns(InsecureSettingsWarning):
        chosen = load_settings(
            environment="development", folder=tmp_path / "data", workers=1, timestamp_url="http://tsa.example/"
        )
    with pytest.raises(SettingsInvalid, match="without its certificates"):
        open_registry(configuration(chosen))


def test_production_refuses_the_development_authority() -> None:
    with pytest.raises(SettingsInvalid, match="stamp its own checkpoints"):
        load_settings(key_passphrase=PASSPHRASE, timestamp_url="development")
    with pytest.raises(SettingsInvalid, match="COUNTERMARK_TIMESTAMP_URL"):
        load_settings(key_passphrase=PASSPHRASE, timestamp_url="tsa.example")
