"""Stores and files of earlier versions stay good: each folder of `tests/earlier` migrates, is sound and serves."""

import base64
import json
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from countermark import verify_receipt
from countermark.models import Report, read
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.opened import configuration
from api.settings import InsecureSettingsWarning, load_settings
from provenance.transparency.merkle import verify_consistency
from registry.attestation.development_stamps import DevelopmentTimestampWarning
from registry.bootstrap import open_registry
from registry.registry import Registry
from registry.usecases.maintenance import fsck
from tests.earlier.make import EARLIER, OPERATOR, ORIGIN, PASSPHRASE, jpeg, picture
from tests.unit.api.service.agreed import agreed

VERSIONS = sorted(path.parent.name for path in EARLIER.glob("*/story.json"))

Story = dict[str, Any]


@dataclass(frozen=True)
class Earlier:
    """A version's store, opened by today's service, and what that version's users took away."""

    files: Path
    story: Story
    registry: Registry
    client: TestClient

    def verified(self, name: str) -> Any:
        answer = self.client.post("/v1/verifications", files={"file": (self.files / name).read_bytes()})
        assert answer.status_code == 200, answer.text[:300]
        return answer.json()

    def asset(self, what: str) -> str:
        return str(self.story["assets"][what])


@pytest.fixture(scope="module", params=VERSIONS)
def earlier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Earlier]:
    files = EARLIER / request.param
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(files / "store.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # keys keep their modes; Python 3.11.4 has it
        archive.extractall(folder)
    with pytest.warns(InsecureSettingsWarning):
        settings = load_settings(
            environment="development",
            folder=folder / "data",
            operator=OPERATOR,
            origin=ORIGIN,
            key_passphrase=PASSPHRASE,
            timestamp_url="development",
            workers=1,
        )
    with pytest.warns(DevelopmentTimestampWarning):
        registry = open_registry(configuration(settings))
    try:
        with TestClient(create_app(settings, registry), raise_server_exceptions=False) as client:
            yield Earlier(files, json.loads((files / "story.json").read_text()), registry, client)
    finally:
        registry.close()
        shutil.rmtree(folder)


def test_there_is_a_store_of_an_earlier_version() -> None:
    assert VERSIONS


def test_the_store_is_sound_after_migration(earlier: Earlier) -> None:
    registry = earlier.registry
    assert list(fsck.check(registry.store, registry.blobs, registry.sequencer.key)) == []


def test_each_receipt_proves_what_it_proved(earlier: Earlier) -> None:
    for what, proven in earlier.story["receipts"].items():
        report = verify_receipt(earlier.files / f"{what}.countermark", earlier.files / f"{what}.jpg")
        assert (what, report.holds, [step.outcome for step in report.steps]) == (what, proven["holds"], proven["steps"])


def test_a_receipt_made_today_proves_the_same(earlier: Earlier) -> None:
    for what, proven in earlier.story["receipts"].items():
        answer = earlier.client.get(f"/v1/assets/{earlier.asset(what)}/receipt")
        assert answer.status_code == 200, answer.text
        report = verify_receipt(answer.content, earlier.files / f"{what}.jpg")
        assert (what, report.holds, [step.outcome for step in report.steps]) == (what, proven["holds"], proven["steps"])


def test_each_stored_report_is_served_as_it_was_and_read(earlier: Earlier) -> None:
    for name, report_id in earlier.story["reports"].items():
        stored = (earlier.files / f"{name}.report.json").read_bytes()
        answer = earlier.client.get(f"/v1/verifications/{report_id}")
        assert answer.json() == json.loads(stored)
        assert agreed(Report, answer).id == report_id
        assert read(Report, stored).id == report_id
        assert read(Report, answer.content) == read(Report, stored)


@pytest.mark.parametrize("name", ["plain", "hijacked", "recompressed", "edited"])
def test_a_verification_today_leads_to_the_same_record_with_the_same_headline(earlier: Earlier, name: str) -> None:
    then = json.loads((earlier.files / f"{name}.report.json").read_bytes())
    now = earlier.verified(f"{name}.jpg")
    assert now["headline"]["code"] == then["headline"]["code"]
    assert [match["asset"]["id"] for match in now["matches"]] == [match["asset"]["id"] for match in then["matches"]]


def test_the_signed_copy_is_trusted_and_leads_to_its_record(earlier: Earlier) -> None:
    report = earlier.verified("signed.copy.jpg")
    assert report["axes"]["credential"]["value"] == "TRUSTED"
    assert report["matches"][0]["asset"]["id"] == earlier.asset("signed")


def test_signed_copies_are_served_as_they_were(earlier: Earlier) -> None:
    key = {"Authorization": f"Bearer {earlier.story['api_key']}"}
    path = f"/v1/assets/{earlier.asset('signed')}/credentialed"
    assert earlier.client.get(path).content == (earlier.files / "signed.public.jpg").read_bytes()
    assert earlier.client.get(path, headers=key).content == (earlier.files / "signed.copy.jpg").read_bytes()


def test_what_was_said_of_records_still_stands(earlier: Earlier) -> None:
    def standing(what: str) -> str:
        return str(earlier.client.get(f"/v1/assets/{earlier.asset(what)}").json()["standing"]["value"])

    assert (standing("withdrawn"), standing("disputed"), standing("plain")) == ("withdrawn", "disputed", "superseded")
    assert earlier.client.get(f"/v1/assets/{earlier.asset('sealed')}").status_code == 403
    assert earlier.client.get(f"/v1/assets/{earlier.asset('erased')}").status_code == 410


def test_the_log_grows_from_the_checkpoint_that_was_shown(earlier: Earlier) -> None:
    key = {"Authorization": f"Bearer {earlier.story['api_key']}"}
    registered = earlier.client.post("/v1/assets", files={"file": jpeg(picture(20))}, headers=key)
    assert registered.status_code == 201, registered.text
    tree = earlier.registry.proofs.tree()
    origin, size, root = (earlier.files / "checkpoint").read_text().splitlines()[:3]
    assert tree.checkpoint.origin == origin
    assert tree.checkpoint.size > int(size)
    proof = tree.prove_growth(int(size))
    verify_consistency(int(size), base64.b64decode(root), tree.checkpoint.size, tree.checkpoint.root, proof)
