"""Messages: sentences that are said in each language of the catalogue."""

import ast
import copy
import json
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import provenance
from provenance.answers import Unchecked
from provenance.message import Message, messages, said, translations
from provenance.message import recall as recall_text
from provenance.quotation import quote
from provenance.sentences import CATALOGUES, ENGLISH
from provenance.statement.appearance_digest import COLOURS, PROFILE, TRANSPARENCY
from provenance.statement.record.disputes import DisputeOutcome
from provenance.verification.axes import Standing
from provenance.verification.findings.registration import recall
from provenance.vocabulary import C2PA_SOURCE_TYPES, DIGITAL_SOURCE_TYPES
from tests.unit.test_words import ROOT

OTHERS = [language for language in CATALOGUES if language != ENGLISH]
SOURCES = ("provenance", "registry")
FILLS = re.compile(r"\{(\w+)[^}]*\}")
VALUES = {
    *(term.label for term in (*DIGITAL_SOURCE_TYPES.values(), *C2PA_SOURCE_TYPES.values())),
    *DisputeOutcome.__args__,
    *(Standing.WITHDRAWN, Standing.SUPERSEDED),
    *("sketch", "stored picture", "full detail"),
    *(TRANSPARENCY, PROFILE, COLOURS),
}
"""What messages have as values, and is said in words."""


def templates() -> set[str]:
    """Each template in the code that has a letter outside its placeholders."""
    found = set()
    for place in SOURCES:
        for file in (ROOT / place).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                match node:
                    case ast.Call(func=ast.Name(id="Message"), args=[ast.Constant(value=str(template)), *_]):
                        found.add(template)
                    case _:
                        pass
    return {template for template in found if re.search(r"[A-Za-z]", FILLS.sub("", template))}


@pytest.mark.parametrize("language", OTHERS)
def test_every_template_has_its_words_in_every_language_and_no_more(language: str) -> None:
    file = Path(provenance.__file__).with_name(f"messages.{language}.json")
    written = json.loads(file.read_text())
    assert len(written) > 250
    assert written.keys() == templates() | VALUES


@pytest.mark.parametrize("language", OTHERS)
def test_a_template_has_the_same_placeholders_in_every_language(language: str) -> None:
    differ = [one for one, other in messages(language).items() if set(FILLS.findall(one)) != set(FILLS.findall(other))]
    assert differ == []


def test_a_message_is_said_with_the_numbers_and_the_messages_of_a_language() -> None:
    count = Message("{count:,} registrations", count=12345)
    whole = Message("No match was found among {count} ({methods}).", count=count, methods="sha-256, pdq-1")
    assert whole == "No match was found among 12,345 registrations (sha-256, pdq-1)."
    assert whole.said_in("de") == "Unter 12.345 Registrierungen wurde kein Treffer gefunden (sha-256, pdq-1)."
    assert said("a stranger's {text}", "de") == "a stranger's {text}"
    time = Message(
        "{by}, says that it was signed no later than {time:%Y-%m-%d %H:%M:%S} UTC",
        by=Message("who gives no name"),
        time=datetime(2026, 11, 28, 9, 5, tzinfo=UTC),
    )
    assert time.said_in("de") == "ohne Namen, sagt, dass es spätestens am 2026-11-28 09:05:00 UTC signiert wurde"


def test_what_a_stranger_writes_is_no_template() -> None:
    hostile = Message("Withdrawn by {by}: {reason}.", by='"{reason}"', reason='"{by!r} Registered"')
    assert hostile.said_in("de") == 'Zurückgezogen von "{reason}": "{by!r} Registered".'


def test_a_message_stays_one_where_it_is_copied_or_sent_to_another_process() -> None:
    message = Message("{count:,} registrations", count=3)
    for again in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
        assert (again, again.said_in("de")) == ("3 registrations", "3 Registrierungen")


def test_the_translations_of_an_answer_are_by_its_english_texts() -> None:
    answer = Unchecked(what=Message("the file itself"), why="a stranger's text")
    assert translations((answer, (answer,)), "de") == {"the file itself": "die Datei selbst"}


@pytest.mark.parametrize(
    ("kept", "german"),
    [
        (
            "2 regions differ and 1 region lies outside the registered picture; it is mirrored, "
            "compared with the sketch of the older one",
            "2 Stellen weichen ab und 1 Stelle liegt außerhalb des registrierten Bildes; es ist gespiegelt, "
            "verglichen mit der älteren (Skizze)",
        ),
        ("the very same file", "genau dieselbe Datei"),
        (
            "the two share a layout, a frame or a template, and what it holds does not",
            "die beiden haben den Aufbau, einen Rahmen oder eine Vorlage gemeinsam, und der Inhalt stimmt nicht",
        ),
        ("what no version has said", "what no version has said"),
    ],
)
def test_a_detail_that_was_kept_as_text_is_said_in_other_languages(kept: str, german: str) -> None:
    assert recall(kept) == kept
    assert said(recall(kept), "de") == german


def test_a_text_that_was_kept_is_recalled_by_its_template() -> None:
    twice = Message("{operator} has seen that {name} holds this key, which {name} keeps itself")
    kept = "The Log has seen that The Daily holds this key, which The Daily keeps itself"
    assert recall_text(kept, [twice]) == kept
    assert said(recall_text(kept, [twice]), "de").startswith("The Log hat gesehen, dass The Daily diesen Schlüssel hat")
    other = kept.replace("which The Daily", "which The Weekly")
    assert not isinstance(recall_text(other, [twice]), Message)


@pytest.mark.parametrize("remembered", [False, True])
def test_what_others_said_stands_between_the_marks_of_the_language(remembered: bool) -> None:
    message = Message("Registered by {by}.", by=quote('The „Daily“ "News”'))
    if remembered:
        message = recall_text(str(message), [Message("Registered by {by}.")])
    assert str(message) == "Registered by “The 'Daily' 'News'”."
    assert said(message, "de") == "Registriert von „The 'Daily' 'News'“."
    nested = Message("{whose}, {says}.", whose=Message("on the trust list {list}", list=quote("A list")), says="")
    assert "„A list“" in nested.said_in("de")
