"""Derivation, disputes, seals and erasure against the running service, and what is left of it on the disk."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from countermark import Client, Erased, NotPermitted, Sealed, verify_receipt
from countermark.models import Parent
from PIL import ExifTags, Image

from demo.service import Service
from tests.unit.registry.desk import jpeg


@pytest.fixture(scope="module")
def client(service: Service) -> Any:
    body = json.dumps({"id": "rival", "name": "The Rival"}).encode()
    headers = {"Authorization": f"Bearer {service.api_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{service.url}/v1/publishers", body, headers)  # loopback
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
    with Client(service.url, api_key=service.api_key) as client:
        yield client


def countermark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "countermark", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def files_with(folder: Path, *needles: bytes) -> list[str]:
    return [
        f"{path.relative_to(folder)}: {needle!r}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for needle in needles
        if needle in path.read_bytes()
    ]


def test_a_derivative_is_proven_to_its_origins_offline(client: Client, tmp_path: Path) -> None:
    raw = client.register(jpeg(900), title="Raw", credential="none")
    crop = client.register(jpeg(901), title="Crop", credential="none", rendition_of=raw.id)
    page = client.register(
        jpeg(902), title="Page", credential="none", parents=[Parent(record=crop.id, relation="componentOf")]
    )
    key = str(raw.receipt["log_key"])
    receipt = tmp_path / "page.countermark"
    receipt.write_bytes(client.receipt(page.id))
    checked = countermark("receipt", "verify", str(receipt), "--vkey", key)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "2 links to its origins, each proven" in checked.stdout
    answer = json.loads(countermark("receipt", "verify", str(receipt), "--vkey", key, "--json").stdout)
    assert [(link["parent"], link["state"]) for link in answer["chain"]] == [(crop.id, "proven"), (raw.id, "proven")]
    graph = client.graph(crop.id)
    assert {node.title for node in graph.nodes} == {"Raw", "Crop", "Page"}
    assert client.graph_as(crop.id, "svg").startswith(b"<?xml")
    assert json.loads(client.graph_as(crop.id, "jsonld"))["@graph"]
    report = client.verify(jpeg(902))
    assert [link.state for link in report.matches[0].proof.chain] == ["proven", "proven"]


def test_a_disputed_receipt_says_so_offline(client: Client, tmp_path: Path) -> None:
    asset = client.register(jpeg(903), credential="none")
    key = str(asset.receipt["log_key"])
    with pytest.raises(NotPermitted):
        client.dispute(asset.id, "Mine.", publisher="newsroom")
    dispute = client.dispute(asset.id, "Ours.", publisher="rival")
    receipt = tmp_path / "disputed.countermark"
    receipt.write_bytes(client.receipt(asset.id))
    checked = countermark("receipt", "verify", str(receipt), "--vkey", key)
    assert checked.returncode == 1
    assert "another publisher disputes the registration" in checked.stdout
    client.answer_dispute(dispute.id, "retracted", "A mistake.", publisher="rival")
    assert [(each.open, each.answers[0].outcome) for each in client.disputes(asset.id)] == [(False, "retracted")]
    assert client.asset(asset.id).standing.value == "current"
    report = verify_receipt(client.receipt(asset.id), log_keys=[key])
    assert (report.holds, report.disputed) == (True, False)


def test_a_sealed_registration_is_revealed_with_its_time(client: Client, service: Service) -> None:
    asset = client.register(jpeg(904), title="Kept back", credential="none", visibility="sealed")
    with Client(service.url) as stranger:
        with pytest.raises(Sealed):
            stranger.asset(asset.id)
        assert stranger.verify(jpeg(904)).headline.code == "NOTHING_FOUND"
        assert asset.id in {each.id for each in client.assets(visibility="sealed", publisher="newsroom")}
        revealed = client.reveal(asset.id)
        assert (revealed.index, revealed.logged_at) == (asset.index, asset.logged_at)
        assert stranger.asset(asset.id).title == "Kept back"
        assert stranger.verify(jpeg(904)).headline.code == "EXACT_MATCH"


def test_what_is_erased_is_on_no_file_of_the_running_service(client: Client, service: Service) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Planted Owner Quastenflosser"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = "PLANTED-SERIAL-99"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSMapDatum] = "PLANTED-GPS-DATUM"
    picture = jpeg(905, exif=exif)
    asset = client.register(picture, title="Planted Title Quastenflosser", caption="Planted Caption")
    kept = client.receipt(asset.id)
    report = client.verify(picture)
    planted = (
        b"Quastenflosser",
        b"PLANTED-SERIAL-99",
        b"PLANTED-GPS-DATUM",
        b"Planted Caption",
        asset.media.sha256.encode(),
        bytes.fromhex(asset.media.sha256),
        json.loads(client.record(asset.id))["salt"].encode(),
    )
    assert len({found.rpartition(": ")[2] for found in files_with(service.folder.parent, *planted)}) == len(planted)

    erasure = client.erase(asset.id, "request of the person shown")

    assert files_with(service.folder.parent, *planted) == []
    assert client.erasure(asset.id) == erasure
    for read in (client.asset, client.receipt, client.record, client.thumbnail, client.credentialed, client.graph):
        with pytest.raises(Erased):
            read(asset.id)
    with pytest.raises(Erased):
        client.report(report.id)
    assert [event.type for event in client.history(asset.id)] == ["asset.registered", "record.erased"]
    assert client.verify(picture).headline.code == "NOTHING_FOUND"
    assert verify_receipt(kept, log_keys=[str(asset.receipt["log_key"])]).holds
    stated = client.receipt(erasure.records[0].erased_by)
    assert verify_receipt(stated, log_keys=[str(asset.receipt["log_key"])]).holds
