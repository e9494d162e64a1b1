"""Honest words: what no surface of Countermark may say (C2PA UX guidance; WITNESS; verdict design)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NEVER = re.compile(
    r"\b(real (?:photo|picture|image|thing)|likely real|is real|authentic(?:ity|ated)?|genuine|fake[sd]?|deepfakes?"
    r"|no manipulation|manipulated|tampered|not AI|trust score|the original author|verified picture|certified"
    r"|proven true|true picture)\b",
    re.IGNORECASE,
)
ALLOWED = (
    re.compile(r"(?i)deepfake-verification"),  # the field's name, in one place of the README
    re.compile(r"Content Authenticity Initiative"),
)
PAGES = ("api/web", "demo", "README.md", "docs", "openapi.yaml", "clients/python/README.md")
SOURCES = ("provenance", "registry", "api", "clients/python/countermark", "demo")
EXPLAINS_THE_RULE = ("docs/explanation/words.md", "docs/adr")


def _sentences() -> Iterator[tuple[str, str]]:
    """Every sentence that a user can be shown: pages, documents, and the string literals of the code."""
    for name in PAGES:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.suffix in {".md", ".html", ".j2", ".js", ".css", ".yaml", ".json", ".txt"}:
                if not any(str(file.relative_to(ROOT)).startswith(part) for part in EXPLAINS_THE_RULE):
                    yield str(file.relative_to(ROOT)), file.read_text()
    for name in SOURCES:
        for file in sorted((ROOT / name).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value


def _without_allowed(text: str) -> str:
    for pattern in ALLOWED:
        text = pattern.sub("", text)
    return text


def test_no_surface_uses_a_word_that_claims_more_than_was_checked() -> None:
    sentences = list(_sentences())
    assert len(sentences) > 500, "the search itself must find the surfaces"
    found = [
        f"{where}: {match.group(0)}" for where, text in sentences for match in NEVER.finditer(_without_allowed(text))
    ]
    assert found == []


@pytest.mark.parametrize(
    "sentence", ["This is a genuine picture.", "Probably fake", "DEEPFAKE", "no manipulation found"]
)
def test_the_search_would_notice(sentence: str) -> None:
    assert NEVER.search(sentence)


def test_the_pages_use_neither_red_nor_green() -> None:
    styles = [file.read_text() for file in (ROOT / "api" / "web").rglob("*.css")]
    assert styles
    colours = re.compile(r"\b(red|green|lime|crimson|limegreen|forestgreen|tomato|darkred|darkgreen)\b")
    assert [match for text in styles for match in colours.findall(text)] == []
