"""Reports: which are kept, until when, and what is left of them then."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from provenance.errors import Erased, NotFound
from registry.database import Session, Store, assets, audit, verifications
from registry.database.tables import ShownRecord, VerificationOverlay, VerificationRow
from registry.registry import Registry
from registry.times import from_milliseconds
from registry.usecases.erasure import erase
from registry.usecases.maintenance import fsck
from registry.usecases.verdicts import record_verdict
from registry.usecases.verify import (
    FORGOTTEN_AT_ONCE,
    KEPT_FOR,
    forget_reports,
    load_difference,
    load_report,
    verify_digests,
    verify_file,
)
from tests.unit.registry.desk import RIVAL, jpeg, open_desk, register
from tests.unit.registry.test_snapshots import altered

MONTH = timedelta(days=30)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    with open_desk(tmp_path_factory.mktemp("desk") / "data", database=url) as registry:
        yield registry


def later(registry: Registry, time: timedelta) -> Registry:
    """The same registry, when this much time has passed."""
    return replace(registry, clock=lambda: registry.clock() + time)


def verify(registry: Registry, data: bytes, **how: Any) -> Any:
    path, sha256 = registry.spool / "question", hashlib.sha256(data).digest()
    path.write_bytes(data)
    return json.loads(verify_file(registry, path=path, sha256=sha256, size=len(data), **how))


def by_digest(registry: Registry, data: bytes, **how: Any) -> Any:
    return json.loads(verify_digests(registry, sha256=hashlib.sha256(data).digest(), **how))


def rows(registry: Registry) -> tuple[int, ...]:
    tables = (VerificationRow, ShownRecord, VerificationOverlay)
    with registry.store.read() as session:
        names = [str(table.__tablename__) for table in tables]
        return tuple(session.connection().execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names)


def is_there(registry: Registry, report: Any) -> bool:
    try:
        return json.loads(load_report(registry, report["id"])) == report
    except NotFound:
        return False


def lasts(registry: Registry, report: Any, time: timedelta) -> bool:
    """Whether a report is there for this time from now, and no longer."""
    moment = timedelta(minutes=1)
    return is_there(later(registry, time - moment), report) and not is_there(later(registry, time + moment), report)


def test_what_leads_to_nothing_and_digests_alone_leave_no_row_unless_that_is_asked_for(registry: Registry) -> None:
    register(registry, jpeg(1))
    before = rows(registry)
    for asked, data in ((verify, jpeg(100, size=(64, 48))), (by_digest, b"nobody's"), (by_digest, jpeg(1))):
        report = asked(registry, data)
        assert report["kept_until"] is None
        assert not is_there(registry, report)
        assert rows(registry) == before
        report = asked(registry, data, keep=MONTH)
        assert lasts(registry, report, MONTH)
        assert rows(registry)[0] == before[0] + 1
        before = rows(registry)


def test_a_report_with_a_match_is_kept_for_an_hour_or_for_as_long_as_is_asked_for(registry: Registry) -> None:
    register(registry, jpeg(2))
    for kept_for, how in ((KEPT_FOR, {}), (MONTH, {"keep": MONTH})):
        report = verify(registry, jpeg(2), **how)
        assert report["kept_until"] > report["created_at"]
        assert lasts(registry, report, kept_for)


def test_what_has_ended_is_deleted_with_what_it_drew_and_nothing_else_is(registry: Registry) -> None:
    data = jpeg(3, size=(640, 480))
    register(registry, data)
    changed = altered(data)
    ended, kept = verify(registry, changed), verify(registry, changed, keep=MONTH)
    many = [by_digest(registry, data, keep=KEPT_FOR) for _ in range(FORGOTTEN_AT_ONCE)]
    overlay = load_difference(registry, ended["id"])
    assert overlay == load_difference(registry, kept["id"])  # one blob
    before = rows(registry)
    forget_reports(registry)
    assert rows(registry) == before
    forget_reports(later(registry, KEPT_FOR))
    assert not any(is_there(registry, each) for each in (ended, *many))
    assert load_difference(registry, kept["id"]) == overlay
    blob = hashlib.sha256(overlay).digest()
    assert blob in registry.blobs
    forget_reports(later(registry, MONTH))
    assert blob not in registry.blobs
    assert rows(registry) == (0, 0, 0)


def test_a_report_that_ends_while_its_store_is_checked_or_copied_is_no_defect(registry: Registry) -> None:
    data = jpeg(4, size=(640, 480))
    register(registry, data)
    report = verify(registry, altered(data))
    blob = hashlib.sha256(load_difference(registry, report["id"])).digest()
    with registry.store.read() as session:
        drawn = [each for _, each in audit.overlays(session, 0)]
        assert blob in drawn
        assert blob not in [each for _, each in audit.overlays(session, 2**53)]


def test_a_verdict_on_record_keeps_its_report_for_ever(registry: Registry) -> None:
    register(registry, jpeg(5))
    report = verify(registry, jpeg(5))
    verdict = record_verdict(registry, publisher=RIVAL, verification_id=report["id"])
    forget_reports(later(registry, 2 * MONTH))
    stored = load_report(later(registry, 2 * MONTH), report["id"])
    assert hashlib.sha256(stored).hexdigest() == verdict.report_sha256
    again = record_verdict(later(registry, 2 * MONTH), publisher=RIVAL, verification_id=report["id"])
    assert again == verdict


def test_a_report_without_a_match_can_be_put_on_record_if_it_was_kept(registry: Registry) -> None:
    report = by_digest(registry, b"nobody's", keep=MONTH)
    assert record_verdict(registry, publisher=RIVAL, verification_id=report["id"]).headline == "NOTHING_FOUND"


@pytest.mark.parametrize("ends", [KEPT_FOR, None])
def test_a_report_that_has_ended_is_not_put_on_record_and_the_problem_says_what_to_do(
    registry: Registry, ends: timedelta | None
) -> None:
    register(registry, jpeg(6))
    report = by_digest(registry, jpeg(6), keep=ends)
    size = registry.sequencer.size
    with pytest.raises(NotFound, match=r"Verify the picture again.*keep=true"):
        record_verdict(later(registry, KEPT_FOR), publisher=RIVAL, verification_id=report["id"])
    assert registry.sequencer.size == size


def test_a_report_that_is_deleted_while_it_is_put_on_record_is_not(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry, jpeg(7))
    report = by_digest(registry, jpeg(7), keep=KEPT_FOR)
    append = registry.sequencer.append

    def after_its_end(*arguments: Any, **named: Any) -> Any:
        forget_reports(later(registry, KEPT_FOR))
        return append(*arguments, **named)

    monkeypatch.setattr(registry.sequencer, "append", after_its_end)
    size = registry.sequencer.size
    with pytest.raises(NotFound, match="keep=true"):
        record_verdict(registry, publisher=RIVAL, verification_id=report["id"])
    assert registry.sequencer.size == size


def test_an_erasure_reads_the_reports_that_show_the_registration_and_no_others(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = bytes.fromhex(register(registry, jpeg(8)).asset.id)
    shown = [by_digest(registry, jpeg(8), keep=MONTH) for _ in range(3)]
    other = by_digest(registry, b"nobody's", keep=MONTH)
    erased: list[str] = []
    real = verifications.erase

    def noted(session: Session, ids: Any) -> Any:
        erased.extend(ids)
        return real(session, ids)

    monkeypatch.setattr(verifications, "erase", noted)
    erase(registry, record=record, reason="asked for")
    assert sorted(erased) == sorted(each["id"] for each in shown)
    for each in shown:
        with pytest.raises(Erased):
            load_report(registry, each["id"])
    assert is_there(registry, other)
    with registry.store.read() as session:
        assert not verifications.showing(session, record, 1)


def test_fsck_names_a_number_of_registrations_that_is_not_theirs(registry: Registry) -> None:
    def found() -> list[str]:
        return [each.detail for each in fsck.check(registry.store, registry.blobs, registry.sequencer.key)]

    def change(by: int) -> Callable[[Session], None]:
        return lambda session: session.connection().execute(
            text("UPDATE log_head SET registrations = registrations + :by"), {"by": by}
        )

    assert found() == []
    registry.store.write(change(1)).result()
    with registry.store.read() as session:
        counted = assets.count(session)
    assert found() == [f"states {counted + 1} public registrations, and there are {counted}"]
    registry.store.write(change(-1)).result()


def test_a_store_of_before_keeps_its_reports_and_learns_what_they_show(tmp_path: Path, database: str) -> None:
    """Their readers were promised that they stay."""
    report = json.dumps({"matches": [{"asset": {"id": "ab" * 32}}], "resembles": {"items": [{"id": "cd" * 32}]}})
    with closing(Store.open(tmp_path, database)) as store:
        store.write(lambda session: _go_back(session, report.replace(": ", ":"))).result()
    with closing(Store.open(tmp_path, database)) as store, store.read() as session:
        row = verifications.get(session, "00", 2**53)
        assert (row.kept_until_ms, from_milliseconds(row.created_at_ms).year) == (None, 1970)
        for record in ("ab", "cd"):
            assert verifications.showing(session, bytes.fromhex(record * 32), 2) == ["00"]
        assert not verifications.showing(session, bytes(32), 1)


def _go_back(session: Session, report: str) -> None:
    """The tables as revision 0014 has them, with a report in them."""
    connection = session.connection()
    for statement in (
        "DROP TABLE quota_day",
        "DROP TABLE prepared_registration",
        "DROP TABLE quota_use",
        "DROP TABLE shown_record",
        "DROP INDEX ix_verification_kept_until_ms",
        "ALTER TABLE verification DROP COLUMN kept_until_ms",
        "ALTER TABLE log_head DROP COLUMN registrations",
        "UPDATE alembic_version SET version_num = '0014'",
    ):
        connection.exec_driver_sql(statement)
    written = [{"id": "00", "report": report.encode()}, {"id": "01", "report": b""}]
    connection.execute(text("INSERT INTO verification (id, created_at_ms, report) VALUES (:id, 1, :report)"), written)
