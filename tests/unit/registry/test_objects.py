"""Objects: the same behaviour in a local folder and in a bucket, and a log that lies in either."""

import errno
import os
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import obstore
import pytest

from provenance.errors import Conflict, SettingsInvalid, StoreCorrupt, StoreUnavailable
from registry.bootstrap import open_registry
from registry.log.high_water import HighWater
from registry.log.tiles import Tiles
from registry.storage import objects as storage
from registry.storage.blobs import Blobs, blob_name
from registry.storage.objects import BucketObjects, Objects, open_objects
from registry.usecases.maintenance import fsck
from tests.buckets import BucketServer
from tests.patience import HUNG_SECONDS
from tests.unit.registry.desk import jpeg, register
from tests.unit.registry.log_folder import config
from tests.unit.registry.newsroom import Newsroom
from tests.unit.registry.test_sequencer import small


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "objects" if request.param == "folder" else request.getfixturevalue("buckets").new_bucket()


@pytest.fixture
def objects(place: Path | str) -> Objects:
    return open_objects(place)


@pytest.fixture(params=["folder", "bucket"])
def water(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    bucket = "" if request.param == "folder" else request.getfixturevalue("buckets").new_bucket()
    return f"{bucket}/high-water" if bucket else tmp_path / "high-water"


def test_what_is_put_comes_back_and_is_listed_until_it_is_deleted(objects: Objects) -> None:
    objects.put("log/tile/0/000", b"hashes")
    assert objects.get("log/tile/0/000") == b"hashes"
    assert "log/tile/0/000" in objects
    assert list(objects.names("log/tile")) == [("log/tile/0/000", 6)]
    objects.delete("log/tile/0/000")
    objects.delete("log/tile/0/000")
    assert objects.get("log/tile/0/000") is None
    assert "log/tile/0/000" not in objects


def test_a_file_of_many_parts_is_stored_whole_under_its_digest(objects: Objects, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 65_536)  # 16 MiB: more than one part of an upload
    sha256 = objects.put_file(source, lambda digest: f"uploads/{digest.hex()}")
    assert objects.get(f"uploads/{sha256.hex()}") == source.read_bytes()


def test_an_object_is_had_as_a_file_that_outlives_it(objects: Objects, tmp_path: Path) -> None:
    data = bytes(range(256)) * 65_536
    objects.put("blobs/ab/cd/abcd", data)
    assert objects.copy_to("blobs/ab/cd/abcd", tmp_path / "lent")
    objects.delete("blobs/ab/cd/abcd")
    assert (tmp_path / "lent").read_bytes() == data
    assert not objects.copy_to("blobs/ab/cd/abcd", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_where_no_second_name_can_be_given_a_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", elsewhere)
    objects = open_objects(tmp_path / "objects")
    objects.put("blobs/ab/cd/abcd", b"a picture")
    assert objects.copy_to("blobs/ab/cd/abcd", tmp_path / "lent")
    assert (tmp_path / "lent").read_bytes() == b"a picture"


@pytest.mark.timing
def test_a_swap_takes_the_place_of_what_was_expected_and_of_nothing_else(objects: Objects) -> None:
    assert objects.swap("log/checkpoint", b"one", {None})
    assert not objects.swap("log/checkpoint", b"two", {None})
    assert not objects.swap("log/checkpoint", b"two", {b"none"})
    assert objects.get("log/checkpoint") == b"one"
    assert objects.swap("log/checkpoint", b"two", {b"none", b"one"})
    assert objects.get("log/checkpoint") == b"two"


@pytest.mark.timing
def test_of_many_swaps_at_once_one_succeeds(place: Path | str, objects: Objects) -> None:
    held = None
    for number in range(5):
        won: list[bytes] = []
        start = threading.Barrier(6)

        def swap(
            data: bytes, start: threading.Barrier = start, held: bytes | None = held, won: list[bytes] = won
        ) -> None:
            mine = open_objects(place)
            start.wait()
            if mine.swap("log/checkpoint", data, {held}):
                won.append(data)

        threads = [threading.Thread(target=swap, args=(b"%d %d" % (number, each),)) for each in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        held = objects.get("log/checkpoint")
        assert held == won[0]


def test_in_a_bucket_the_checkpoint_may_be_cached_for_a_second_and_all_else_for_ever(buckets: BucketServer) -> None:
    objects = BucketObjects(buckets.new_bucket())
    objects.put("log/tile/0/000", b"hashes")
    Tiles(objects).publish(b"note")
    cached = {
        name: obstore.get(objects._store, name).attributes["Cache-Control"]
        for name in ("log/tile/0/000", "log/checkpoint")
    }
    assert cached == {"log/tile/0/000": "max-age=31536000, immutable", "log/checkpoint": "max-age=1"}


def test_a_checkpoint_is_not_published_by_who_leads_no_more(objects: Objects) -> None:
    deposed, elected = Tiles(objects), Tiles(objects)
    deposed.publish(b"older")
    terms = iter([True, False])

    def may() -> bool:
        elected.publish(b"newer")  # after the other has looked at what is there, and was sure that it leads
        return next(terms)

    with pytest.raises(StoreUnavailable, match="taken over"):
        deposed.publish(b"mine", may)
    assert elected.checkpoint() == b"newer"


def test_several_blobs_are_stored_at_the_same_time(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    together, create = threading.Barrier(3), objects.create

    def create_together(name: str, data: bytes) -> bool:
        together.wait(HUNG_SECONDS)  # breaks where one waits for another
        return create(name, data)

    monkeypatch.setattr(objects, "create", create_together)
    blobs = Blobs(objects)
    one, none, two, three = blobs.put_all((b"one", None, b"two", b"three"))
    assert none is None
    assert [blobs.get(each) for each in (one, two, three) if each] == [b"one", b"two", b"three"]


def test_a_damaged_blob_is_repaired_by_putting_it_again(objects: Objects) -> None:
    blobs = Blobs(objects)
    sha256 = blobs.put(b"a picture")
    objects.put(blob_name(sha256), b"a pictuRe")
    assert blobs.put(b"a picture") == sha256
    assert blobs.get(sha256) == b"a picture"


class Requests:
    """Passes requests to a bucket on, and notes them."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def __getattr__(self, kind: str) -> object:
        ask = getattr(obstore, kind)
        if kind not in ("get", "put", "head", "delete", "list"):
            return ask

        def noted(store: object, name: str = "", *args: object, **options: object) -> object:
            self.made.append((kind, name))
            return ask(store, name, *args, **options)

        return noted


def test_a_publication_in_a_bucket_asks_no_more_than_it_must(
    tmp_path: Path, buckets: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = buckets.new_bucket()
    with Newsroom(tmp_path / "data", objects=bucket, high_water=f"{bucket}/high-water") as newsroom:
        newsroom.found()
        requests = Requests()
        monkeypatch.setattr(storage, "obstore", requests)
        newsroom.sequencer.append(*small(1)).result(HUNG_SECONDS)
        monkeypatch.undo()
    tiles = ["log/tile/0/000.p/3", "log/tile/entries/000.p/3"]
    assert sorted(requests.made[:4]) == [(kind, tile) for kind in ("get", "put") for tile in tiles]
    assert requests.made[4:] == [("put", "high-water"), ("put", "log/checkpoint")]


def test_a_registration_in_a_bucket_makes_eight_requests_of_which_five_wait_for_one_before(
    tmp_path: Path, buckets: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blobs go at once, each tile is put and then read back, the mark is raised, and the checkpoint is published. What
    it resembles is got beside it, for a comparison that nobody waits for."""
    bucket = buckets.new_bucket()
    settings = replace(config(tmp_path / "data"), objects=bucket, high_water=f"{bucket}/high-water")
    with closing(open_registry(settings)) as registry:
        register(registry, jpeg(1))
        requests = Requests()
        monkeypatch.setattr(storage, "obstore", requests)
        register(registry, jpeg(2))
        made = [(kind, name) for kind, name in requests.made if (kind, name[:6]) != ("get", "blobs/")]
        monkeypatch.undo()
    of_log = [name.startswith(("log/", "high-water")) for _, name in made]
    assert of_log == [False] * 2 + [True] * 6
    assert [kind for kind, _ in made] == ["put"] * 2 + [kind for kind, _ in made[2:6]] + ["put"] * 2
    assert sorted(kind for kind, _ in made[2:6]) == ["get"] * 2 + ["put"] * 2


def test_a_swap_whose_answer_is_lost_is_known_to_have_been_made(
    buckets: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects, other = (BucketObjects(buckets.new_bucket()) for _ in "12")
    for each in (objects, other):
        assert each.swap("log/checkpoint", b"one", {None})

    def put_twice(*args: object, **options: object) -> object:
        obstore.put(*args, **options)
        return obstore.put(*args, **options)  # as the client does that got no answer

    monkeypatch.setattr(storage, "obstore", SimpleNamespace(put=put_twice, get=obstore.get))
    assert objects.swap("log/checkpoint", b"two", {b"one"})
    assert objects.get("log/checkpoint") == b"two"
    assert not other.swap("log/checkpoint", b"two", {b"none"})


def test_what_another_process_has_swapped_in_is_not_written_over(buckets: BucketServer) -> None:
    bucket = buckets.new_bucket()
    objects, other = BucketObjects(bucket), BucketObjects(bucket)
    assert objects.swap("log/checkpoint", b"one", {None})
    assert other.swap("log/checkpoint", b"two", {b"one"})
    assert not objects.swap("log/checkpoint", b"three", {b"one"})
    assert objects.swap("log/checkpoint", b"three", {b"two"})
    assert other.get("log/checkpoint") == b"three"


def test_malformed_addresses_are_refused(buckets: BucketServer) -> None:
    for url in ("s3:///prefix", "http://bucket/prefix", "s3://user@bucket/x", "s3://bucket/x?y=z"):
        with pytest.raises(SettingsInvalid):
            open_objects(url)
    for url in ("s3://bucket", "s3://bucket/", "s3://"):
        with pytest.raises(SettingsInvalid):
            HighWater(url)


def test_a_bucket_that_is_missing_or_away_is_unavailable(
    buckets: BucketServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreUnavailable, match="404"):
        open_objects("s3://no-such-bucket/prefix")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable):
        open_objects("s3://bucket/prefix")


def test_a_high_water_mark_is_advanced_by_one_signer_only(water: Path | str) -> None:
    one, two = HighWater(water), HighWater(water)
    assert one.read() is two.read() is None
    one.expect(None)
    two.expect(None)
    one.advance(b"1")
    one.advance(b"2")
    with pytest.raises(Conflict, match="another process"):
        two.advance(b"1")
    assert two.read() == b"2"
    with pytest.raises(Conflict, match="another process"):
        two.advance(b"3")  # what was read is not yet found to be of this history
    two.expect(b"2")
    two.advance(b"3")
    with pytest.raises(Conflict, match="another process"):
        one.advance(b"3'")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A log in a folder, to compare with."""
    with Newsroom(tmp_path / "files") as newsroom:
        write_log(newsroom)
    return tmp_path / "files" / "objects" / "log"


def write_log(newsroom: Newsroom) -> None:
    newsroom.found()
    for future in [newsroom.sequencer.append(*small(number)) for number in range(300)]:
        future.result()


def test_a_log_in_a_bucket_has_the_tiles_of_a_log_in_a_folder_and_goes_on(
    tmp_path: Path, database: str, buckets: BucketServer, files: Path
) -> None:
    places = {"database": database, "objects": buckets.new_bucket(), "high_water": buckets.new_bucket() + "/high-water"}
    with Newsroom(tmp_path / "data", **places) as newsroom:
        write_log(newsroom)
        names = [name for name in newsroom.sequencer.tiles.names() if ".p/" not in name]
        full = {name: newsroom.sequencer.tiles.fetch(name) for name in names}
    assert not (tmp_path / "data" / "objects").exists()
    assert not (tmp_path / "data" / "high-water").exists()
    assert set(full) == {"tile/0/000", "tile/entries/000"}
    with Newsroom(tmp_path / "data", **places) as newsroom:
        assert newsroom.register("one more").result().index == 302
        key = newsroom.sequencer.key
        findings = fsck.check(newsroom.store, newsroom.blobs, key, high_water=places["high_water"])
        assert {finding.kind for finding in findings} == {"record"}, "of `small` ones, which are of no type"
    assert full == {name: (files / name).read_bytes() for name in full}


def test_a_restored_database_is_noticed_by_a_high_water_mark_in_a_bucket(tmp_path: Path, buckets: BucketServer) -> None:
    water = buckets.new_bucket() + "/high-water"
    with Newsroom(tmp_path / "data", high_water=water) as newsroom:
        newsroom.found()
    backup = (tmp_path / "data" / "countermark.db").read_bytes()
    with Newsroom(tmp_path / "data", high_water=water) as newsroom:
        newsroom.register("harbour").result()
    (tmp_path / "data" / "countermark.db").write_bytes(backup)
    with pytest.raises(StoreCorrupt, match=r"s3://.* says that the log has signed 3"):
        Newsroom(tmp_path / "data", high_water=water)
