"""fsck over what connects records: every damaged seal, event and derivation is named, and sound ones are not."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from provenance.statement.record import Parent
from provenance.transparency.note import VerifierKey
from registry.database import Store, events, uploads
from registry.keys.api_keys import listed
from registry.storage.blobs import Blobs
from registry.usecases import disputes
from registry.usecases.erasure import erase
from registry.usecases.maintenance import fsck
from registry.usecases.sealing import reveal
from registry.usecases.verdicts import record_verdict
from registry.usecases.verify import KEPT_FOR, verify_digests
from tests.unit.registry.desk import DAILY, OF_DAILY, RIVAL, jpeg, open_desk, register

MIGRATIONS = Path(__file__).parents[3] / "registry" / "database" / "migrations"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VerifierKey]:
    """A parent and its child, a dispute with its answer, a verdict, a sealed, a revealed and an erased registration."""
    folder = tmp_path_factory.mktemp("connections") / "data"
    with open_desk(folder) as registry:
        parent = bytes.fromhex(register(registry, jpeg(1), title="parent").asset.id)
        child = register(registry, jpeg(2), title="child", parents=(Parent(parent, "parentOf"),)).asset
        said = disputes.dispute(registry, publisher=RIVAL, record=parent, reason="ours", counterclaim=None)
        disputes.answer(registry, publisher=DAILY, dispute=bytes.fromhex(said.id), outcome="rejected", reason="no")
        report = json.loads(verify_digests(registry, sha256=bytes.fromhex(child.media.sha256), keep=KEPT_FOR))
        record_verdict(registry, publisher=RIVAL, verification_id=str(report["id"]))
        register(registry, jpeg(3), title="sealed", visibility="sealed")
        revealed = bytes.fromhex(register(registry, jpeg(4), title="revealed", visibility="sealed").asset.id)
        reveal(registry, record=revealed, reader=OF_DAILY)
        erased = bytes.fromhex(register(registry, jpeg(5), title="erased").asset.id)
        erase(registry, record=erased, reason="asked for")
        key = registry.sequencer.key
    return folder, key


def examine(folder: Path, key: VerifierKey) -> list[fsck.Defect]:
    store = Store.open(folder)
    try:
        return list(fsck.check(store, Blobs.open(folder / "objects"), key))
    finally:
        store.close()


def test_a_sound_store_has_no_findings(story: tuple[Path, VerifierKey]) -> None:
    assert examine(*story) == []


@pytest.mark.parametrize(
    ("sql", "kind", "detail"),
    [
        ("DELETE FROM event WHERE type = 'asset.disputed'", "event", "not as in the record"),
        ("DELETE FROM event WHERE type = 'dispute.answered'", "event", "not as in the record"),
        ("DELETE FROM event WHERE type = 'verdict.recorded'", "event", "not as in the record"),
        ("DELETE FROM event WHERE type = 'record.erased'", "event", "not as in the record"),
        ("UPDATE event SET target = zeroblob(32) WHERE type = 'asset.disputed'", "event", "not as in the record"),
        ("UPDATE event SET type = 'x' WHERE type = 'asset.revealed'", "event", "not as in the record"),
        ("INSERT INTO event VALUES (zeroblob(32), 1, 'asset.disputed')", "event", "not as in the record"),
        ("DELETE FROM derivation", "derivation", "not as in the record"),
        ("UPDATE derivation SET parent = zeroblob(32)", "derivation", "not as in the record"),
        ("UPDATE derivation SET supersedes = 1", "derivation", "not as in the record"),
        ("INSERT INTO derivation VALUES (zeroblob(32), zeroblob(32), 0)", "derivation", "no public record"),
        ("DELETE FROM sealed_asset", "asset", "the row is missing"),
        ("UPDATE sealed_asset SET publisher_id = 'rival'", "asset", "publisher or sketch"),
        ("UPDATE sealed_asset SET thumbnail_sha256 = zeroblob(32)", "blob", "missing"),
        ("INSERT INTO remnant VALUES (zeroblob(32), '')", "record", "not finished"),
        ("UPDATE record SET canonical = x'' WHERE type = 'asset.disputed'", "record", "without an erasure"),
    ],
)
def test_what_is_damaged_is_named(
    story: tuple[Path, VerifierKey], tmp_path: Path, sql: str, kind: str, detail: str
) -> None:
    folder, key = story
    shutil.copytree(folder, tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "countermark.db")) as database, database:
        assert database.execute(sql).rowcount > 0
    found = examine(tmp_path / "data", key)
    assert [finding for finding in found if finding.kind == kind and detail in finding.detail], found


def test_a_sealed_record_that_became_public_without_a_reveal_is_named(
    story: tuple[Path, VerifierKey], tmp_path: Path
) -> None:
    folder, key = story
    shutil.copytree(folder, tmp_path / "data")
    with open_desk(tmp_path / "data") as registry:
        from provenance.statement.record import AssetRegistered, parse_record
        from registry.database import Session, entries, sealed
        from registry.usecases.register import publish

        def leak(session: Session) -> None:
            row = sealed.page(session, publisher=DAILY, before=None, limit=1)[0]
            record = parse_record(entries.record(session, row.record_id).canonical)
            assert isinstance(record, AssetRegistered)
            sealed.delete(session, row)
            publish(registry, session, sealed.revealed(row, record), record, b"")

        registry.store.write(leak).result()
    found = examine(tmp_path / "data", key)
    assert [finding.detail for finding in found] == [
        "it is public, although its record is sealed and no record reveals it"
    ]


def made_at(folder: Path, revision: str) -> Path:
    """A store as a version of that revision has made it."""
    folder.mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with create_engine(f"sqlite:///{folder}/countermark.db").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return folder


def test_a_store_from_before_uploads_had_owners_keeps_its_keys_and_gives_uploads_to_nobody(tmp_path: Path) -> None:
    old = made_at(tmp_path / "old", "0006")
    with closing(sqlite3.connect(old / "countermark.db")) as database, database:
        database.execute(
            "INSERT INTO api_key (id, prefix, digest, name, scopes, created_at_ms) "
            "VALUES ('key_1', 'abcdefgh', x'00', 'desk', 'assets:write publishers:write', 1)"
        )
        database.execute("INSERT INTO upload VALUES (?, 3, 2, 'key_1')", (b"a" * 32,))
    with closing(Store.open(old)) as store:
        (key,) = listed(store)
        assert key.scopes == ("assets:write", "keys:write")
        with store.read() as session:
            assert uploads.find(session, "key_1", b"a" * 32) is None
            assert [(row.owner, row.sha256) for row in uploads.older(session, 3, 10)] == [("", b"a" * 32)]


def test_a_store_from_before_there_were_chains_learns_what_was_made_from_what(
    story: tuple[Path, VerifierKey], tmp_path: Path
) -> None:
    old = made_at(tmp_path / "old", "0001")
    with closing(sqlite3.connect(old / "countermark.db")) as database, database:
        database.execute("ATTACH ? AS now", (str(story[0] / "countermark.db"),))
        database.execute("INSERT INTO record SELECT * FROM now.record WHERE canonical <> x''")
        expected = database.execute("SELECT parent, child FROM now.derivation").fetchall()
    store = Store.open(old)
    with store.read() as session:
        ((parent, child),) = expected
        assert events.derivations_of_each(session, [child]) == {child: {parent: False}}
        assert events.derivation_count(session) == 1
    store.close()
