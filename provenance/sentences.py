"""The sentences and labels that pages, reports and commands show, each written once: in `sentences.json`.

JSON, so that Python, the pages (`/static/…/sentences.js`) and a browser extension read the same file. What is made of
numbers or of strangers' words stands with what computes it (`provenance.verification.findings`), as do the terms of
others (`provenance.vocabulary`, `provenance.credentials.report`).

Vocabularies are open: a code that a newer service states and this file lacks is shown as it comes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

JSON = Path(__file__).with_name("sentences.json").read_bytes()


@dataclass(frozen=True)
class Sentences:
    """By code, the words for it.

    Attributes:
        axes, values, headlines, bases: of a verdict; a value is named once for all axes.
        regions: kinds of regions: how each is drawn, and what it means.
        thresholds: from which on a sentence says it: `turned_degrees` of a rotation (a scan or a screenshot lies within
            it); `cropped_share` of the registered picture, below which a copy is called cropped (alignment is that
            exact at 512 pixels); `least_share` of a picture, below which a tenth of a per cent says nothing.
        references: what a picture was compared with: in the sentence of a finding ("compared with …"), of what saw a
            region ("seen with …"), and as the finest of the looks that found no difference.
        validity: of a signer's certificate.
        states: of a record that is not public.
        steps: names of the steps of checking a receipt, from the first, as docs/reference/receipts.md has them.
        fields: of an answer, by name, as a term before its value.
        phrases: more that is shown in several places.
        buckets: of an audit's items: the label, and what it means.
        reasons: why an item of an audit could not be checked.
        problems: by slug: the title, and the detail where the exception's own text is for the operator alone.
        unverified: by slug: what a reader is told who asked for a report, where that is not the problem's own.
    """

    axes: Mapping[str, str]
    values: Mapping[str, str]
    headlines: Mapping[str, str]
    bases: Mapping[str, str]
    regions: Mapping[str, Mapping[str, str]]
    thresholds: Mapping[str, float]
    references: Mapping[str, Mapping[str, str]]
    validity: Mapping[str, str]
    states: Mapping[str, str]
    steps: Sequence[str]
    fields: Mapping[str, str]
    phrases: Mapping[str, str]
    buckets: Mapping[str, Mapping[str, str]]
    reasons: Mapping[str, str]
    problems: Mapping[str, Mapping[str, str]]
    unverified: Mapping[str, Mapping[str, str]]


SENTENCES = Sentences(**json.loads(JSON))
