"""What becomes of a source reaches what was made from it, through the whole chain."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from provenance.errors import Conflict, Erased
from provenance.statement.keys import Algorithm
from provenance.statement.record import Parent
from registry.registry import Registry
from registry.usecases import disputes
from registry.usecases import read as catalogue
from registry.usecases.erasure import erase
from registry.usecases.publishers import enrol_key, enrol_publisher, revoke_key
from registry.usecases.register import withdraw
from registry.usecases.verify import KEPT_FOR, load_report, verify_digests
from tests.unit.registry.desk import DAILY, RIVAL, jpeg, open_desk, register


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with open_desk(tmp_path_factory.mktemp("desk") / "data") as registry:
        enrol_publisher(registry, publisher="agency", name="The Agency", algorithm=Algorithm.ED25519)
        yield registry


def made(registry: Registry, seed: int, *sources: bytes, publisher: str = DAILY) -> bytes:
    """Register a picture that was made from others."""
    parents = tuple(Parent(source, "componentOf") for source in sources)
    return bytes.fromhex(register(registry, jpeg(seed), publisher=publisher, parents=parents).asset.id)


def verify(registry: Registry, seed: int) -> Any:
    return json.loads(verify_digests(registry, sha256=hashlib.sha256(jpeg(seed)).digest(), keep=KEPT_FOR))


def codes(report: Any) -> list[str]:
    return [source["code"] for match in report["matches"] for source in match["sources"]]


def test_a_page_made_from_a_withdrawn_and_a_disputed_picture_says_so_at_once(registry: Registry) -> None:
    flood, bridge = made(registry, 1, publisher="agency"), made(registry, 2, publisher="agency")
    crop = made(registry, 3, flood, publisher=RIVAL)
    made(registry, 4, crop, bridge)
    withdraw(registry, publisher="agency", record=flood, reason="staged")
    disputes.dispute(registry, publisher=RIVAL, record=bridge, reason="taken by us", counterclaim=None)
    report = verify(registry, 4)
    assert report["headline"]["code"] == "EXACT_MATCH"
    said = report["headline"]["wordings"][0]
    assert said["lead"].startswith("This is, byte for byte, the file that")
    assert set(said["remarks"]) == {"What it was made from was withdrawn.", "What it was made from is disputed."}
    assert "It was made from record" in report["headline"]["text"]
    assert sorted(codes(report)) == ["ORIGIN_DISPUTED", "ORIGIN_WITHDRAWN"]
    told = {each["code"]: each["summary"] for each in report["findings"] if each["axis"] == "standing"}
    assert "“The Agency” has withdrawn, giving as its reason: “staged”" in told["ORIGIN_WITHDRAWN"]
    assert "“The Rival” disputes record" in told["ORIGIN_DISPUTED"]
    assert "“taken by us”" in told["ORIGIN_DISPUTED"]
    assert report["matches"][0]["standing"]["value"] == "current"  # of the page itself, which nobody contradicts
    assert codes(verify(registry, 3)) == ["ORIGIN_WITHDRAWN"]


def test_a_source_signed_with_a_key_that_was_revoked_is_told(registry: Registry) -> None:
    enrol_publisher(registry, publisher="stringer", name="The Stringer", algorithm=Algorithm.ED25519)
    source = made(registry, 11, publisher="stringer")
    made(registry, 12, source)
    assert codes(verify(registry, 12)) == []
    key = catalogue.publisher_keys(registry, "stringer")[-1].thumbprint
    revoke_key(registry, publisher="stringer", thumbprint=bytes.fromhex(key), reason="stolen")
    assert codes(verify(registry, 12)) == ["ORIGIN_REVOKED"]


def test_a_retracted_dispute_and_a_sound_source_say_nothing(registry: Registry) -> None:
    source = made(registry, 21, publisher="agency")
    made(registry, 22, source)
    raised = disputes.dispute(registry, publisher=RIVAL, record=source, reason="ours", counterclaim=None)
    assert codes(verify(registry, 22)) == ["ORIGIN_DISPUTED"]
    disputes.answer(registry, publisher=RIVAL, dispute=bytes.fromhex(raised.id), outcome="retracted", reason="no")
    report = verify(registry, 22)
    assert codes(report) == []
    assert "It was made from" not in report["headline"]["text"]


def test_a_retraction_with_a_stolen_key_says_nothing_until_the_theft_is_dated_before_it(registry: Registry) -> None:
    enrol_publisher(registry, publisher="robbed", name="The Robbed", algorithm=Algorithm.ED25519)
    source = made(registry, 41, publisher="agency")
    made(registry, 42, source)
    raised = disputes.dispute(registry, publisher="robbed", record=source, reason="ours", counterclaim=None)
    dispute = bytes.fromhex(raised.id)
    disputes.answer(registry, publisher="robbed", dispute=dispute, outcome="retracted", reason="no")
    key = bytes.fromhex(catalogue.publisher_keys(registry, "robbed")[-1].thumbprint)
    enrol_key(registry, publisher="robbed", algorithm=Algorithm.ED25519)
    revoke_key(registry, publisher="robbed", thumbprint=key, reason="lost")
    assert codes(verify(registry, 42)) == []
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    revoke_key(registry, publisher="robbed", thumbprint=key, reason="stolen", invalid_since=long_ago)
    assert codes(verify(registry, 42)) == ["ORIGIN_DISPUTED"]
    view = disputes.get(registry, dispute)
    assert (view.open, [each.key_compromised for each in view.answers]) == (True, [True])
    assert catalogue.publisher_key(registry, "robbed", key).invalid_since == long_ago
    for since in (None, long_ago):
        with pytest.raises(Conflict, match="no earlier time"):
            revoke_key(registry, publisher="robbed", thumbprint=key, reason="again", invalid_since=since)
    answered = disputes.answer(registry, publisher="robbed", dispute=dispute, outcome="retracted", reason="no")
    assert (answered.open, [each.key_compromised for each in answered.answers]) == (False, [True, False])
    assert codes(verify(registry, 42)) == []


def test_a_report_that_tells_of_a_source_goes_with_the_source(registry: Registry) -> None:
    source = made(registry, 31, publisher="agency")
    made(registry, 32, source)
    withdraw(registry, publisher="agency", record=source, reason="a secret reason")
    report = verify(registry, 32)
    erase(registry, record=source, reason="asked for")
    with pytest.raises(Erased):
        load_report(registry, str(report["id"]))
    assert codes(verify(registry, 32)) == []
