"""A stranger's words inside a sentence of ours stay inside our quotation marks."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.quotation import MAX_QUOTED, quote

MARKS = "\"'`´“”„‟‘’‚‛«»‹›❝❞❛❜❮❯「」『』〝〞〟＂＇｢｣ʺʼˮ″′‴״"


@pytest.mark.parametrize("mark", MARKS)
def test_every_quotation_mark_becomes_an_apostrophe(mark: str) -> None:
    assert quote(f"The {mark}Daily") == "“The 'Daily”"


def test_two_apostrophes_do_not_make_a_quotation_mark() -> None:
    assert quote("The''' Daily") == "“The' Daily”"
    assert quote("l’Équipe") == "“l'Équipe”"


@given(st.text(max_size=2 * MAX_QUOTED))
def test_nothing_closes_the_marks_or_leaves_the_line(text: str) -> None:
    said = quote(text)
    assert (said[0], said[-1]) == ("“", "”")
    assert len(said) <= MAX_QUOTED + 2
    inner = said[1:-1]
    assert inner.isprintable()
    assert not any(unicodedata.category(character) in ("Pi", "Pf") or character == '"' for character in inner)


def test_what_is_cut_says_so() -> None:
    assert quote("a" * 1000).endswith("a…”")
    assert quote("One\nline\u202e here") == "“One line here”"


def test_no_sentence_sets_quotation_marks_of_its_own_around_a_strangers_words() -> None:
    root = Path(__file__).resolve().parents[2]
    for folder in ("provenance", "registry", "api", "clients"):
        for file in (root / folder).rglob("*.py"):
            if file.name != "quotation.py":
                assert "“{" not in file.read_text(), f"{file.relative_to(root)}: use `quote`"
