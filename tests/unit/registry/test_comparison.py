"""What a registration resembles: found beside its registration, and told where an exact match would hide it."""

import io
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw
from sqlalchemy import Engine, event
from sqlmodel import select

from provenance import answers
from provenance.errors import Erased, StoreUnavailable
from provenance.statement.record import Parent
from registry.database import Session, assets, resemblances
from registry.database.tables import ComparedAsset, Resemblance
from registry.registry import Registry
from registry.sandbox.pool import Sandbox
from registry.usecases import comparison
from registry.usecases import read as catalogue
from registry.usecases.access import Reader
from registry.usecases.condition import condition, to_compare
from registry.usecases.erasure import erase
from registry.usecases.maintenance import fsck
from registry.usecases.maintenance.rebuild import compare_all, rebuild_index
from registry.usecases.register import Registered, withdraw
from registry.usecases.resemblances import resembles
from registry.usecases.sealing import reveal
from registry.usecases.verify import load_report
from tests.patience import HUNG_SECONDS
from tests.shown_otherwise import PQ, with_cicp
from tests.unit.registry import desk
from tests.unit.registry.desk import DAILY, OF_DAILY, RIVAL, open_desk, verify
from tests.unit.verification.pictures import COFFEE, DOGS, MOUNTAINS, ROCKET, photo


@pytest.fixture
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with open_desk(tmp_path_factory.mktemp("desk") / "data", compares=True) as registry:
        yield registry


def saved(picture: Image.Image, quality: int = 88) -> bytes:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=quality)
    return file.getvalue()


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(photo(name))).convert("RGB")


