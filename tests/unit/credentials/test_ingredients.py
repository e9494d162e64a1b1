"""Ingredients of a credential: what each is within, and the thumbnails that a drawing of them has."""

from datetime import UTC, datetime

import pytest

from provenance.credentials import TrustSettings
from provenance.limits import INGREDIENT_THUMBNAIL_SIDE, MAX_INGREDIENT_THUMBNAIL_BYTES
from provenance.media.media import Media
from registry.sandbox.examination import read_ingredients
from tests.composites import Editor, Part, composite, plain
from tests.unit.credentials.reader import read_credentials

NOBODY = TrustSettings()


class Held:
    """A file as a worker reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_bytes(self) -> bytes:
        return self._data


def drawn(data: bytes) -> dict[str, bytes | None]:
    """By title, the thumbnail of each ingredient."""
    read = read_ingredients(Held(data), b"", NOBODY, datetime.now(UTC), None)
    return {each.title: each.thumbnail for each in read.ingredients}


def test_each_ingredient_says_what_it_is_within() -> None:
    report = read_credentials(composite(), "image/jpeg", NOBODY)
    named = {each.title: each for each in report.ingredients}
    earlier, harbour = named["The collage of Monday"], named["A <b>harbour</b>"]
    assert earlier.within == named["Harbour again"].within == report.manifest_id
    assert harbour.within == named["A gull"].within == earlier.manifest_id
    assert harbour.manifest_id == named["Harbour again"].manifest_id, "it went into both"
    assert [each.thumbnail for each in report.ingredients] == [None] * 4, "nobody asked for them"


def test_thumbnails_are_drawn_anew_small_and_what_is_no_picture_is_left_out() -> None:
    found = drawn(composite())
    shown = found["A <b>harbour</b>"]
    assert shown is not None
    picture = Media.from_bytes(shown)
    assert picture.media_type == "image/webp"
    assert max(picture.width, picture.height) == INGREDIENT_THUMBNAIL_SIDE
    red, green, blue = picture.pixels[10, 10]
    assert red > green > blue, "orange, as its signer took it"
    assert found["The collage of Monday"] is not None
    assert found["A gull"] is None
    assert found["Harbour again"] is None


@pytest.mark.parametrize(
    "heavy", [plain("red", (4096, 1024)), plain("red") + bytes(MAX_INGREDIENT_THUMBNAIL_BYTES)], ids=["pixels", "bytes"]
)
def test_a_thumbnail_that_is_no_thumbnail_is_left_out(heavy: bytes) -> None:
    data = Editor().signed(plain("silver"), "Collage", [Part("Heavy", plain("white"), thumbnail=heavy)])
    assert drawn(data) == {"Heavy": None}


def test_a_manifest_that_does_not_hold_shows_no_thumbnail() -> None:
    data = Editor().signed(plain("silver"), "Collage", [Part("A gull", plain("white"), thumbnail=plain("teal"))])
    assert drawn(data)["A gull"] is not None
    changed = data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]
    assert read_credentials(changed, "image/jpeg", NOBODY).state == "INVALID"
    assert drawn(changed) == {"A gull": None}


def test_thumbnails_are_read_of_no_more_ingredients_than_are_drawn() -> None:
    many = [Part(f"Part {number}", plain("white", (16, 16)), thumbnail=plain("teal", (8, 8))) for number in range(60)]
    found = drawn(Editor().signed(plain("silver"), "Collage", many))
    assert sum(each is not None for each in found.values()) == 48
