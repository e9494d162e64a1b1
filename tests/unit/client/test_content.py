"""Files on their way out: bounded, hashed, read in chunks."""

import hashlib
import os
from pathlib import Path

import pytest
from countermark import InvalidRequest
from countermark.content import CHUNK_BYTES, Content


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_file_and_its_bytes_are_the_same_content(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    file = tmp_path / "picture"
    file.write_bytes(data)
    for source in (file, str(file), data):
        content = Content.of(source)
        chunks = list(content.chunks())
        assert b"".join(chunks) == data
        assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)
        assert content.size == size
        assert content.sha256() == hashlib.sha256(data).hexdigest()
        assert content.read(size) == data


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", tmp_path / "none" / "none", "\0", "/dev/zero"):
        with pytest.raises(InvalidRequest):
            Content.of(path)


def test_a_file_that_is_gone_by_now_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"x")
    content = Content.of(file)
    file.unlink()
    with pytest.raises(InvalidRequest, match="picture cannot be read: No such file"):
        content.sha256()


@pytest.mark.parametrize("later", [b"", b"longer than before", bytes(3 * CHUNK_BYTES)])
def test_a_file_that_has_another_size_by_now_is_refused(tmp_path: Path, later: bytes) -> None:
    file = tmp_path / "picture"
    file.write_bytes(b"before")
    content = Content.of(file)
    file.write_bytes(later)
    with pytest.raises(InvalidRequest, match="changed"):
        content.sha256()


def test_more_than_was_asked_for_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "picture"
    file.write_bytes(bytes(11))
    for source in (file, bytes(11)):
        with pytest.raises(InvalidRequest, match="at most 10"):
            Content.of(source).read(10)
