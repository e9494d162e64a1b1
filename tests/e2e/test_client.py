"""The SDK and the command line against the running service, from registration to withdrawal."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from countermark import (
    AsyncClient,
    Client,
    Conflict,
    Digests,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    RegisteredAsset,
    UndecodableMedia,
    UnsupportedMedia,
    verify_receipt,
)
from PIL import Image

from api.__main__ import main
from demo import alterations
from demo.service import Service
from tests.patience import HUNG_SECONDS

Ask = Callable[..., Any]


def draw(seed: int) -> bytes:
    """A JPEG with shapes; another seed is another picture."""
    small = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


@pytest.fixture(params=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest, service: Service) -> Ask:
    """Calls a method of either client."""

    def blocking(method: str, *args: object, **named: object) -> Any:
        with Client(service.url, api_key=service.api_key) as client:
            return getattr(client, method)(*args, **named)

    async def one(method: str, args: tuple[object, ...], named: dict[str, object]) -> Any:
        async with AsyncClient(service.url, api_key=service.api_key) as client:
            return await getattr(client, method)(*args, **named)

    def asynchronous(method: str, *args: object, **named: object) -> Any:
        return asyncio.run(one(method, args, named))

    return blocking if request.param == "blocking" else asynchronous


def log_key(asset: RegisteredAsset) -> str:
    """As an operator would print it: the tests believe this service."""
    return str(asset.receipt["log_key"])


def test_a_picture_is_registered_verified_proven_and_withdrawn(ask: Ask, request: pytest.FixtureRequest) -> None:
    picture = draw(1 if "blocking" in request.node.name else 2)
    asset = ask("register", picture, title="Flood", digital_source_type="digitalCapture")
    assert asset.created
    assert asset.state == "published"
    assert asset.title == "Flood"

    again = ask("register", picture, title="Flood", digital_source_type="digitalCapture")
    assert (again.id, again.created) == (asset.id, False)
    assert ask("asset", asset.record_id).id == asset.id

    report = ask("verify", picture)
    assert report.headline.code == "EXACT_MATCH"
    assert report.axes.proof.value == "PUBLISHED"
    assert report.matches[0].asset.id == asset.id
    assert ask("report", report.id) == report
    assert ask("verify_digests", asset.media.sha256).axes.registration.value == "EXACT_MATCH"

    lookups = ask(
        "lookup", [asset.media.sha256, Digests("ab" * 32, pixels_sha256=asset.media.pixels_sha256), "cd" * 32]
    )
    assert [[(each.record, each.basis) for each in item.matches] for item in lookups.items] == [
        *([(asset.id, "bytes")], [(asset.id, "pixels")], [])
    ]

    signed = ask("credentialed", asset.id)
    report = ask("verify", signed)
    assert report.matches[0].signed_copy
    assert report.credential.manifest_id == asset.credential.manifest_id
    assert ask("manifest", asset.id)
    assert ask("thumbnail", asset.id).startswith(b"RIFF")
    assert json.loads(ask("record", asset.id))["title"] == "Flood"

    receipt = ask("receipt", asset.id)
    for copy in (None, picture, signed):
        proven = verify_receipt(receipt, copy, log_keys=[log_key(asset)])
        assert proven.holds
        assert proven.log_key_pinned
        assert proven.record_id.hex() == asset.id
    assert not verify_receipt(receipt, draw(99), log_keys=[log_key(asset)]).holds

    withdrawal = ask("withdraw", asset.id, "the wrong river")
    assert withdrawal.record == asset.id
    assert [event.type for event in ask("history", asset.id)] == ["asset.registered", "asset.withdrawn"]
    assert ask("verify", picture).matches[0].standing.value == "withdrawn"
    later = verify_receipt(ask("receipt", asset.id), picture, log_keys=[log_key(asset)])
    assert later.holds
    assert later.withdrawn


def test_what_differs_is_read_with_its_regions_and_error_rates(ask: Ask) -> None:
    ask("register", alterations.PHOTOS / "mountains.jpg", title="Path below the Picos")
    report = ask("verify", alterations.copy_with_pasted_object())
    assert report.axes.registration.value == "MATCH_WITH_DIFFERENCES"
    assert report.matches[0].comparison.regions
    assert ask("difference", report.id).startswith(b"\x89PNG")
    assert any(finding.error_rates for finding in report.findings)


def test_two_pictures_that_nobody_registered_are_compared_with_each_other(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "before.jpg").write_bytes(draw(830))
    edited = Image.open(tmp_path / "before.jpg")
    edited.paste((200, 30, 30), (80, 60, 200, 160))
    file = io.BytesIO()
    edited.save(file, "PNG")
    told: list[tuple[int, int]] = []
    answer = ask("compare", file.getvalue(), tmp_path / "before.jpg", progress=lambda *each: told.append(each))
    assert answer.headline.code == "MATCH_WITH_DIFFERENCES"
    assert answer.comparison.regions[0].kind == "differs"
    assert (answer.file.media_type, answer.reference.media_type) == ("image/png", "image/jpeg")
    assert told[-1][0] == told[-1][1] > len(file.getvalue()) + (tmp_path / "before.jpg").stat().st_size
    same = ask("compare", tmp_path / "before.jpg", tmp_path / "before.jpg", full_detail=True)
    assert same.basis == "bytes"
    with pytest.raises(UnsupportedMedia):
        ask("compare", file.getvalue(), b"no picture")


def test_a_file_is_streamed_and_its_progress_told(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(draw(3))
    told: list[tuple[int, int]] = []
    ask("verify", file, progress=lambda sent, size: told.append((sent, size)))
    assert told[-1] == (file.stat().st_size, file.stat().st_size)


def test_refusals_come_back_as_our_exceptions_with_a_request_id(ask: Ask, service: Service) -> None:
    refusals: list[tuple[type[Exception], Callable[[], object]]] = [
        (UnsupportedMedia, lambda: ask("verify", b"not a picture")),
        (UndecodableMedia, lambda: ask("register", draw(4)[:2000])),
        (InvalidRequest, lambda: ask("register", draw(5), title="\x00")),
        (NotFound, lambda: ask("asset", "00" * 32)),
        (NotFound, lambda: ask("report", "00" * 16)),
    ]
    for kind, attempt in refusals:
        with pytest.raises(kind) as raised:
            attempt()
        assert str(getattr(raised.value, "request_id", "")).startswith("req_")
    with Client(service.url) as stranger, pytest.raises(NotAuthenticated):
        stranger.register(draw(6))
    with Client(service.url, api_key="cmk_nobody_nothing") as stranger, pytest.raises(NotAuthenticated):
        stranger.register(draw(6))


def test_lists_publishers_and_the_checkpoint_can_be_read(service: Service) -> None:
    with Client(service.url, api_key=service.api_key) as client:
        asset = client.register(draw(7), title="In a list")
        assert asset.id in [listed.id for listed in client.assets(sha256=asset.media.sha256)]
        publisher = next(each for each in client.publishers() if each.id == asset.publisher.id)
        assert publisher.key in [key.thumbprint for key in client.publisher_keys(publisher.id)]
        assert len(client.checkpoint().splitlines()) >= 5
        client.ready()


# The command line -------------------------------------------------------------------------------


@pytest.fixture
def command(service: Service, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `countermark` in a folder of its own."""
    environment = os.environ | {"COUNTERMARK_URL": service.url, "COUNTERMARK_API_KEY": service.api_key}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "countermark", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=HUNG_SECONDS,
            check=False,
        )

    return run


