"""Erasure: the content is gone from every file and every answer, and everything else still proves what it proved."""

import hashlib
import io
import json
import random
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from provenance import answers
from provenance.errors import Erased, NotFound, StoreUnavailable
from provenance.receipts.procedure import verify_receipt
from provenance.receipts.receipt import Receipt
from provenance.statement.encodings import encode_base64url
from provenance.statement.record import Parent, RecordErased, parse_record
from registry.database import Session, assets, entries, pending_deletions
from registry.registry import Registry
from registry.usecases import disputes, uploads
from registry.usecases import read as catalogue
from registry.usecases.derivation import graph, history
from registry.usecases.erasure import erase, finish_erasures
from registry.usecases.maintenance import fsck
from registry.usecases.register import withdraw
from registry.usecases.report import report_json
from registry.usecases.sealing import reveal
from registry.usecases.verdicts import record_verdict
from registry.usecases.verify import load_difference, load_report
from tests.logs.records import digest
from tests.patience import HUNG_SECONDS
from tests.postgres import database_of
from tests.unit.registry.desk import DAILY, OF_DAILY, RIVAL, jpeg, open_desk, register, verify
from tests.unit.registry.newsroom import Newsroom

OWNER, SERIAL, TITLE = "Ophelia Nachtigall-Owner", "SERIAL-0815-4711-PLANTED", "Planted title Zugvogel"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with open_desk(tmp_path_factory.mktemp("desk") / "data") as registry:
        yield registry


