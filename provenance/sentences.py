"""The sentences and labels that pages, reports and commands show, each written once: in `sentences.json`.

That file is in English, `sentences.de.json` has the same keys and placeholders in German (a test compares).

JSON, so that Python, the pages (`/static/…/sentences.js`) and a browser extension read the same file. What is made of
numbers or of strangers' words stands with what computes it (`provenance.verification.findings`), as do the terms of
others (`provenance.vocabulary`, `provenance.credentials.report`).

Vocabularies are open: a code that a newer service states and this file lacks is shown as it comes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ENGLISH, GERMAN = "en", "de"
LANGUAGES = {ENGLISH: "English", GERMAN: "Deutsch"}
"""Those of the catalogue (BCP 47), by their own names."""

_FILES = {ENGLISH: "sentences.json", GERMAN: "sentences.de.json"}


@dataclass(frozen=True)
class Sentences:
    """By code, the words for it.

    Attributes:
        language: of all this (BCP 47).
        axes, values, headlines, bases: of a verdict; a value is named once for all axes.
        quotation, numbers, months: how a language writes what others said, numbers and dates.
        places: where in a picture a region lies, by thirds.
        lead, changes, warnings, remarks, vouched, ai, measured: what a reader is told first (`verification.wording`).
        regions: kinds of regions: how each is drawn, and what it means.
        thresholds: from which on a sentence says it: `turned_degrees` of a rotation (a scan or a screenshot lies within
            it); `cropped_share` of the registered picture, below which a copy is called cropped (alignment is that
            exact at 512 pixels); `least_share` of a picture, below which a tenth of a per cent says nothing.
        references: what a picture was compared with: in the sentence of a finding ("compared with …"), of what saw a
            region ("seen with …"), and as the finest of the looks that found no difference.
        compared: of two files that are compared with each other: titles by value, and what belongs to each of them.
        validity: of a signer's certificate.
        states: of a record that is not public.
        relations: of a picture to what was made from it, by C2PA's words: at most 18 characters, beside an arrow.
        steps: names of the steps of checking a receipt, from the first, as docs/reference/receipts.md has them.
        outcomes: of a step.
        fields: of an answer, by name, as a term before its value.
        phrases: more that is shown in several places.
        page: of the web pages.
        standings: of records, as a word.
        identities: how a publisher's identity was established, as a word.
        audit: of the page of an audit.
        buckets: of an audit's items: the label, and what it means.
        reasons: why an item of an audit could not be checked.
        problems: by slug: the title, and the detail where the exception's own text is for the operator alone.
        unverified: by slug: what a reader is told who asked for a report, where that is not the problem's own.
    """

    language: str
    axes: Mapping[str, str]
    values: Mapping[str, str]
    headlines: Mapping[str, str]
    bases: Mapping[str, str]
    quotation: Mapping[str, str]
    numbers: Mapping[str, str]
    months: Sequence[str]
    places: Mapping[str, str]
    lead: Mapping[str, str]
    changes: Mapping[str, str]
    warnings: Mapping[str, str]
    remarks: Mapping[str, str]
    vouched: Mapping[str, str]
    ai: Mapping[str, str]
    measured: Mapping[str, str]
    compared: Mapping[str, str]
    regions: Mapping[str, Mapping[str, str]]
    thresholds: Mapping[str, float]
    references: Mapping[str, Mapping[str, str]]
    validity: Mapping[str, str]
    states: Mapping[str, str]
    relations: Mapping[str, str]
    steps: Sequence[str]
    outcomes: Mapping[str, str]
    fields: Mapping[str, str]
    phrases: Mapping[str, str]
    page: Mapping[str, str]
    standings: Mapping[str, str]
    identities: Mapping[str, str]
    audit: Mapping[str, str]
    buckets: Mapping[str, Mapping[str, str]]
    reasons: Mapping[str, str]
    problems: Mapping[str, Mapping[str, str]]
    unverified: Mapping[str, Mapping[str, str]]

    def short_date(self, when: datetime) -> str:
        """A day with its month cut to three letters: "28 Nov 2026"."""
        return self.numbers["date"].format(day=when.day, month=self.months[when.month - 1][:3], year=when.year)

    def time(self, when: datetime) -> str:
        """A moment in words, to the second: "28 November 2026, 11:48:18"."""
        return f"{self.date(when)}, {when:%H:%M:%S}"

    def number(self, count: int) -> str:
        """A whole number: "12,345"."""
        return f"{count:,}".replace(",", self.numbers["thousands"])

    def date(self, when: datetime) -> str:
        """A day in words: "28 November 2026"."""
        return self.numbers["date"].format(day=when.day, month=self.months[when.month - 1], year=when.year)


def _read(language: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Path(__file__).with_name(_FILES[language]).read_bytes())
    return read


_ENGLISH = _read(ENGLISH)
_ALIKE = {"thresholds": _ENGLISH["thresholds"]}
"""What is the same in every language stands in the English file alone."""

JSON = {language: json.dumps(_read(language) | _ALIKE, ensure_ascii=False).encode() for language in _FILES}
"""The catalogue of each language, as pages read it."""

CATALOGUES = {language: Sentences(language=language, **json.loads(text)) for language, text in JSON.items()}
SENTENCES = CATALOGUES[ENGLISH]
