"""What an audit is asked about: folders, archives, lists, and what a hostile one of them can do."""

import gzip
import io
import os
import random
import tarfile
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from countermark import InvalidRequest
from countermark.audit import Globs, Sources, sources
from countermark.audit import items as reading
from countermark.audit.items import Entry, Examined, Reading, examine, read

from tests.unit.client.audited import sha256

HASHES = Reading()


def listed(*paths: object, **options: object) -> list[Entry]:
    return list(Sources(paths=[str(path) for path in paths], **options).entries())  # type: ignore[arg-type]


def names(entries: list[Entry], root: Path) -> list[str]:
    return [os.fsdecode(entry.name).removeprefix(f"{root}/") for entry in entries]


def examined(entries: list[Entry]) -> dict[str, Examined]:
    found = [each for entry in entries for each in examine([entry], HASHES)]
    return {os.fsdecode(each.name).rpartition("/")[2]: each for each in found}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with hidden files, a link loop, a pipe, and a name that is not UTF-8."""
    root = tmp_path / "tree"
    (root / "b" / ".hidden").mkdir(parents=True)
    for name in ("a.jpg", "b/c.PNG", "b/.hidden/d.jpg", "b/note.txt", "-rf.jpg", "=1+1.jpg"):
        (root / name).write_bytes(name.encode())
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.jpg")).write_bytes(b"odd")
    (root / "b" / "loop").symlink_to(root)
    (root / "to-a.jpg").symlink_to(root / "a.jpg")
    os.mkfifo(root / "pipe")
    return root


def test_a_folder_is_walked_whole_and_links_within_it_are_not_followed(tree: Path) -> None:
    asked = Sources(paths=[tree])
    entries = list(asked.entries())
    assert names(entries, tree) == [
        *("-rf.jpg", "=1+1.jpg", "a.jpg", "\udcff.jpg", "b/c.PNG", "b/note.txt", "b/.hidden/d.jpg"),
    ]
    assert asked.links == 2
    assert {each.sha256 for each in examined(entries).values()} >= {sha256(b"a.jpg"), sha256(b"odd")}


def test_a_link_that_was_named_is_followed(tree: Path) -> None:
    (entry,) = listed(tree / "to-a.jpg")
    assert examine([entry], HASHES)[0].sha256 == sha256(b"a.jpg")


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.jpg"], [], ["-rf.jpg", "=1+1.jpg", "a.jpg", "\udcff.jpg", "b/.hidden/d.jpg"]),
        (["*.jpg"], [".hidden/"], ["-rf.jpg", "=1+1.jpg", "a.jpg", "\udcff.jpg"]),
        (["/a.jpg"], [], ["a.jpg"]),
        ([], ["*", "!/a.jpg"], ["a.jpg"]),
        (["b/**"], ["*.txt"], ["b/c.PNG", "b/.hidden/d.jpg"]),
    ],
)
def test_globs_are_those_of_gitignore(tree: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    assert names(listed(tree, globs=Globs(include, exclude)), tree) == expected


@pytest.mark.parametrize("name", ["missing.jpg", "pipe", "locked"])
def test_what_cannot_be_read_is_an_item(tree: Path, name: str) -> None:
    (tree / "locked").mkdir()
    entries = listed(tree / name)
    if name == "locked":  # an empty folder has no items
        assert entries == []
        return
    (found,) = examine(entries, HASHES)
    assert found.failure is not None
    assert found.failure[0] == "unreadable"


def test_a_pipe_that_took_a_files_place_is_not_waited_for(tree: Path) -> None:
    (entry,) = listed(tree / "a.jpg")
    (tree / "a.jpg").unlink()
    os.mkfifo(tree / "a.jpg")
    assert examine([entry], HASHES)[0].failure == ("unreadable", "it is not a file")


def test_a_file_that_vanished_is_unreadable(tree: Path) -> None:
    (entry,) = listed(tree / "a.jpg")
    (tree / "a.jpg").unlink()
    assert examine([entry], HASHES)[0].failure == ("unreadable", "No such file or directory")


def test_a_file_that_changes_while_it_is_read_is_unreadable(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = listed(tree / "a.jpg")
    stamps = iter(["before", "after"])
    monkeypatch.setattr(reading, "stamp_of", lambda _: next(stamps))
    assert examine([entry], HASHES)[0].failure == ("unreadable", "it changed while it was read")


def test_empty_and_huge_files_are_told_and_not_read(tree: Path) -> None:
    (tree / "a.jpg").write_bytes(b"")
    with (tree / "b" / "c.PNG").open("wb") as huge:
        huge.truncate(10**12)
    found = examined(listed(tree / "a.jpg", tree / "b" / "c.PNG"))
    assert found["a.jpg"].failure == ("empty", "it has no bytes")
    assert found["c.PNG"].failure is not None
    assert found["c.PNG"].failure[0] == "too_large"


# Archives -----------------------------------------------------------------------------------------


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def make_tar(mode: str) -> Callable[[Path, dict[str, bytes]], Path]:
    def make(path: Path, members: dict[str, bytes]) -> Path:
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
        return path

    return make


ARCHIVES = {
    "a.zip": make_zip,
    "a.tar": make_tar("w"),
    "a.tar.gz": make_tar("w:gz"),
    "a.tgz": make_tar("w:gz"),
    "a.tar.xz": make_tar("w:xz"),
    "mislabelled.tar": make_tar("w:bz2"),
}
MEMBERS = {"x.jpg": b"one", "deep/y.jpg": b"two", "deep/z.txt": b"three", "e.jpg": b""}


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_of_an_archive_are_items_and_nothing_is_unpacked(tmp_path: Path, name: str) -> None:
    archive = ARCHIVES[name](tmp_path / name, MEMBERS)
    entries = listed(archive)
    assert names(entries, archive.parent) == [f"{name}!/{member}" for member in MEMBERS]
    found = {os.fsdecode(each.name).partition("!/")[2]: each for each in examine(entries, HASHES)}
    assert {member: each.sha256 for member, each in found.items()} == {
        **{member: sha256(data) for member, data in MEMBERS.items() if data},
        "e.jpg": None,
    }
    assert found["e.jpg"].failure == ("empty", "it has no bytes")
    assert [read(entry, HASHES) for entry in entries if entry.size] == [data for data in MEMBERS.values() if data]
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("name", ARCHIVES)
def test_globs_reach_into_archives_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "kept").mkdir()
    ARCHIVES[name](tmp_path / "kept" / name, MEMBERS)
    entries = listed(tmp_path, globs=Globs(["*.jpg"], ["deep/"]))
    assert names(entries, tmp_path) == [f"kept/{name}!/x.jpg", f"kept/{name}!/e.jpg"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_damaged_archive_is_an_item_and_ends_nothing(tmp_path: Path, name: str) -> None:
    archive = ARCHIVES[name](tmp_path / name, {"x.jpg": os.urandom(100_000), "y.jpg": os.urandom(100_000)})
    archive.write_bytes(archive.read_bytes()[:60_000])
    (tmp_path / "z.jpg").write_bytes(b"z")
    found = examined(listed(tmp_path))
    assert found["z.jpg"].sha256 == sha256(b"z")
    assert any(each.failure is not None and each.failure[0] == "unreadable" for each in found.values())


def header(size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Of a tar's member, whose size may be below zero (in base 256, as GNU tar writes numbers)."""
    block = bytearray(tarfile.TarInfo("x.jpg").tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\x80" + size.to_bytes(11) if size >= 0 else size.to_bytes(12, signed=True)
    block[156:157] = kind
    block[148:156] = b"%06o\0 " % (sum(block) - sum(block[148:156]) + 8 * ord(" "))
    return bytes(block)


def extended(record: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return header(len(record), kind) + record.ljust(-(-len(record) // 512) * 512, b"\0")


MEMBER = header(512) + bytes(512)
HOSTILE_TARS = {
    "a member's size leads back to it": MEMBER + header(-512),
    "one of an unknown kind, too": MEMBER + header(-512, b"Z"),
    "an extended header states that size": MEMBER + extended(b"14 size=-1536\n") + header(10),
    "a long name has that size": MEMBER + header(-512, tarfile.GNUTYPE_LONGNAME) + header(10),
    "an extended header fills the memory": MEMBER + extended(b"2000012 x=".ljust(2_000_011) + b"\n") + header(10),
    "a map of holes is no map": MEMBER + extended(b"22 GNU.sparse.size=99\n25 GNU.sparse.map=hole,x\n") + header(0),
}


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_members_of_kinds_that_nobody_knows_are_an_item_that_failed(tmp_path: Path, name: str) -> None:
    archive = tmp_path / name
    with tarfile.open(archive, "w:gz" if name.endswith("gz") else "w") as tar:
        for member, kind in {"d": tarfile.DIRTYPE, "a.jpg": b"Z", "b.jpg": b"Y", "x.jpg": tarfile.REGTYPE}.items():
            info = tarfile.TarInfo(member)
            info.type, info.size = kind, 0 if kind == tarfile.DIRTYPE else 3
            tar.addfile(info, io.BytesIO(b"one"))
    found = {os.fsdecode(each.name).partition("!/")[2]: each for each in examine(listed(archive), HASHES)}
    assert found.keys() == {"a.jpg", "x.jpg"}
    told = "it is a member of a kind that is not known here, and so are others: 1"
    assert found["a.jpg"].failure == ("unreadable", told)
    assert found["x.jpg"].sha256 == sha256(b"one")


@pytest.mark.parametrize("content", HOSTILE_TARS.values(), ids=HOSTILE_TARS)
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_tar_that_would_be_read_for_ever_or_into_all_memory_is_an_item_that_failed(
    tmp_path: Path, name: str, content: bytes
) -> None:
    whole = content + bytes(1024)
    (tmp_path / name).write_bytes(gzip.compress(whole) if name.endswith("gz") else whole)
    entries = list(islice(Sources(paths=[tmp_path / name]).entries(), 10))
    assert [entry.kind for entry in entries][1:] == ["failed"]
    assert examine(entries, HASHES)[-1].failure == entries[-1].failure


def test_a_member_of_a_zip_that_is_damaged_in_any_way_of_packing_ends_nothing(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / f"{method}.zip", "w", method) as archive:
            archive.writestr("x.jpg", random.Random(1).randbytes(2_000) * 2)
        data = bytearray((tmp_path / f"{method}.zip").read_bytes())
        data[40:1_500] = bytes(1_460)
        (tmp_path / f"{method}.zip").write_bytes(data)
    for each in examined(listed(tmp_path)).values():
        assert each.failure is not None
        assert each.failure[0] == "unreadable"


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FREE_ARCHIVE_BYTES", 1_000)
    archive = ARCHIVES[name](tmp_path / name, {f"{number}.jpg": bytes(10**6) for number in range(9)})
    entries = listed(archive)
    assert len(entries) < 9
    assert entries[-1].failure is not None
    assert entries[-1].failure[0] == "too_large"


def test_a_member_that_holds_more_than_it_states_is_not_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_MEDIA_BYTES", 1_000)
    archive = make_zip(tmp_path / "a.zip", {"x.jpg": bytes(5_000)})
    (entry,) = listed(archive)
    lying = Entry(entry.name, entry.kind, entry.at, entry.place, 10, entry.stamp)
    assert examine([lying], HASHES)[0].failure == ("too_large", reading._too_large(5_000))


def test_an_encrypted_member_is_unreadable(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"x.jpg": b"one"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag in the local header, and below in the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    assert examined(listed(archive))["x.jpg"].failure is not None


def test_two_members_of_one_name_are_two_items(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.jpg", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.jpg", b"two")
    found = examined(listed(tmp_path / "a.zip"))
    assert {name: each.sha256 for name, each in found.items()} == {
        "x.jpg": sha256(b"one"),
        "x.jpg (2)": sha256(b"two"),
    }


def test_an_archive_that_changed_after_it_was_listed_is_not_taken_for_the_one_that_was(tmp_path: Path) -> None:
    for name in ("a.zip", "a.tar"):
        archive = ARCHIVES[name](tmp_path / name, MEMBERS)
        entries = listed(archive)
        ARCHIVES[name](archive, {"other.jpg": b"other", **MEMBERS})
        found = examine(entries, HASHES)
        assert {each.failure for each in found} >= {("unreadable", "its archive changed after it was listed")}
        assert {each.sha256 for each in found} == {None}


# Lists --------------------------------------------------------------------------------------------


def test_a_list_has_a_path_or_an_address_a_line_or_between_nuls(tmp_path: Path) -> None:
    (tmp_path / "two\nlines.jpg").write_bytes(b"two")
    (tmp_path / "a.jpg").write_bytes(b"a")
    lines = io.BytesIO(f"{tmp_path}/a.jpg\r\n\nhttps://example.org/b.jpg".encode())
    assert [(entry.kind, os.fsdecode(entry.name)) for entry in Sources(lists=[lines]).entries()] == [
        ("file", f"{tmp_path}/a.jpg"),
        ("address", "https://example.org/b.jpg"),
    ]
    nul = io.BytesIO(f"{tmp_path}/two\nlines.jpg\0".encode())
    (entry,) = Sources(lists=[nul], nul=True).entries()
    assert examine([entry], HASHES)[0].sha256 == sha256(b"two")


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="has more than"):
        list(Sources(lists=[io.BytesIO(b"x" * 10**6)]).entries())


def test_a_column_of_a_csv_has_paths_or_addresses(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    table = io.StringIO(f'id,where\n1,{tmp_path}/a.jpg\n2,\n3,"https://example.org/a,b.jpg"\n')
    assert [entry.kind for entry in Sources(tables=[(table, "where")]).entries()] == ["file", "address"]


def test_a_csv_without_the_column_is_refused_with_those_it_has() -> None:
    with pytest.raises(InvalidRequest, match=r"no column 'where'; its columns are: id, place"):
        list(Sources(tables=[(io.StringIO("id,place\n"), "where")]).entries())


def test_digests_are_read_as_sha256sum_writes_them() -> None:
    lines = f"{'AB' * 32} *a.jpg\n{'cd' * 32}  b c.jpg\n\\{'ef' * 32}  two\\nlines\\\\.jpg\n"
    entries = list(Sources(digests=[io.BytesIO(lines.encode())]).entries())
    assert [(entry.name, entry.digest) for entry in entries] == [
        (b"a.jpg", "ab" * 32),
        (b"b c.jpg", "cd" * 32),
        (b"two\nlines\\.jpg", "ef" * 32),
    ]
    assert [each.sha256 for each in examine(entries, HASHES)] == [entry.digest for entry in entries]


@pytest.mark.parametrize("line", ["", "zz" * 32 + "  a.jpg", "ab" * 31 + "  a.jpg", "MD5 (a.jpg) = 00"])
def test_a_list_that_is_not_of_digests_is_refused(line: str) -> None:
    with pytest.raises(InvalidRequest, match="line 1 of the list"):
        list(Sources(digests=[io.BytesIO(f"{line or 'x'}\n".encode())]).entries())
