"""Blobs: what is put is there, whole, under its digest, also after a crash."""

import hashlib
import os
from pathlib import Path

import pytest

from provenance.errors import NotFound, StoreCorrupt, StoreUnavailable
from registry.storage.blobs import Blobs, blob_name

PICTURE = b"\xff\xd8 not much of a picture"


def file_of(blobs: Blobs, sha256: bytes) -> Path:
    return blobs.objects.folder / blob_name(sha256)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs.open(tmp_path / "objects")


def test_a_blob_comes_back_under_its_sha256(blobs: Blobs) -> None:
    sha256 = blobs.put(PICTURE)
    assert sha256 == hashlib.sha256(PICTURE).digest()
    assert blobs.get(sha256) == PICTURE
    assert sha256 in blobs


def test_a_file_is_copied_under_the_digest_of_what_was_copied(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(3_000_000))
    sha256 = blobs.put(source)
    assert blobs.get(sha256) == source.read_bytes()


def test_the_same_bytes_are_one_blob_from_wherever_they_come(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(PICTURE)
    assert blobs.put(PICTURE) == blobs.put(PICTURE) == blobs.put(tmp_path / "copy")
    assert list(blobs) == [hashlib.sha256(PICTURE).digest()]


def test_the_empty_blob_is_a_blob(blobs: Blobs) -> None:
    assert blobs.get(blobs.put(b"")) == b""


def test_a_changed_blob_is_never_served(blobs: Blobs) -> None:
    sha256 = blobs.put(PICTURE)
    file_of(blobs, sha256).write_bytes(PICTURE[:-1] + b"?")
    with pytest.raises(StoreCorrupt, match=sha256.hex()):
        blobs.get(sha256)


def test_a_blob_is_lent_as_a_file_for_a_while_also_where_it_is_deleted_meanwhile(blobs: Blobs, tmp_path: Path) -> None:
    sha256 = blobs.put(PICTURE)
    with blobs.lend(sha256, tmp_path) as path:
        blobs.delete(sha256)
        assert path.read_bytes() == PICTURE
    assert not path.exists()
    with pytest.raises(NotFound), blobs.lend(sha256, tmp_path):
        pass


def test_a_changed_blob_is_never_lent(blobs: Blobs, tmp_path: Path) -> None:
    sha256 = blobs.put(PICTURE)
    file_of(blobs, sha256).write_bytes(PICTURE[:-1] + b"?")
    with pytest.raises(StoreCorrupt), blobs.lend(sha256, tmp_path):
        pass
    assert not list(tmp_path.glob("lent-*"))


def test_putting_a_damaged_blob_again_mends_it(blobs: Blobs) -> None:
    sha256 = blobs.put(PICTURE)
    file_of(blobs, sha256).write_bytes(b"")
    blobs.put(PICTURE)
    assert blobs.get(sha256) == PICTURE


def test_a_deleted_blob_is_not_found_and_deleting_twice_is_no_error(blobs: Blobs) -> None:
    sha256 = blobs.put(PICTURE)
    blobs.delete(sha256)
    blobs.delete(sha256)
    assert sha256 not in blobs
    with pytest.raises(NotFound):
        blobs.get(sha256)


def test_leftovers_of_a_crash_never_count_and_are_swept_at_a_start_an_hour_later(blobs: Blobs) -> None:
    staging = blobs.objects.folder / "staging"
    blobs.put(PICTURE)
    staging.mkdir(exist_ok=True)
    (staging / "0123").write_bytes(b"half a pict")
    (staging / "0123#1").write_bytes(b"half")
    (blobs.objects.folder / "blobs" / "leftover").write_bytes(b"not under its digest")
    assert list(blobs) == [hashlib.sha256(PICTURE).digest()]
    Blobs.open(blobs.objects.folder)
    assert len(list(staging.iterdir())) == 2, "they could be another process's, at work right now"
    for leftover in staging.iterdir():
        os.utime(leftover, times=(0, 0))
    Blobs.open(blobs.objects.folder)
    assert list(staging.iterdir()) == []


def test_nothing_is_left_in_staging_by_a_put(blobs: Blobs, tmp_path: Path) -> None:
    blobs.put(PICTURE)
    with pytest.raises(StoreUnavailable):
        blobs.put(tmp_path / "no such file")
    assert list((blobs.objects.folder / "staging").iterdir()) == []


def test_file_and_folders_are_flushed_before_a_put_returns(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []

    def record(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", record)
    sha256 = blobs.put(PICTURE)
    folder = file_of(blobs, sha256).parent
    assert flushed[0].startswith(str(blobs.objects.folder / "staging"))  # the bytes, before they have their name
    assert flushed[1:] == [str(each) for each in (folder, *folder.parents[:3])]


def test_names_and_sizes_of_objects_are_listed_by_folder(blobs: Blobs) -> None:
    blobs.objects.put("log/checkpoint", b"one")
    blobs.objects.put("log/tile/0/000.p/1", b"three")
    assert sorted(blobs.objects.names("log/tile")) == [("log/tile/0/000.p/1", 5)]
    assert list(blobs) == []
