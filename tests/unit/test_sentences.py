"""The catalogue of sentences: every code has its words, and what stands in it is written nowhere else."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from provenance.answers import Region
from provenance.answers.fields import Values
from provenance.credentials.report import CredentialState, Validity
from provenance.sentences import CATALOGUES, ENGLISH, JSON, SENTENCES
from provenance.statement.record.keys import Established
from provenance.transparency.log_keys import Outcome
from provenance.verification.axes import Assessment, Axis, Basis, DeclaredOrigin, Proof, Registration, Standing
from provenance.verification.verdict import HeadlineCode
from tests.unit.test_words import ROOT, literals

PLACES = ("api", "clients", "demo", "provenance", "registry")
SCRIPT_TEXT = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
NO_MARKUP_TEXT = re.compile(r"<[^>]*>|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
OWN_SENTENCE = 4
"""Words of a text that is looked for inside longer ones too; a shorter one, as "In the log", is a part of many."""
CODES = {
    *("in force", "full detail", "not checked"),
    *("conflicting claims", "key revoked before logging", "key revoked after logging"),
}
"""What is also a value that answers state. One word alone is not looked for either: it may be the name of a class."""
CLAUSES = {
    ("Signed by somebody on no trust list", "provenance/verification/findings/credential.py"),
    ("The proof of the record does not hold", "provenance/verification/findings/registration.py"),
    (", registered by {name}", "provenance/verification/findings/registration.py"),
    ("attested by the operator", "provenance/statement/record/keys.py"),
    ("attested by the operator", "clients/js/src/procedure.js"),
    ("The log", "api/cli/log.py"),
    ("The latest checkpoint", "api/routes/log.py"),
    ("The picture with its C2PA credential", "api/routes/assets.py"),
    ("The picture with its C2PA credential", "api/routes/registrations.py"),
    ("The content was erased", "registry/usecases/derivation.py"),
}
"""Where a longer sentence that says more has these words too."""


def texts(file: Path) -> Iterator[str]:
    """Whole texts of a source file; what is filled in is "…"."""
    code = file.read_text() if file.suffix in (".py", ".js", ".html", ".j2") else ""
    match file.suffix:
        case ".py":
            yield from (text for _, text, shown in literals(code) if shown)
        case ".js":
            found = (quoted or template for quoted, template in SCRIPT_TEXT.findall(code))
            yield from (re.sub(r"\$\{[^}]*\}", "…", text) for text in found)
        case _:
            yield from (" ".join(text.split()) for text in NO_MARKUP_TEXT.split(code))


def catalogue(part: object = None) -> Iterator[str]:
    """Each text of the catalogue."""
    match json.loads(JSON[ENGLISH]) if part is None else part:
        case str(text):
            yield text
        case dict(parts):
            for each in parts.values():
                yield from catalogue(each)
        case list(parts):
            for each in parts:
                yield from catalogue(each)


def repeats(sentence: str, text: str) -> bool:
    """Whether a text says what a sentence of the catalogue says."""
    if sentence in CODES:
        return False
    words = len(sentence.split())
    if words >= OWN_SENTENCE:
        return sentence.rstrip(".").casefold() in text.casefold()
    return words > 1 and sentence in [part.strip(" .,;:()") for part in text.split("…")]


@pytest.mark.parametrize("file", sorted((ROOT / "provenance").glob("*.json")), ids=lambda file: file.name)
def test_a_catalogue_says_nothing_twice(file: Path) -> None:
    names: list[str] = []

    def read(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        return dict(pairs)

    json.loads(file.read_text(), object_pairs_hook=read)
    assert names == []


def test_no_sentence_of_the_catalogue_is_written_a_second_time() -> None:
    said = set(catalogue())
    generated = {ROOT / "demo" / "report.html", ROOT / "clients" / "js" / "src" / "limits.js"}
    files = [file for place in PLACES for file in sorted((ROOT / place).rglob("*")) if file not in generated]
    read = [(file.relative_to(ROOT).as_posix(), text) for file in files for text in texts(file)]
    assert len(said) > 100
    assert len(read) > 5000
    again = {(sentence, file) for file, text in read for sentence in said if repeats(sentence, text)}
    assert again == CLAUSES


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a.py", 'x = "The file is damaged or truncated"'),
        ("a.py", 'x = f"{y}: the registry could not be searched."'),
        ("a.js", 'fact("Registered by", x)'),
        ("a.js", "h(`${x}, on no list used here: not trusted`)"),
        ("a.html", "<dt>Credit, as\n stated:</dt>"),
        ("a.j2", "{{ x }} Does not show: {{ y }}"),
    ],
)
def test_the_search_would_notice(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / name).write_text(code)
    assert any(repeats(sentence, text) for sentence in catalogue() for text in texts(tmp_path / name))


def test_what_only_holds_a_short_label_or_documents_one_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""The registry could not be searched."""\nx = "It is in the log", "Media"\n')
    assert not any(repeats(sentence, text) for sentence in catalogue() for text in texts(tmp_path / "a.py"))