def planted(seed: int) -> bytes:
    """A picture whose EXIF says where, with which camera and by whom it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = OWNER
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = SERIAL
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSMapDatum] = "PLANTED-WGS-84-DATUM"
    gps[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.03)
    return jpeg(seed, exif=exif)


def files_with(folder: Path, needle: bytes) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and needle in path.read_bytes()
    ]


def findings(registry: Registry) -> list[fsck.Defect]:
    return list(fsck.check(registry.store, registry.blobs, registry.sequencer.key))


def test_no_file_holds_what_was_planted_once_it_is_erased(registry: Registry) -> None:
    data = planted(1)
    sha256 = hashlib.sha256(data).digest()
    for seed in range(100, 130):  # so that the pages of the database are full, and some of them split
        register(registry, jpeg(seed, size=(96, 72)), title=f"neighbour {seed}")
    path = registry.spool / "upload"
    path.write_bytes(data)
    uploads.keep(registry, path=path, sha256=sha256, size=len(data), owner="key_1")
    path.unlink()
    asset = register(registry, data, credential="embedded", title=TITLE, caption=f"{TITLE} caption").asset
    record_id = bytes.fromhex(asset.id)
    canonical = catalogue.record(registry, record_id)
    stated = json.loads(canonical)
    report = verify(registry, data)
    withdraw(registry, publisher=DAILY, record=record_id, reason=f"{OWNER} asks for it")
    for seed in range(130, 150):
        register(registry, jpeg(seed, size=(96, 72)), title=f"neighbour {seed}")
    with registry.store.read() as session:
        row = assets.get(session, record_id)
        secrets = {
            "owner": OWNER.encode(),
            "serial": SERIAL.encode(),
            "datum": b"PLANTED-WGS-84-DATUM",
            "title": TITLE.encode(),
            "salt": stated["salt"].encode(),
            "media": row.media_sha256,
            "media in hex": row.media_sha256.hex().encode(),
            "pixels": row.pixels_sha256,
            "pixels in hex": row.pixels_sha256.hex().encode(),
            "signed copy": row.signed_sha256 or b"",
            "pdq": row.pdq,
            "pdq in hex": row.pdq.hex().encode(),
            "phash": row.phash,
            "manifest": (row.manifest_id or "").encode(),
            "sketch": registry.blobs.get(row.sketch_sha256)[64:96],
            "thumbnail": catalogue.thumbnail(registry, record_id)[64:96],
        }
        assert all(len(secret) >= 8 for secret in secrets.values())
    folder = registry.config.folder
    assert {name for name, secret in secrets.items() if not files_with(folder, secret)} == set()
    with registry.store.read() as session:
        assert row.pdq in registry.codes.catch_up(session).codes.tobytes()

    erasure = erase(registry, record=record_id, reason="request of the person shown")

    assert [each.type for each in erasure.records] == ["asset.registered", "asset.withdrawn"]
    assert {name: found for name, secret in secrets.items() if (found := files_with(folder, secret))} == {}
    with registry.store.read() as session:
        assert row.pdq not in registry.codes.catch_up(session).codes.tobytes()
    with pytest.raises(Erased):
        load_report(registry, str(report["id"]))
    assert findings(registry) == []


def test_all_reports_on_what_is_erased_are_found_however_many_there_are(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.usecases.erasure._PAGE", 2)
    data, other = jpeg(17), jpeg(18)
    record_id = bytes.fromhex(register(registry, data, title="PLANTED-OFTEN").asset.id)
    register(registry, other)
    on_it = [str(verify(registry, data)["id"]) for _ in range(5)]
    on_another = str(verify(registry, other)["id"])
    erase(registry, record=record_id, reason="asked for")
    for report in on_it:
        with pytest.raises(Erased):
            load_report(registry, report)
    assert load_report(registry, on_another)
    assert files_with(registry.config.folder, b"PLANTED-OFTEN") == []


def test_every_answer_about_an_erased_registration_says_so(registry: Registry) -> None:
    data = jpeg(2)
    record_id = bytes.fromhex(register(registry, data, credential="sidecar").asset.id)
    receipt = catalogue.receipt(registry, record_id)
    statement = catalogue.statement(registry, record_id)
    erase(registry, record=record_id, reason="a court order")
    for read in (catalogue.asset, catalogue.record, catalogue.receipt, catalogue.manifest, catalogue.thumbnail, graph):
        with pytest.raises(Erased, match="erased"):
            read(registry, record_id)  # type: ignore[operator]  # functions of several types
    # The log entry, its proof, and a receipt that somebody has kept stand.
    assert catalogue.statement(registry, record_id) == statement
    assert catalogue.proof(registry, record_id)
    assert verify_receipt(Receipt.parse(receipt), trusted_keys=[registry.sequencer.key]).holds
    past = history(registry, record_id)
    assert [(event.type, event.summary) for event in past] == [
        ("asset.registered", "Registered by “The Test Daily”; the content was erased."),
        ("record.erased", "Content erased: “a court order”."),
    ]
    assert verify(registry, data)["headline"]["code"] == "NOTHING_FOUND"


def test_the_erasure_has_a_receipt_that_holds(registry: Registry) -> None:
    record_id = bytes.fromhex(register(registry, jpeg(3)).asset.id)
    erasure = erase(registry, record=record_id, reason="asked for")
    stated = bytes.fromhex(erasure.records[0].erased_by.rpartition(":")[2])
    receipt = Receipt.parse(catalogue.receipt(registry, stated))
    report = verify_receipt(receipt, trusted_keys=[registry.sequencer.key])
    assert report.holds
    assert isinstance(report.record, RecordErased)
    assert report.record.record == record_id
    assert [entry.record for entry in receipt.chain] == [None]


def test_what_is_shared_with_another_registration_stays(registry: Registry) -> None:
    data = jpeg(4)
    ours = bytes.fromhex(register(registry, data, title="ours").asset.id)
    theirs = bytes.fromhex(register(registry, data, title="theirs", publisher=RIVAL).asset.id)
    erase(registry, record=ours, reason="asked for")
    assert catalogue.thumbnail(registry, theirs)
    assert verify(registry, data)["headline"]["code"] == "EXACT_MATCH"
    assert findings(registry) == []


def test_the_same_picture_can_be_registered_again(registry: Registry) -> None:
    data = jpeg(5)
    first = register(registry, data, title="again").asset.id
    erase(registry, record=bytes.fromhex(first), reason="a mistake")
    again = register(registry, data, title="again")
    assert again.created
    assert again.asset.id != first
    assert findings(registry) == []


def test_a_derivative_stands_and_its_chain_names_what_was_erased(registry: Registry) -> None:
    parent = bytes.fromhex(register(registry, jpeg(6)).asset.id)
    child = bytes.fromhex(register(registry, jpeg(7), parents=(Parent(parent, "parentOf"),)).asset.id)
    erase(registry, record=parent, reason="asked for")
    report = verify_receipt(Receipt.parse(catalogue.receipt(registry, child)), trusted_keys=[registry.sequencer.key])
    assert report.holds
    assert report.chain is not None
    assert [(link.parent, link.state) for link in report.chain.links] == [(parent, "withheld")]
    assert "its content is erased" in report.steps[10].detail
    assert [(node.id, node.state) for node in graph(registry, child).nodes] == [
        (child.hex(), "public"),
        (parent.hex(), "erased"),
    ]
    assert findings(registry) == []


def test_what_was_said_about_it_goes_with_it(registry: Registry) -> None:
    data = jpeg(8)
    record_id = bytes.fromhex(register(registry, data).asset.id)
    dispute = disputes.dispute(registry, publisher=RIVAL, record=record_id, reason="PLANTED-DISPUTE", counterclaim=None)
    disputes.answer(
        registry,
        publisher=DAILY,
        dispute=bytes.fromhex(dispute.id),
        outcome="rejected",
        reason="PLANTED-ANSWER",
    )
    verdict = record_verdict(registry, publisher=RIVAL, verification_id=str(verify(registry, data)["id"]))
    sha256 = hashlib.sha256(data).hexdigest().encode()
    erasure = erase(registry, record=record_id, reason="asked for")
    assert [each.type for each in erasure.records] == [
        "asset.registered",
        "asset.disputed",
        "dispute.answered",
        "verdict.recorded",
    ]
    for needle in (b"PLANTED-DISPUTE", b"PLANTED-ANSWER", sha256):
        assert files_with(registry.config.folder, needle) == []
    with pytest.raises(Erased):
        disputes.get(registry, bytes.fromhex(dispute.id))
    with pytest.raises(Erased):
        catalogue.receipt(registry, bytes.fromhex(verdict.id))
    assert len(history(registry, record_id)) == 5
    assert findings(registry) == []


def test_a_difference_that_was_drawn_is_gone(registry: Registry) -> None:
    record_id = bytes.fromhex(register(registry, jpeg(9)).asset.id)
    overlay = io.BytesIO()
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(overlay, "PNG")
    blob, earlier = registry.blobs.put(overlay.getvalue()), registry.blobs.put(b"as it was")
    report = verify(registry, jpeg(9))

    def draw(session: object) -> None:
        from registry.database.tables import VerificationOverlay, VerificationRow

        row = session.get(VerificationRow, report["id"])  # type: ignore[attr-defined]
        row.heat_blob = earlier  # as reports had it before each match had its own
        session.add_all([row, VerificationOverlay(verification_id=row.id, record_id=record_id, blob=blob)])  # type: ignore[attr-defined]

    registry.store.write(draw).result()
    assert load_difference(registry, str(report["id"])) == b"as it was"
    assert load_difference(registry, str(report["id"]), record_id) == overlay.getvalue()
    erase(registry, record=record_id, reason="asked for")
    assert earlier not in registry.blobs
    assert blob not in registry.blobs
    with pytest.raises(Erased):
        load_difference(registry, str(report["id"]))


def test_an_erasure_that_was_cut_short_is_finished_later(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    record_id = bytes.fromhex(register(registry, jpeg(10), title="PLANTED-CUT-SHORT").asset.id)
    withdraw(registry, publisher=DAILY, record=record_id, reason="PLANTED-REASON")

    def stop(_registry: Registry) -> None:
        raise StoreUnavailable("the power went")

    with monkeypatch.context() as patched:
        patched.setattr("registry.usecases.erasure.finish_erasures", stop)
        with pytest.raises(StoreUnavailable):
            erase(registry, record=record_id, reason="asked for")
    assert {finding.detail for finding in findings(registry)} >= {"its erasure is not finished: start the server"}
    finish_erasures(registry)
    for needle in (b"PLANTED-CUT-SHORT", b"PLANTED-REASON"):
        assert files_with(registry.config.folder, needle) == []
    with registry.store.read() as session:
        assert pending_deletions.all_of(session) == []
    assert findings(registry) == []


@pytest.mark.timing
def test_a_reader_who_still_looks_at_the_old_state_holds_the_erasure_up_and_no_longer(registry: Registry) -> None:
    record_id = bytes.fromhex(register(registry, jpeg(11), title="PLANTED-OLD-STATE").asset.id)
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        with registry.store.read() as session:
            assert assets.get(session, record_id)
            reading.set()
            done.wait(HUNG_SECONDS)

    reader = threading.Thread(target=read)
    reader.start()
    assert reading.wait(HUNG_SECONDS)
    with pytest.raises(StoreUnavailable, match="try again"):
        erase(registry, record=record_id, reason="asked for")
    done.set()
    reader.join()
    erase(registry, record=record_id, reason="asked for")
    assert files_with(registry.config.folder, b"PLANTED-OLD-STATE") == []


def test_erasing_twice_is_logged_once(registry: Registry) -> None:
    record_id = bytes.fromhex(register(registry, jpeg(12)).asset.id)
    first = erase(registry, record=record_id, reason="asked for")
    size = registry.sequencer.size
    assert erase(registry, record=record_id, reason="asked for again") == first
    assert registry.sequencer.size == size


def test_a_sealed_registration_is_erased_as_well(registry: Registry) -> None:
    record_id = bytes.fromhex(register(registry, jpeg(13), title="PLANTED-SEALED", visibility="sealed").asset.id)
    assert files_with(registry.config.folder, b"PLANTED-SEALED")
    erase(registry, record=record_id, reason="asked for")
    assert files_with(registry.config.folder, b"PLANTED-SEALED") == []
    with pytest.raises(Erased):
        reveal(registry, record=record_id, reader=OF_DAILY)
    assert findings(registry) == []


def test_what_was_never_registered_cannot_be_erased(registry: Registry) -> None:
    with pytest.raises(NotFound):
        erase(registry, record=bytes(32), reason="asked for")
    with registry.store.read() as session:
        genesis = entries.get(session, 0).record_id
        assert parse_record(entries.record(session, genesis).canonical)
    with pytest.raises(NotFound):
        erase(registry, record=genesis, reason="asked for")


def test_fsck_names_content_that_is_gone_without_an_erasure(tmp_path: Path) -> None:
    with open_desk(tmp_path / "data") as registry:
        lost = bytes.fromhex(register(registry, jpeg(20)).asset.id)
        registry.store.write(lambda session: entries.erase(session, lost)).result()
        details = {(finding.kind, finding.name): finding.detail for finding in findings(registry)}
        assert "without an erasure" in details["record", f"record {lost.hex()}"]
        assert ("asset", "asset 3") in details


def test_the_salt_of_a_record_is_as_it_stands_in_its_bytes(registry: Registry) -> None:
    """So that the test above looks for what there really is."""
    record_id = bytes.fromhex(register(registry, jpeg(14)).asset.id)
    canonical = catalogue.record(registry, record_id)
    assert encode_base64url(parse_record(canonical).salt).encode() in canonical


def test_nothing_of_many_erased_rows_stays_in_the_pages_of_the_database(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    """Index pages split and merge while they fill: whatever they were copied to has to forget as well."""
    with Newsroom(tmp_path / "data", database=database) as newsroom:
        newsroom.found()
        registered = [newsroom.register(f"picture {number}", wait="sequenced") for number in range(400)]
        ids = [each.result().record_id for each in registered]
        secrets: dict[int, list[bytes]] = {}

        def forget(session: Session, number: int) -> None:
            row = assets.get(session, ids[number])
            kept = (row.media_sha256, row.pixels_sha256, row.pdq, row.claims_digest, row.sketch_sha256)
            secrets[number] = [*kept, f'"title":"picture {number}"'.encode()]
            assets.delete(session, row)
            entries.erase(session, ids[number])

        def stored() -> bytes:
            if not database:
                return b"".join(path.read_bytes() for path in sorted((tmp_path / "data").glob("countermark.db*")))
            files = request.getfixturevalue("postgres").files_of(database_of(database))
            return b"".join(path.read_bytes() for path in files)

        if database:  # as the server does by itself, sooner or later
            request.getfixturevalue("postgres").psql("ANALYZE", database_of(database))
        for number in random.Random(1).sample(range(400), 100):
            newsroom.store.write(partial(forget, number=number)).result()
        newsroom.store.purge().result()
        left = stored()
        assert not [number for number, kept in secrets.items() if any(secret in left for secret in kept)]
        assert digest("media picture 0") in left or digest("media picture 1") in left


def test_a_registration_under_way_keeps_what_it_shares_with_one_that_is_erased(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg(15)
    first = bytes.fromhex(register(registry, data, title="first").asset.id)
    append = registry.sequencer.append

    def after_an_erasure(*arguments: Any, **named: Any) -> Any:
        monkeypatch.undo()
        erase(registry, record=first, reason="asked for")
        return append(*arguments, **named)

    monkeypatch.setattr(registry.sequencer, "append", after_an_erasure)
    second = bytes.fromhex(register(registry, data, title="second").asset.id)
    assert catalogue.thumbnail(registry, second)
    assert findings(registry) == []


def test_a_report_about_what_is_erased_meanwhile_is_not_kept(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg(16)
    record_id = bytes.fromhex(register(registry, data, title="PLANTED-MEANWHILE").asset.id)
    written = report_json

    def then_an_erasure(report: answers.Report) -> bytes:
        monkeypatch.undo()
        erase(registry, record=record_id, reason="asked for")
        return written(report)

    monkeypatch.setattr("registry.usecases.verify.report_json", then_an_erasure)
    with pytest.raises(StoreUnavailable, match="try again"):
        verify(registry, data)
    assert files_with(registry.config.folder, b"PLANTED-MEANWHILE") == []
    assert verify(registry, data)["headline"]["code"] == "NOTHING_FOUND"
