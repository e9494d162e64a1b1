"""The cases of the demonstration: readers' pictures, and the expected verdicts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import alterations
from demo.alterations import PHOTOS


@dataclass(frozen=True)
class Photograph:
    """A bundled photograph as the newsroom registers it."""

    file: str
    title: str
    credit: str
    licence: str

    @property
    def path(self) -> Path:
        return PHOTOS / self.file


REGISTERED = (
    Photograph("mountains.jpg", "Path below the Picos de Europa", "Aitzol Berasategi", "CC BY 4.0"),
    Photograph("stream.jpg", "A stream in the beech wood", "Aitzol Berasategi", "CC BY 4.0"),
    Photograph("two-dogs.jpg", "Two dogs at a window", "Aitzol Berasategi", "CC BY 4.0"),
    Photograph("astronaut.jpg", "Astronaut Eileen Collins", "NASA", "public domain"),
    Photograph("rocket.jpg", "Falcon 9 on the pad before DSCOVR", "SpaceX", "CC0 1.0"),
    Photograph("coffee.png", "A cup of coffee", "Rachel Michetti", "CC0 1.0"),
)

TAKEN_OVER = "rocket.jpg"
"""The photograph of which another publisher registers a changed copy."""

CHANGED = "a changed copy of it"
"""The name of that copy, in place of a file name."""

Expected = dict[str, str]
"""Axis (or "headline") to the value it must have."""


@dataclass(frozen=True)
class Case:
    """One picture that a reader verifies; `demo/words.json` says what it is, by its letter.

    `file` takes the credentialed copies by file name and returns the bytes to verify; `expected` has the required
    values; `leads_to` is the photograph that must be the first match; `older` the one whose older registration must be
    listed because the first match would hide it.
    """

    letter: str
    file: Callable[[dict[str, bytes]], bytes]
    expected: Expected
    leads_to: str | None
    older: str | None = None


CASES = (
    Case(
        "a",
        lambda _: (PHOTOS / "mountains.jpg").read_bytes(),
        {"headline": "EXACT_MATCH", "registration": "EXACT_MATCH", "proof": "PUBLISHED"},
        "mountains.jpg",
    ),
    Case(
        "b",
        lambda _: alterations.recompressed_copy(),
        {"headline": "MATCH_NO_DIFFERENCE_FOUND", "registration": "MATCH_NO_DIFFERENCE_FOUND", "credential": "ABSENT"},
        "mountains.jpg",
    ),
    Case(
        "c",
        lambda _: alterations.cropped_and_captioned_copy(),
        {"headline": "MATCH_WITH_DIFFERENCES", "registration": "MATCH_WITH_DIFFERENCES", "credential": "ABSENT"},
        "stream.jpg",
    ),
    Case(
        "d",
        lambda _: alterations.copy_with_pasted_object(),
        {"headline": "MATCH_WITH_DIFFERENCES", "registration": "MATCH_WITH_DIFFERENCES", "credential": "ABSENT"},
        "mountains.jpg",
    ),
    Case(
        "e",
        lambda _: alterations.unregistered_picture(),
        {"headline": "NOTHING_FOUND", "registration": "NO_MATCH_FOUND", "proof": "NO_RECORD"},
        None,
    ),
    Case(
        "f",
        lambda copies: copies["coffee.png"],
        {"headline": "EXACT_MATCH", "registration": "EXACT_MATCH", "credential": "TRUSTED", "proof": "PUBLISHED"},
        "coffee.png",
    ),
    Case(
        "g",
        lambda copies: alterations.with_one_pixel_changed(copies["coffee.png"]),
        {
            "headline": "CREDENTIAL_INVALID",
            "registration": "MATCH_NO_DIFFERENCE_FOUND",
            "credential": "INVALID",
            "proof": "PUBLISHED",
        },
        "coffee.png",
    ),
    Case(
        "h",
        lambda _: alterations.copy_without_the_rocket(),
        {"headline": "OLDER_REGISTRATION_DIFFERS", "registration": "EXACT_MATCH", "proof": "PUBLISHED"},
        CHANGED,
        older=TAKEN_OVER,
    ),
    Case(
        "i",
        lambda _: alterations.screenshot(),
        {"headline": "MATCH_INSIDE_LARGER", "registration": "MATCH_INSIDE_LARGER", "credential": "ABSENT"},
        "two-dogs.jpg",
    ),
    Case(
        "j",
        lambda _: alterations.recoloured_copy(),
        {"headline": "MATCH_WITH_DIFFERENCES", "registration": "MATCH_WITH_DIFFERENCES", "credential": "ABSENT"},
        "astronaut.jpg",
    ),
)
