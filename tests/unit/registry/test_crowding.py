"""Lists with a bound: what one publisher puts there cannot push out what another one has said."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw

from provenance.errors import Conflict
from provenance.statement.keys import Algorithm
from provenance.statement.record import Parent
from provenance.verification.lookups import MAX_COMPARED_CANDIDATES, MAX_MATCHES
from registry.registry import Registry
from registry.usecases import disputes
from registry.usecases import read as catalogue
from registry.usecases.derivation import graph
from registry.usecases.publishers import enrol_publisher
from tests.unit.registry.desk import DAILY, RIVAL, jpeg, open_desk, register, verify

SMALL = (96, 72)

FORMER_BOUND = 64
"""Derivatives that were looked at for one that supersedes."""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with open_desk(tmp_path_factory.mktemp("desk") / "data") as registry:
        yield registry


def recompressed(data: bytes, quality: int = 60) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).save(file, "JPEG", quality=quality)
    return file.getvalue()


def brighter(data: bytes, quality: int) -> bytes:
    """A copy that is nearer to other such copies than to the picture."""
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(data))
    drawn = ImageDraw.Draw(picture)
    drawn.rectangle((0, 200, 320, 240), fill="white")
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def test_one_publishers_many_registrations_of_a_file_do_not_hide_the_claim_of_the_next(registry: Registry) -> None:
    data = jpeg(1, size=SMALL)
    crowd = [register(registry, data, publisher=RIVAL, title=f"take {take}").asset for take in range(MAX_MATCHES + 1)]
    own = register(registry, data, publisher=DAILY, title="Flood").asset
    report = verify(registry, data)
    assert len(report["matches"]) == MAX_MATCHES
    assert own.id in [match["asset"]["id"] for match in report["matches"]]
    assert {match["standing"]["value"] for match in report["matches"]} == {"conflicting claims"}
    assert "2 publishers have registered this content" in report["headline"]["text"]
    (cut,) = [item["why"] for item in report["not_checked"] if item["what"] == "further matching records"]
    assert cut == f"{MAX_MATCHES + 2} match, and {MAX_MATCHES} are listed, of each publisher one first"
    for asset in (own, crowd[0], crowd[-1]):
        assert catalogue.asset(registry, bytes.fromhex(asset.id)).standing.value == "conflicting claims"


def test_other_peoples_derivatives_do_not_hide_a_correction(registry: Registry) -> None:
    asset = register(registry, jpeg(2), publisher=DAILY, title="Bridge").asset
    record = bytes.fromhex(asset.id)
    for number in range(FORMER_BOUND):
        made_from = (Parent(record, "componentOf"),)
        register(registry, jpeg(3, size=SMALL), publisher=RIVAL, title=f"page {number}", parents=made_from)
    instead = (Parent(record, "supersedes"),)
    successor = register(registry, jpeg(2), publisher=DAILY, title="Bridge, corrected", parents=instead).asset
    shown = catalogue.asset(registry, record).standing
    assert shown.value == "superseded"
    around = {node.id: node.publisher for node in graph(registry, record).nodes}
    assert around[successor.id] == DAILY
    assert f"superseded it by record {successor.index}" in shown.detail


def test_one_report_states_one_standing_for_one_record(registry: Registry) -> None:
    data = jpeg(4)
    register(registry, data, publisher=DAILY, title="Harbour")
    # A copy that matches by comparison alone: to the record itself it is no rival, to this verification it is.
    register(registry, recompressed(data), publisher=RIVAL, title="Harbour too")
    for match in verify(registry, data)["matches"] + verify(registry, recompressed(data, 70))["matches"]:
        assert match["standing"] == match["asset"]["standing"]


def test_one_publishers_many_copies_do_not_hide_the_picture_they_were_made_from(registry: Registry) -> None:
    data = jpeg(5)
    own = register(registry, data, publisher=DAILY, title="Square").asset
    for quality in range(70, 70 + MAX_COMPARED_CANDIDATES + 1):
        register(registry, brighter(data, quality), publisher=RIVAL, title="Square, again")
    report = verify(registry, brighter(data, 50))
    assert own.id in [match["asset"]["id"] for match in report["matches"]]


def test_one_publishers_many_disputes_keep_no_other_from_disputing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disputes, "MAX_DISPUTES", 2)
    enrol_publisher(registry, publisher="agency", name="The Agency", algorithm=Algorithm.ED25519)
    record = bytes.fromhex(register(registry, jpeg(6), publisher=DAILY).asset.id)

    def dispute(publisher: str, reason: str) -> bytes:
        said = disputes.dispute(registry, publisher=publisher, record=record, reason=reason, counterclaim=None)
        return bytes.fromhex(said.id)

    def answer(publisher: str, raised: bytes, outcome: Any, reason: str) -> None:
        disputes.answer(registry, publisher=publisher, dispute=raised, outcome=outcome, reason=reason)

    raised = [dispute(RIVAL, reason) for reason in ("ours", "ours, too")]
    with pytest.raises(Conflict, match="this publisher has disputed"):
        dispute(RIVAL, "ours again")
    others = dispute("agency", "ours")
    answer(DAILY, raised[0], "rejected", "no")
    answer(DAILY, raised[1], "rejected", "no")
    with pytest.raises(Conflict, match="this publisher has answered"):
        answer(DAILY, raised[1], "rejected", "never")
    answer("agency", others, "retracted", "a mistake")
