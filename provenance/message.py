"""A sentence of a finding: in English as it stands, and in the other languages by the template that it was made from.

`messages.de.json` has the German for each English template (a test finds those that are missing, left over, or have
other placeholders). What stands in the catalogue (`provenance.sentences`) is said as that says it. Values of strangers
are quoted as they are; a template without a letter is the same in every language.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Self

from provenance.sentences import CATALOGUES, ENGLISH, SENTENCES

_FILE = "messages.{language}.json"
_SHARED = ("lead", "phrases", "states", "references")
"""Parts of the catalogue whose texts are also sentences of findings."""


class Message(str):
    """A text in English that knows its template and its values: numbers, times, texts, other messages."""

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        message = super().__new__(cls, template.format(**values) if values else template)
        message.template, message.values = template, values
        return message

    @classmethod
    def joined(cls, separator: str, parts: Iterable[str]) -> Self:
        """Several of them with the same between each two."""
        named = {f"p{number}": part for number, part in enumerate(parts)}
        return cls(separator.join(f"{{{name}}}" for name in named), **named)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.template, dict(self.values))

    def said_in(self, language: str) -> str:
        """The text in a language of the catalogue; in English where it has none for the template."""
        if language == ENGLISH:
            return str(self)
        template = messages(language).get(self.template, self.template)
        return _Speaker(language).vformat(template, (), self.values) if self.values else template


def _again(template: str, values: Mapping[str, object]) -> Message:
    return Message(template, **values)


def said(text: str, language: str) -> str:
    """A text in a language, if it is a message; else as it is."""
    return text.said_in(language) if isinstance(text, Message) else text


def recall(text: str, templates: Iterable[Message]) -> str:
    """A text that was kept, as the message of the first of these templates that gives it; else as it is."""
    for template in templates:
        if (found := _pattern(template).fullmatch(text)) is not None:
            return Message(template, **found.groupdict())
    return text


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Each placeholder as a group; where it comes again, the same text."""
    met: set[str] = set()

    def group(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        again = name in met
        met.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>.+)"

    return re.compile(re.sub(r"\\\{(\w+)\\\}", group, re.escape(template)))


def translations(value: object, language: str) -> dict[str, str]:
    """By the English text, the text in a language, of every message in an answer that the language has a text for."""
    if language == ENGLISH:
        return {}
    told = {str(message): message.said_in(language) for message in _messages_in(value)}
    return {english: text for english, text in told.items() if text != english}


def _messages_in(value: object) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _messages_in(each)
    else:
        kind: type = type(value)
        for name in _field_names(kind):
            yield from _messages_in(getattr(value, name))


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Asked for once of each class: a report has hundreds of values, and `fields` takes as long as walking them."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@cache
def messages(language: str) -> dict[str, str]:
    """By the English template, that of a language: of findings, and of what they share with the catalogue."""
    read: dict[str, str] = json.loads(Path(__file__).with_name(_FILE.format(language=language)).read_bytes())
    read |= dict(zip(SENTENCES.steps, CATALOGUES[language].steps, strict=True))
    for part in _SHARED:
        read |= dict(_pairs(getattr(SENTENCES, part), getattr(CATALOGUES[language], part)))
    return read


def _pairs(english: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, text in english.items():
        if isinstance(text, str):
            yield text, other[key]
        else:
            yield from _pairs(text, other[key])


class _Speaker(Formatter):
    """Fills in a template: messages in its language, numbers and quotations with its marks."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._numbers = CATALOGUES[language].numbers
        marks = CATALOGUES[language].quotation
        self._quotation = str.maketrans({"“": marks["open"], "”": marks["close"]})

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Message):
            return value.said_in(self._language)
        text = format(value, format_spec)
        if isinstance(value, int | float):
            marks = str.maketrans({",": self._numbers["thousands"], ".": self._numbers["decimal"]})
            return text.translate(marks)
        return text.translate(self._quotation)  # within what is quoted there are no such marks (`quotation.quote`)