def tampered(name: str) -> bytes:
    """With something put into it that was not there."""
    picture = opened(name)
    width, height = picture.size
    patch = opened(DOGS).resize((width // 4, height // 4))
    picture.paste(patch, (width // 3, height // 3))
    return saved(picture)


def cropped(name: str) -> bytes:
    picture = opened(name)
    width, height = picture.size
    return saved(picture.crop((width // 10, height // 10, width, height)))


def framed(name: str) -> bytes:
    picture = opened(name)
    page = Image.new("RGB", (picture.width, picture.height * 5 // 4), "white")
    page.paste(picture, (0, 0))
    ImageDraw.Draw(page).text((20, picture.height + 20), "Overflow of the river", fill="black")
    return saved(page)


def register(registry: Registry, data: bytes, **how: Any) -> Registered:
    """Register, and wait until the comparison is made."""
    done = desk.register(registry, data, **how)
    if done.compared is not None:
        done.compared.result(HUNG_SECONDS)
    return done


def of(registry: Registry, done: Registered, reader: Reader = OF_DAILY) -> answers.Resembles:
    return resembles(registry, bytes.fromhex(done.asset.id), reader)


def the_one(view: answers.Resembles) -> answers.Resemblance:
    (each,) = view.items
    return each


def test_an_exact_match_of_a_hijacked_picture_names_the_older_record_and_what_differs(registry: Registry) -> None:
    first = register(registry, photo(MOUNTAINS), publisher=DAILY, title="Mountains")
    second = register(registry, tampered(MOUNTAINS), publisher=RIVAL, title="Mountains")
    each = the_one(of(registry, second))
    assert (each.id, each.side, each.value) == (first.asset.id, "older", "MATCH_WITH_DIFFERENCES")
    assert each.differs_inside
    assert each.comparison is not None
    back = the_one(of(registry, first))
    assert (back.id, back.side, back.detail) == (second.asset.id, "newer", each.detail)

    report = verify(registry, tampered(MOUNTAINS))
    assert report["axes"]["registration"]["value"] == "EXACT_MATCH"
    assert report["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"
    lead = report["headline"]["wordings"][0]["lead"]
    assert lead.startswith("“The Test Daily” registered an older picture on ")
    assert re.search(r"\(“Mountains”\), and this differs\. (One area|\d+ areas)", lead)
    assert [item["id"] for item in report["resembles"]["items"]] == [first.asset.id]
    assert "OLDER_REGISTRATION" in [finding["code"] for finding in report["findings"]]

    # A copy of the hijacked one leads to the same; of the older one it is the rival's that is newer, and says nothing.
    assert verify(registry, saved(Image.open(io.BytesIO(tampered(MOUNTAINS))), 70))["headline"]["code"] == (
        "OLDER_REGISTRATION_DIFFERS"
    )
    own = verify(registry, photo(MOUNTAINS))
    assert (own["headline"]["code"], own["resembles"]["items"]) == ("EXACT_MATCH", [])

    # Taken back, it is named below.
    withdraw(registry, publisher=DAILY, record=bytes.fromhex(first.asset.id), reason="wrong caption")
    report = verify(registry, tampered(MOUNTAINS))
    assert report["headline"]["code"] == "EXACT_MATCH"
    assert report["resembles"]["items"][0]["taken_back"] == "withdrawn"
    assert list(fsck.check(registry.store, registry.blobs, registry.sequencer.key)) == []


@pytest.mark.parametrize("how", ["crop", "frame", "stated"])
def test_a_crop_a_frame_and_a_stated_source_are_named_below_the_headline(registry: Registry, how: str) -> None:
    first = register(registry, photo(MOUNTAINS), publisher=DAILY)
    stated = (Parent(bytes.fromhex(first.asset.id), "parentOf"),) if how == "stated" else ()
    data = {"crop": cropped, "frame": framed, "stated": tampered}[how](MOUNTAINS)
    register(registry, data, publisher=RIVAL, parents=stated)
    report = verify(registry, data)
    assert report["headline"]["code"] == "EXACT_MATCH"
    (each,) = report["resembles"]["items"]
    assert (each["id"], each["stated"]) == (first.asset.id, how == "stated")
    assert "OLDER_REGISTRATION" in [finding["code"] for finding in report["findings"]]


@cache  # a profile states when it was made
def painted(how: str) -> bytes:
    """The rocket with a white margin: every decoded pixel is the same, laid over white."""
    picture = opened(ROCKET).resize((480, 320))
    page = Image.new("RGBA", (480, 400), "white")
    page.paste(picture, (0, 0))
    file = io.BytesIO()
    if how == "transparency":  # on a dark page the margin shows words
        page.paste((255, 255, 255, 0), (0, 320, 480, 400))
        words = Image.new("L", page.size, 0)
        ImageDraw.Draw(words).text((20, 340), "The launch was called off", fill=255, font_size=24)
        page.paste((255, 255, 255, 255), mask=words)
        page.save(file, "PNG")
    elif how == "colour profile":
        page.convert("RGB").save(file, "PNG", icc_profile=_swapped_profile())
    elif how == "colour values":
        return with_cicp(painted("plain"), PQ)
    else:
        page.convert("RGB").save(file, "PNG", dpi=(300, 300) if how == "metadata" else (72, 72))
    return file.getvalue()


def _swapped_profile() -> bytes:
    """sRGB with the names of red and blue exchanged, as a browser shows it."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    held = srgb.replace(b"rXYZ", b"held").replace(b"bXYZ", b"rXYZ")
    return held.replace(b"held", b"bXYZ")


@pytest.mark.parametrize("how", ["transparency", "colour profile", "colour values"])
def test_equal_pixels_that_are_shown_otherwise_hide_no_older_record(registry: Registry, how: str) -> None:
    first = register(registry, painted("plain"), publisher=DAILY)
    second = register(registry, painted(how), publisher=RIVAL)
    each = the_one(of(registry, second))
    assert (each.id, each.value, each.differs_inside, each.comparison) == (
        first.asset.id,
        "MATCH_WITH_DIFFERENCES",
        True,
        None,
    )
    assert "transparency, colour profile or colour values differ" in each.detail
    report = verify(registry, painted(how))
    assert report["axes"]["registration"]["value"] == "EXACT_MATCH"
    assert report["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"
    (told,) = [finding for finding in report["findings"] if finding["code"] == "OLDER_REGISTRATION"]
    assert told["basis"] == "cryptographic"
    assert verify(registry, painted("plain"))["headline"]["code"] == "EXACT_MATCH"


def test_equal_pixels_in_another_file_are_shown_the_same_and_hide_nothing(registry: Registry) -> None:
    register(registry, painted("plain"), publisher=DAILY)
    second = register(registry, painted("metadata"), publisher=RIVAL)
    each = the_one(of(registry, second))
    assert (each.value, each.differs_inside) == ("MATCH_NO_DIFFERENCE_FOUND", False)
    assert each.detail == "every decoded pixel is the same, and is shown the same"
    assert verify(registry, painted("metadata"))["headline"]["code"] == "EXACT_MATCH"


def test_ones_own_older_picture_and_a_stranger_are_not_named(registry: Registry) -> None:
    register(registry, photo(MOUNTAINS), publisher=RIVAL)
    register(registry, photo(COFFEE), publisher=DAILY)
    own = register(registry, tampered(MOUNTAINS), publisher=RIVAL)
    report = verify(registry, tampered(MOUNTAINS))
    assert (report["headline"]["code"], report["resembles"]["items"]) == ("EXACT_MATCH", [])
    assert the_one(of(registry, own)).publisher == RIVAL  # the record lists it all the same


def test_renditions_of_one_publisher_count_as_one(registry: Registry) -> None:
    first = register(registry, photo(MOUNTAINS), publisher=DAILY)
    small = opened(MOUNTAINS).resize((700, 500))
    register(registry, saved(small), publisher=DAILY, rendition_of=bytes.fromhex(first.asset.id))
    second = register(registry, tampered(MOUNTAINS), publisher=RIVAL)
    view = of(registry, second)
    assert (view.older, the_one(view).copies, the_one(view).id) == (1, 2, first.asset.id)


def test_a_sealed_picture_is_unseen_until_it_is_revealed_and_then_stands_both_ways(registry: Registry) -> None:
    sealed = register(registry, photo(MOUNTAINS), publisher=DAILY, visibility="sealed")
    assert of(registry, sealed).state == "sealed"
    second = register(registry, tampered(MOUNTAINS), publisher=RIVAL)
    nothing = answers.Resembles(state="made", older=0, newer=0, items=(), left_out=())
    assert of(registry, second) == nothing
    assert verify(registry, tampered(MOUNTAINS))["headline"]["code"] == "EXACT_MATCH"
    reveal(registry, record=bytes.fromhex(sealed.asset.id), reader=OF_DAILY)
    list(compare_all(registry))
    list(compare_all(registry))  # what the first round has sent back
    assert the_one(of(registry, second)).id == sealed.asset.id
    assert the_one(of(registry, sealed)).id == second.asset.id
    assert verify(registry, tampered(MOUNTAINS))["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"


def asked_by(ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements and the confined jobs that a thing takes in this thread, in their order."""
    here, asked = threading.get_ident(), list[str]()

    def statement(_connection: object, _cursor: object, text: str, *_: object) -> None:
        if threading.get_ident() == here:
            asked.append(text)

    run = Sandbox.run

    def job(sandbox: Any, function: Any, *given: Any, **how: Any) -> Any:
        if threading.get_ident() == here:
            asked.append(function.__name__)
        return run(sandbox, function, *given, **how)

    event.listen(Engine, "before_cursor_execute", statement)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(Sandbox, "run", job)
            ask()
    finally:
        event.remove(Engine, "before_cursor_execute", statement)
    return asked


def test_a_sealed_neighbour_changes_neither_a_statement_nor_a_search(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no time tells of it, either; it is held back by what is asked, not by what is left out of an answer."""
    asked = {}
    for sealed in (MOUNTAINS, ROCKET):  # the one resembles what is registered, the other does not
        with open_desk(tmp_path_factory.mktemp("desk") / "data", compares=True) as registry:
            register(registry, photo(COFFEE), publisher=DAILY)
            register(registry, photo(sealed), publisher=DAILY, visibility="sealed")
            done = register(registry, tampered(MOUNTAINS), publisher=RIVAL)

            def compare_again(registry: Registry = registry, index: int = done.asset.index) -> None:
                registry.store.write(lambda session: resemblances.requeue(session, [index])).result()
                registry.comparisons.run(index)

            def read(registry: Registry = registry, done: Registered = done) -> None:
                resembles(registry, bytes.fromhex(done.asset.id))

            def exact(registry: Registry = registry) -> None:
                verify(registry, tampered(MOUNTAINS))

            def similar(registry: Registry = registry) -> None:
                verify(registry, cropped(MOUNTAINS))

            for each in (exact, similar):
                each()  # what is read once is read
            asked[sealed] = [asked_by(each, monkeypatch) for each in (compare_again, read, exact, similar)]
    assert asked[MOUNTAINS] == asked[ROCKET]
    compared, read_, exact_, similar_ = asked[MOUNTAINS]
    assert "compare_references" in similar_
    assert "compare_references" not in exact_
    assert "describe_thumbnail" in compared
    assert read_


def test_of_two_that_come_at_the_same_moment_each_names_the_other(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {DAILY: photo(MOUNTAINS), RIVAL: tampered(MOUNTAINS)}
    logged_together, compared_together = threading.Barrier(2), threading.Barrier(2)
    append, stored = type(registry.sequencer).append, comparison._open_stored

    def appended(*given: Any, **how: Any) -> Any:
        logged_together.wait(HUNG_SECONDS)
        return append(*given, **how)

    def looked_at(*given: Any) -> Any:
        compared_together.wait(HUNG_SECONDS)
        return stored(*given)

    def come(publisher: str) -> Registered:
        done = desk.register(registry, pictures[publisher], publisher=publisher, name=publisher)
        registry.comparisons.run(done.asset.index)
        return done

    registry.comparisons.stop()  # in the threads of this test instead, both at once
    with monkeypatch.context() as patched, ThreadPoolExecutor(2) as threads:
        patched.setattr(type(registry.sequencer), "append", appended)
        patched.setattr(comparison, "_open_stored", looked_at)
        older, newer = sorted(threads.map(come, pictures), key=lambda done: done.asset.index)
    assert newer.asset.index == older.asset.index + 1
    assert [(each.id, each.side) for each in of(registry, older).items] == [(newer.asset.id, "newer")]
    assert [(each.id, each.side) for each in of(registry, newer).items] == [(older.asset.id, "older")]
    assert the_one(of(registry, newer)).detail == the_one(of(registry, older)).detail


def test_every_job_on_a_file_names_it_so_that_one_which_ends_workers_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = set[str]()
    run = Sandbox.run

    def job(sandbox: Any, function: Any, *given: Any, **how: Any) -> Any:
        if how.get("digest") is None:
            unnamed.add(function.__name__)
        return run(sandbox, function, *given, **how)

    monkeypatch.setattr(Sandbox, "run", job)
    first = register(registry, photo(MOUNTAINS), publisher=DAILY, credential="auto")
    register(registry, photo(MOUNTAINS), publisher=DAILY, credential="auto")  # found again: what it holds is told
    register(registry, tampered(MOUNTAINS), publisher=RIVAL)
    verify(registry, cropped(MOUNTAINS))
    record = bytes.fromhex(first.asset.id)
    with registry.store.read() as session:
        row = assets.get(session, record)
        session.expunge(row)
    row.copy_public = None  # as of what an earlier version registered
    catalogue.check_copy(registry, row)
    assert unnamed == set()


def test_what_registering_has_extracted_is_what_the_search_for_resemblances_asks_with(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[str] = []
    run = Sandbox.run

    def job(sandbox: Any, function: Any, *given: Any, **how: Any) -> Any:
        jobs.append(function.__name__)
        return run(sandbox, function, *given, **how)

    monkeypatch.setattr(Sandbox, "run", job)
    alone = register(registry, photo(MOUNTAINS), publisher=DAILY)
    signed = register(registry, photo(ROCKET), publisher=DAILY, credential="auto")
    crop = register(registry, cropped(MOUNTAINS), publisher=RIVAL)
    assert [len(of(registry, each).items) for each in (alone, signed, crop)] == [1, 0, 1]
    assert "read_picture" in jobs
    assert not {"describe_picture", "describe_thumbnail"} & set(jobs)


def test_an_erased_picture_is_gone_from_the_view_and_from_reports(registry: Registry) -> None:
    first = register(registry, photo(MOUNTAINS), publisher=DAILY)
    second = register(registry, tampered(MOUNTAINS), publisher=RIVAL)
    report = verify(registry, tampered(MOUNTAINS))
    erase(registry, record=bytes.fromhex(first.asset.id), reason="asked for")
    assert of(registry, second).items == ()
    with pytest.raises(Erased):
        load_report(registry, str(report["id"]))
    assert verify(registry, tampered(MOUNTAINS))["headline"]["code"] == "EXACT_MATCH"


def _kept(session: Session) -> list[Any]:
    return [*session.exec(select(Resemblance)), *session.exec(select(ComparedAsset))]


def test_a_rebuilt_view_is_the_one_before(registry: Registry) -> None:
    pictures = [photo(MOUNTAINS), photo(ROCKET), tampered(MOUNTAINS), cropped(ROCKET)]
    done = [register(registry, data, publisher=RIVAL if at > 1 else DAILY) for at, data in enumerate(pictures)]
    before = [of(registry, each) for each in done]
    assert [len(view.items) for view in before] == [1, 1, 1, 1]
    registry.store.write(lambda session: [session.delete(row) for row in _kept(session)]).result()  # it may be lost
    list(rebuild_index(registry))
    assert {of(registry, each).state for each in done} == {"pending"}
    assert list(compare_all(registry))[-1] == (4, "")
    assert [of(registry, each) for each in done] == before


def test_a_search_that_fails_holds_up_no_registration_and_is_made_up_for(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry, photo(MOUNTAINS), publisher=DAILY)

    def fails(_blobs: object, _sha256: bytes) -> bytes:
        raise StoreUnavailable("the disk does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(type(registry.blobs), "get", fails)
        second = register(registry, tampered(MOUNTAINS), publisher=RIVAL)
    assert second.asset.state == "published"
    assert of(registry, second).state == "pending"
    # The next exact verification does not wait for the next round.
    assert verify(registry, tampered(MOUNTAINS))["headline"]["code"] == "OLDER_REGISTRATION_DIFFERS"
    assert of(registry, second).state == "made"


def test_what_a_crash_has_left_is_taken_up_at_the_next_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("desk") / "data"
    with open_desk(folder) as registry:
        register(registry, photo(MOUNTAINS), publisher=DAILY)
        second = register(registry, tampered(MOUNTAINS), publisher=RIVAL)
        assert of(registry, second).state == "pending"
        now = condition(registry)
        assert (to_compare(registry), now.registrations, now.indexed["resemblances"]) == (2, 2, 0)
    with open_desk(folder, compares=True) as registry:
        for begun in registry.comparisons.resume():
            begun.result(HUNG_SECONDS)
        assert (to_compare(registry), condition(registry).indexed["resemblances"]) == (0, 2)
        assert the_one(of(registry, second)).differs_inside
