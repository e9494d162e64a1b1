"""Files on their way out: bounded, hashed, read in chunks."""

import hashlib
import io
import os
from collections.abc import Callable
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from countermark import InvalidRequest
from countermark.content import CHUNK_BYTES, Content, Form


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


class Once(io.BytesIO):
    """A stream, such as a pipe or a response."""

    def seekable(self) -> bool:
        return False


def test_an_open_file_is_read_from_where_it_stands_and_again_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"head" + b"x" * CHUNK_BYTES)
    with (tmp_path / "picture").open("rb") as file:
        for source in (file, io.BytesIO(b"head" + b"x" * CHUNK_BYTES)):
            source.seek(4)
            content = Content.of(source)
            assert content.size == CHUNK_BYTES
            assert b"".join(content.chunks()) == b"".join(content.chunks()) == b"x" * CHUNK_BYTES
            assert not source.closed


@pytest.mark.parametrize("kind", [bytearray, memoryview, Once])
def test_bytes_of_every_kind_and_streams_are_content(kind: Callable[[bytes], Any]) -> None:
    content = Content.of(kind(b"picture"))
    assert content.read(7) == content.read(7) == b"picture"


def test_a_file_in_text_mode_and_a_closed_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "picture").write_text("text")
    with (tmp_path / "picture").open() as file, pytest.raises(InvalidRequest, match=r"picture is not open in binary"):
        Content.of(cast(BinaryIO, file)).sha256()
    with pytest.raises(InvalidRequest, match="closed"):
        Content.of(cast(BinaryIO, file))


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


def test_a_form_has_its_files_as_they_are_and_knows_its_size_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(CHUNK_BYTES + 1))
    form = Form({"file": Content.of(tmp_path / "large"), "reference": Content.of(b"\r\n--small")})
    chunks = list(form.chunks())
    assert len(b"".join(chunks)) == form.size
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)
    assert b"".join(form.chunks()) == b"".join(chunks), "as often as a request is tried"
    head = f"Content-Type: {form.media_type}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    parts = message_from_bytes(head + b"".join(chunks), policy=HTTP).iter_parts()
    read = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}
    assert read == {"file": (tmp_path / "large").read_bytes(), "reference": b"\r\n--small"}
