"""Rotating the log's key: on a real data folder, as the command does it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.errors import Conflict, SignatureInvalid, StoreCorrupt
from provenance.receipts.procedure import verify_receipt
from provenance.statement.keys import Algorithm, LocalSigner
from provenance.statement.record import LogKey, parse_record, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import open_checkpoint
from provenance.transparency.log_keys import sign_change
from provenance.transparency.note import ED25519, ML_DSA_44, Note, VerifierKey
from registry.database import entries
from registry.log.log_keys import current_key
from registry.storage.blobs import Blobs
from registry.times import utc_now
from registry.usecases.maintenance.backup import back_up, restore
from registry.usecases.maintenance.fsck.check import no_progress
from tests.patience import HUNG_SECONDS, eventually
from tests.postgres import PostgresServer
from tests.unit.registry.log_folder import NOW, ORIGIN, Log

OTHER_NOTE = b"other.example\n9\n" + b"A" * 43 + "=\n\n— other.example AAAAAAA=\n".encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def log(folder: Path) -> Iterator[Log]:
    with Log(folder) as opened:
        opened.grow()
        yield opened


def test_the_log_goes_on_under_the_new_keys_and_old_and_new_receipts_hold(log: Log, folder: Path) -> None:
    old = log.sequencer.key
    before = log.receipt(0)
    done = log.rotate("a yearly change")
    new = log.sequencer.key
    assert new != old
    assert done.keys[0] == new
    assert old in done.retired
    log.grow()
    after = log.receipt(0)
    for trusted in (old, new):
        report = verify_receipt(after, trusted_keys=[trusted])
        assert report.holds
        assert report.log_key_pinned
    assert verify_receipt(before, trusted_keys=[old, new], retired={old: done.index}).holds
    note = log.sequencer.checkpoint()
    checkpoint, _ = open_checkpoint(note, done.keys, ORIGIN)
    assert checkpoint.size == done.index + 2
    assert len(note.splitlines()) == 4 + 2  # both of the new keys signed, and none of the old
    assert log.findings() == []
    assert sorted(path.name for path in (folder / "keys").glob("log*")) == ["log-ml-dsa.pem", "log.pem"]
    record = parse_record(after.keys[-1].record or b"")
    assert isinstance(record, LogKey)
    assert record.reason == "a yearly change"


def test_a_rotated_log_opens_again_and_can_be_rotated_again(folder: Path) -> None:
    keys = []
    for _ in range(3):
        with Log(folder) as log:
            keys.append(log.rotate().keys[0])
            log.grow()
    with Log(folder) as log:
        assert log.sequencer.key == keys[-1]
        assert verify_receipt(log.receipt(0), trusted_keys=[keys[0]]).log_key_pinned
        ed25519 = [span for span in log.sequencer.keys.spans() if span.key.key_type == ED25519]
        assert [(span.first_size, span.last_size) for span in ed25519] == [(0, 1), (2, 3), (4, 5), (6, None)]
        assert log.findings() == []


def test_a_log_without_ml_dsa_gains_it_and_may_drop_it_again(folder: Path) -> None:
    with Log(folder, ml_dsa=False) as log:
        assert [key.key_type for key in log.sequencer.keys.current] == [ED25519]
    began = utc_now()
    for ml_dsa, types in ((True, [ED25519, ML_DSA_44]), (False, [ED25519])):
        with Log(folder, ml_dsa=ml_dsa) as log:
            log.rotate()
            assert [key.key_type for key in log.sequencer.keys.current] == types
            note = log.sequencer.checkpoint()
            assert len(note.splitlines()) == 4 + len(types)
            dated = {key.key_id: key for key in log.sequencer.keys.current if key.key_type == ML_DSA_44}
            lines = [line for line in Note.parse(note).signatures if line.key_id in dated]
            times = [dated[line.key_id].read_cosignature(line.signature).time for line in lines]
            assert len(times) == len(types) - 1
            assert all(began.timestamp() - 1 < each <= utc_now().timestamp() for each in times)
            assert log.findings() == []


def test_the_keys_of_before_a_rotation_cannot_sign_on(log: Log, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "keys", tmp_path / "keys")
    index = log.rotate().index
    log.__exit__()
    shutil.rmtree(folder / "keys")
    shutil.copytree(tmp_path / "keys", folder / "keys")
    with pytest.raises(StoreCorrupt, match="current key"):
        Log(folder)
    assert b"\n%d\n" % (index + 1) in (folder / "objects/log/checkpoint").read_bytes()


def test_a_copy_from_before_a_rotation_is_known_as_an_older_one(folder: Path, tmp_path: Path) -> None:
    """With its own keys: it has to be the size, and not the key it does not know, that is named."""
    with Log(folder) as log:
        log.grow()
    shutil.copytree(folder, tmp_path / "backup")
    with Log(folder) as log:
        log.rotate()
    shutil.copy(folder / "high-water", tmp_path / "backup/high-water")
    with pytest.raises(StoreCorrupt, match="older copy"):
        Log(tmp_path / "backup")


def test_a_change_that_the_old_key_has_not_signed_does_not_get_into_the_log(log: Log) -> None:
    done = log.rotate()
    with log.store.read() as session:
        record = parse_record(entries.record(session, done.record_id).canonical)
    assert isinstance(record, LogKey)
    again = LogKey(bytes(32), record.claimed_at, record.log_keys, record.signatures, "once more")
    canonical = to_canonical(again)
    future = log.sequencer.append(sign_statement(canonical, log.keystore.operator), canonical)
    with pytest.raises(SignatureInvalid):
        future.result(HUNG_SECONDS)
    assert log.sequencer.keys.current == done.keys
    log.grow()  # and the log goes on
    assert log.findings() == []


def test_a_change_that_no_operator_signed_does_not_get_into_the_log(log: Log) -> None:
    old, new = log.sequencer.keys.current, log.keystore.prepare_log_keys(ORIGIN, ml_dsa=False)
    signatures = sign_change(ORIGIN, old, new, lambda key: log.keystore.log_signer(key) or bytes)
    canonical = to_canonical(LogKey(bytes(32), NOW, tuple(map(str, new)), signatures))
    stranger = log.keystore.create_publisher_key("newsroom", Algorithm.ED25519)
    with pytest.raises(SignatureInvalid, match="no operator key"):
        log.sequencer.append(sign_statement(canonical, stranger), canonical).result(HUNG_SECONDS)
    assert log.sequencer.keys.current == old


def test_a_change_to_a_key_that_is_not_held_here_does_not_get_into_the_log(log: Log) -> None:
    old, far = log.sequencer.keys.current, LocalSigner.generate(Algorithm.ED25519)
    new = (VerifierKey(ORIGIN, ED25519, far.public_key.raw),)
    signatures = sign_change(ORIGIN, old, new, lambda key: log.keystore.log_signer(key) or far.sign)
    canonical = to_canonical(LogKey(bytes(32), NOW, tuple(map(str, new)), signatures))
    with pytest.raises(StoreCorrupt, match="restore it"):
        log.sequencer.append(sign_statement(canonical, log.keystore.operator), canonical).result(HUNG_SECONDS)
    log.grow()
    assert log.sequencer.keys.current == old


def test_a_store_that_has_lost_a_change_of_keys_is_named_by_fsck_and_does_not_open(log: Log, folder: Path) -> None:
    done = log.rotate()
    log.forget_change(done.index)
    assert ("key", f"log.key {done.index}") in [(each.kind, each.name) for each in log.findings()]
    log.__exit__()
    with pytest.raises(StoreCorrupt):
        Log(folder)


def test_a_backup_of_before_a_rotation_is_an_older_copy(folder: Path, tmp_path: Path) -> None:
    backup, mark = tmp_path / "backup", folder / "high-water"
    with Log(folder) as log:
        key = log.sequencer.key
    assert back_up(folder, Blobs.open(folder / "objects"), backup, key, no_progress)[1] == []
    with Log(folder) as log:
        log.rotate()
    held = mark.read_bytes()
    with pytest.raises(Conflict, match="an older copy"):
        restore(backup, tmp_path / "again", mark, key, no_progress, discard_newer=False)
    assert mark.read_bytes() == held
    restored = restore(backup, tmp_path / "again", mark, key, no_progress, discard_newer=True)
    assert restored.signed is not None
    assert restored.signed > restored.size
    assert open_checkpoint(mark.read_bytes(), [key], ORIGIN)[0].size == restored.size
    assert mark.with_name(f"high-water.{restored.signed}").read_bytes() == held


@pytest.mark.parametrize(("mark", "words"), [(b"nothing\n", "malformed checkpoint"), (OTHER_NOTE, "of another log")])
def test_a_high_water_mark_of_another_log_is_not_taken_for_a_newer_one(
    folder: Path, tmp_path: Path, mark: bytes, words: str
) -> None:
    with Log(folder) as log:
        key = log.sequencer.key
    back_up(folder, Blobs.open(folder / "objects"), tmp_path / "backup", key, no_progress)
    (folder / "high-water").write_bytes(mark)
    with pytest.raises(StoreCorrupt, match=words):
        restore(tmp_path / "backup", tmp_path / "again", folder / "high-water", key, no_progress, discard_newer=True)


def test_fsck_knows_the_key_from_the_entries_where_a_rotation_was_cut_off_before_its_end(log: Log) -> None:
    own = VerifierKey(ORIGIN, ED25519, log.keystore.log.public_key.raw)
    assert current_key(log.store, own, log.keystore.log_signer) == own
    done = log.rotate()
    assert current_key(log.store, own, log.keystore.log_signer) == done.keys[0]
    assert current_key(log.store, own, lambda _key: None) == own


def test_a_prepared_key_is_taken_up_again_by_the_next_try(log: Log) -> None:
    prepared = log.keystore.prepare_log_keys(ORIGIN, ml_dsa=True)
    assert log.rotate().keys == prepared


@pytest.mark.timing
def test_every_process_signs_with_the_keys_that_another_has_changed_to(folder: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    with Log(folder, database=url) as leader, Log(folder, database=url) as follower:
        assert follower.store.leadership.term is None
        done = follower.rotate()
        assert follower.sequencer.key == leader.sequencer.key == done.keys[0]
        again = leader.rotate()
        eventually(lambda: follower.sequencer.key == again.keys[0])
        follower.grow()
        checkpoint, _ = open_checkpoint(follower.sequencer.checkpoint(), again.keys, ORIGIN)
        assert checkpoint.size == again.index + 2
        assert leader.sequencer.state.signing
        assert follower.findings() == []


def test_what_was_deleted_can_be_purged_on_postgresql(folder: Path, postgres: PostgresServer) -> None:
    with Log(folder, database=postgres.new_database()) as log:
        log.store.purge().result()
        log.grow()
        log.store.purge().result()
        assert log.findings() == []