def test_every_code_of_a_verdict_has_its_words() -> None:
    values = (*Registration, *CredentialState, *DeclaredOrigin, *Proof, *Assessment)
    later = {"KNOWN_AI_WATERMARK", "INCONCLUSIVE", "SIGNAL_PRESENT"}  # that no version states yet
    assert SENTENCES.axes.keys() == set(Axis)
    assert SENTENCES.values.keys() == set(values) | later
    assert SENTENCES.headlines.keys() == set(HeadlineCode)
    assert SENTENCES.bases.keys() == set(Basis)
    assert SENTENCES.validity.keys() == set(Validity)
    assert SENTENCES.outcomes.keys() == set(get_args(Outcome))


def test_every_kind_of_region_and_reference_has_its_words() -> None:
    hints = get_type_hints(Region, include_extras=True)
    assert set(_values(hints["kind"])) == SENTENCES.regions.keys()
    (reference, _) = get_args(get_args(hints["seen_with"])[0])
    assert set(_values(reference)) == SENTENCES.references.keys()
    assert {name for each in SENTENCES.references.values() for name in each} == {"compared_with", "seen_with", "finest"}


def _values(hint: object) -> tuple[str, ...]:
    (values,) = (mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Values))
    return values.values


def test_what_a_reader_is_told_who_asked_for_a_report_is_about_problems_that_there_are() -> None:
    assert SENTENCES.unverified.keys() <= SENTENCES.problems.keys()
    assert all("title" in each for each in SENTENCES.problems.values())


@pytest.mark.parametrize("language", JSON)
def test_no_text_of_the_catalogue_is_empty_or_has_white_space_around_it(language: str) -> None:
    texts = catalogue(json.loads(JSON[language]))
    assert [text for text in texts if text != " ".join(text.split()) or not text] == []


def keyed(part: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each text of a catalogue with the keys that lead to it."""
    match part:
        case dict(parts):
            for key, each in parts.items():
                yield from keyed(each, (*path, key))
        case list(parts):
            for at, each in enumerate(parts):
                yield from keyed(each, (*path, str(at)))
        case str(text):
            yield path, text


@pytest.mark.parametrize("language", [each for each in JSON if each != ENGLISH])
def test_every_language_has_the_same_keys_and_placeholders_and_no_text_left_in_english(language: str) -> None:
    english, other = dict(keyed(json.loads(JSON[ENGLISH]))), dict(keyed(json.loads(JSON[language])))
    assert english.keys() == other.keys()
    fills = re.compile(r"\{\w+\}")
    differ = [key for key, text in english.items() if set(fills.findall(text)) != set(fills.findall(other[key]))]
    assert differ == []
    sentences = [key for key, text in english.items() if len(text.split()) >= OWN_SENTENCE]
    assert [key for key in sentences if english[key] == other[key]] == []


def test_every_code_that_opens_a_verdict_has_its_words_in_every_language() -> None:
    for words in CATALOGUES.values():
        assert words.warnings.keys() == set(Standing) - {Standing.CURRENT}
        assert words.ai.keys() >= set(DeclaredOrigin)
        assert words.vouched.keys() == {*get_args(Established), "also"}
        assert len(words.months) == 12
