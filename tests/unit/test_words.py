"""Honest words: what no surface of Countermark may say (C2PA UX guidance; WITNESS; docs/explanation/words.md)."""

import ast
import colorsys
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PICTURE = r"(?:photo|photograph|picture|image|thing|file|media|copy|content|match)"
NEVER = re.compile(
    rf"\b(?:real {PICTURE}|(?:likely|probably|is|are|was) real|authentic(?:ity|ally)?|authenticated {PICTURE}"
    r"|genuine(?:ly)?|fake[sdry]?|deepfakes?|no manipulation|(?:un)?manipulated"
    r"|doctored|(?:un)?tampered|unaltered|unedited"
    r"|not AI|AI[- ]free|not (?:made|generated) by (?:AI|a machine)|human[- ]made"
    r"|(?:trust|authenticity|truth|confidence) score|trustworthy|truthful"
    r"|the original (?:author|creator|photographer)|first published by|made by the publisher"
    rf"|verified (?:match|copy|as)|{PICTURE} (?:is|was|has been) verified as|a verified {PICTURE}|certified {PICTURE}"
    r"|valid badge|CR (?:mark|pin|icon)|proven true|true (?:picture|image|photo))\b",
    re.IGNORECASE,
)
"""Claims of more than was checked. What was changed "differs"; who stands behind a picture has "registered" it."""

NEVER_SHOWN = re.compile(r"\boriginals?\b", re.IGNORECASE)
"""Said of the first file there was: nobody knows that. In the code's own documentation it may stand for a file."""

NUMBER_OF_NOTHING = re.compile(r"\d ?(?:%|per ?cent) (?:likely|sure|certain|match|probab|confiden|AI\b)", re.IGNORECASE)
"""A bare percentage: a number without its test set."""

ALLOWED = (
    re.compile(r"deepfake-verification", re.IGNORECASE),  # the field's name, in one place of the README
    re.compile(r"Content Authenticity Initiative"),
    re.compile(r"data-original"),  # where pages keep the address of a picture that they load later
    re.compile(r"a store that has been tampered with"),  # of bytes on a disk, not of a picture
)
PAGES = (
    *("README.md", "CHANGELOG.md", "changelog.d", "docs", "openapi.yaml", "provenance/sentences.json"),
    *("api/pages", "clients", "demo", "bench"),
)
PAGE_TYPES = {".md", ".html", ".j2", ".js", ".mjs", ".css", ".svg", ".yaml", ".yml", ".json", ".txt"}
SOURCES = ("provenance", "registry", "api", "clients", "demo", "bench")
EXPLAINS_THE_RULE = ("docs/explanation/words.md", "docs/adr")


@dataclass(frozen=True)
class Sentence:
    """What a user can be shown, on one line. `shown` is False for the documentation inside the code."""

    where: str
    text: str
    shown: bool


def sentences() -> Iterator[Sentence]:
    """Every sentence of the pages, the documents, and the string literals of the code."""
    for name in PAGES:
        for file in _files(name, PAGE_TYPES):
            where = file.relative_to(ROOT).as_posix()
            if not where.startswith(EXPLAINS_THE_RULE):
                yield Sentence(where, _one_line(file.read_text()), True)
    for name in SOURCES:
        for file in _files(name, {".py"}):
            where = file.relative_to(ROOT).as_posix()
            yield from (Sentence(f"{where}:{line}", text, shown) for line, text, shown in literals(file.read_text()))


def literals(code: str) -> Iterator[tuple[int, str, bool]]:
    """Line, text and whether it is more than documentation, of each string literal; pieces of f-strings are joined."""
    tree = ast.parse(code)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr():
                pieces = (piece.value if isinstance(piece, ast.Constant) else "…" for piece in node.values)
                yield node.lineno, _one_line("".join(map(str, pieces))), True
            case ast.Constant(value=str(text)) if id(node) not in inside:
                yield node.lineno, _one_line(text), id(node) not in documentation
            case _:
                pass


def _files(name: str, types: set[str]) -> list[Path]:
    path = ROOT / name
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file for file in files if file.suffix in types and "node_modules" not in file.parts]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _found(pattern: re.Pattern[str], text: str) -> list[str]:
    for allowed in ALLOWED:
        text = allowed.sub("", text)
    return [match.group(0) for match in pattern.finditer(text)]


def test_no_surface_uses_a_word_that_claims_more_than_was_checked() -> None:
    said = [
        f"{sentence.where}: {words}"
        for sentence in sentences()
        for pattern in (NEVER, NUMBER_OF_NOTHING, *((NEVER_SHOWN,) if sentence.shown else ()))
        for words in _found(pattern, sentence.text)
    ]
    assert said == []