@pytest.mark.filterwarnings("ignore::api.settings.InsecureSettingsWarning")
def test_api_keys_are_made_replaced_and_revoked_beside_the_running_service(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def key(*arguments: str, admin: str = service.api_key) -> tuple[int, str, str]:
        """Status, standard output and standard error of `python -m api key …`."""
        settings = {
            "ENVIRONMENT": "development",
            "FOLDER": str(service.folder),
            "PORT": service.url.rpartition(":")[2],
            "API_KEY": admin,
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"COUNTERMARK_{name}", value)
        monkeypatch.setattr(sys, "argv", ["api", "key", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    def opens(secret: str) -> bool:
        try:
            with Client(service.url, api_key=secret, max_retries=0) as client:
                client.register(draw(71), title="Harbour", credential="none")
        except NotAuthenticated:
            return False
        return True

    first = key("create", "--name", "desk", "--scope", "assets:write")[1].strip()
    assert opens(first)
    (line,) = [each for each in map(json.loads, key("list", "--json")[1].splitlines()) if each["name"] == "desk"]
    second = key("rotate", line["id"], "--overlap", "3600")[1].strip()
    assert opens(first)
    assert opens(second)
    assert key("revoke", line["id"])[0] == 0
    assert not opens(first)
    assert opens(second)
    code, _, told = key("list", admin="")
    assert code == 2
    assert "COUNTERMARK_API_KEY" in told
    assert key("create", "--name", "more", "--scope", "admin", admin=second)[0] == 3
    assert key("create", "--name", "odd", "--scope", "everything")[0] == 3


def test_the_commands_lead_from_a_picture_to_a_receipt_that_needs_no_service(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "flood.jpg").write_bytes(draw(8))
    (tmp_path / "notes.txt").write_text("not a picture")

    registered = command("register", "flood.jpg", "--title", "Flood", "--out", "kept")
    assert registered.returncode == 0, registered.stderr
    assert all(len(line) <= 80 for line in registered.stdout.splitlines())
    receipt = tmp_path / "kept" / "flood.jpg.countermark"
    key = json.loads(receipt.read_bytes())["log_key"]

    verified = command("verify", "flood.jpg", "kept/flood.signed.jpg")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert all(len(line) <= 80 for line in verified.stdout.splitlines())

    mixed = command("verify", "notes.txt", "flood.jpg", "--jsonl")
    assert mixed.returncode == 2
    assert [sorted(json.loads(line)) for line in mixed.stdout.splitlines()] == [["error", "file"], ["file", "report"]]
    assert "not a JPEG" in mixed.stderr

    offline = ("receipt", "verify", str(receipt), "kept/flood.signed.jpg")
    assert command(*offline, "--vkey", key).returncode == 0
    assert command(*offline).returncode == 3
    assert command("receipt", "verify", str(receipt), "notes.txt", "--vkey", key).returncode == 1

    record = json.loads(command("verify", "flood.jpg", "--json").stdout)["matches"][0]["asset"]["id"]
    assert command("receipt", "get", record, "--out", "later.countermark").returncode == 0
    assert command("receipt", "verify", "later.countermark", "flood.jpg", "--vkey", key).returncode == 0


def test_a_publisher_changes_its_keys_and_verdicts_say_that_one_was_revoked(ask: Ask) -> None:
    picture = draw(int.from_bytes(os.urandom(4)))
    asset = ask("register", picture)
    rotated = ask("rotate_key", "newsroom", key_algorithm="Ed25519", reason="a yearly change")
    assert (rotated.algorithm, rotated.state) == ("Ed25519", "in force")
    signed_with = asset.publisher.key
    states = {key.thumbprint: key.state for key in ask("publisher_keys", "newsroom")}
    assert (states[signed_with], states[rotated.thumbprint]) == ("replaced", "in force")
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    revoked = ask("revoke_key", "newsroom", signed_with, reason="it turned up elsewhere", invalid_since=since)
    assert (revoked.state, revoked.invalid_since) == ("revoked", since)
    standing = ask("verify", picture).matches[0].standing
    assert standing.value == "key revoked after logging"
    assert "it turned up elsewhere" in standing.detail
    assert ask("register", draw(int.from_bytes(os.urandom(4)))).index > revoked.revoked_index
    with pytest.raises(Conflict):
        ask("revoke_key", "newsroom", signed_with, reason="again")
    added = ask("enrol_key", "newsroom")
    assert added.state == "in force"
    (ed25519, *_) = ask("log_keys")
    assert verify_receipt(ask("receipt", asset.id), log_keys=[ed25519.key]).holds