def test_every_surface_is_read() -> None:
    read = [sentence.where for sentence in sentences()]
    for surface in (
        *("README.md", "openapi.yaml", "docs/verification.md", "api/pages/templates/", "api/pages/static/"),
        *(
            "provenance/verification/findings/registration.py",
            "registry/usecases/report.py",
            "provenance/sentences.json",
            "demo/",
        ),
        *("clients/python/countermark/cli/", "clients/python/README.md"),
    ):
        assert any(where.startswith(surface) for where in read), surface
    assert len(read) > 1000


@pytest.mark.parametrize(
    "sentence",
    [
        *("This is a genuine picture.", "Probably fake", "DEEPFAKE", "no manipulation found", "It is real."),
        *("a real photo", "its authenticity", "The image was tampered with", "a verified match", "not AI"),
        *("the original author", "an authenticated image", "trust score: 7", "likely real", "a certified copy"),
    ],
)
def test_the_search_would_notice(sentence: str) -> None:
    assert _found(NEVER, sentence)


def test_the_search_would_notice_a_bare_percentage_and_the_word_original() -> None:
    assert _found(NUMBER_OF_NOTHING, "97 % likely to be unchanged")
    assert _found(NUMBER_OF_NOTHING, "a 97% match")
    assert _found(NEVER_SHOWN, "This is the original.")


@pytest.mark.parametrize(
    "sentence",
    [
        *("not-authenticated", "Content Authenticity Initiative", "how a picture is verified", "Ed25519 is verified"),
        *("a key certified by an authority", "a store that has been tampered with", "real ones have 4"),
    ],
)
def test_words_of_other_trades_are_left_alone(sentence: str) -> None:
    assert not _found(NEVER, sentence)


def test_the_search_reads_across_lines_and_pieces() -> None:
    code = '"""An original\nin a docstring."""\nx = f"no {y} " "mani" f"pulation"\nz = ("not" " AI")\n'
    assert list(literals(code)) == [
        (1, "An original in a docstring.", False),
        (3, "no … manipulation", True),
        (4, "not AI", True),
    ]
    assert _one_line("no\n   manipulation") == "no manipulation"


# Colours -----------------------------------------------------------------------------------------

STYLED = ("api/pages", "demo", "clients")
COLOUR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})(?:[0-9a-fA-F]{2}|[0-9a-fA-F])?\b|rgba?\(([^)]*)\)")
NAMED = re.compile(
    r"[:\"' ](red|green|lime|crimson|limegreen|forestgreen|seagreen|tomato|darkred|darkgreen|firebrick)\s*[;\"'}]"
)


def hue_of_a_traffic_light(red: float, green: float, blue: float) -> bool:
    """Whether a colour (0..1 each) reads as red or as green: a strong enough colour of such a hue."""
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    strong = saturation > 0.35 and 0.12 < lightness < 0.9
    degrees = 360 * hue
    return strong and (degrees < 14 or degrees > 340 or 75 < degrees < 165)


def colours(text: str) -> Iterator[tuple[str, bool]]:
    """Each colour of a style sheet or page, and whether it reads as red or green."""
    for match in COLOUR.finditer(text):
        digits, numbers = match.groups()
        if digits is not None:
            whole = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
            channels = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        else:
            channels = [float(number) / 255 for number in re.findall(r"[\d.]+", numbers)[:3]]
        if len(channels) == 3:
            yield match.group(0), hue_of_a_traffic_light(*channels)
    yield from ((name, True) for name in NAMED.findall(text))


def test_the_pages_use_neither_red_nor_green() -> None:
    files = [file for name in STYLED for file in _files(name, {".css", ".html", ".j2", ".svg", ".js"})]
    found = [(file.name, *colour) for file in files for colour in colours(file.read_text())]
    assert len(found) > 20, "the search itself must find the colours"
    assert [(name, colour) for name, colour, bad in found if bad] == []


@pytest.mark.parametrize("style", ["a{color:#c00}", "a{color: green;}", "a{fill:rgb(20, 160, 60)}", "x #2e7d32ff"])
def test_the_search_would_notice_red_and_green(style: str) -> None:
    assert any(bad for _, bad in colours(style))


@pytest.mark.parametrize("style", ["a{color:#b35900}", "a{color:#17375e}", "a{fill:#8fb4ff}", "a{color:#ffb000}"])
def test_orange_and_blue_are_free(style: str) -> None:
    assert not any(bad for _, bad in colours(style))
