"""The IPTC vocabulary of digital source types: how a picture came about.

http://cv.iptc.org/newscodes/digitalsourcetype/ as of 2025, terms retired by IPTC included, because files carry them,
and the two terms that C2PA adds in a namespace of its own (C2PA 2.4, "digital source type"); those are read and are no
terms of our records. Used by XMP (`Iptc4xmpExt:DigitalSourceType`), by C2PA actions and by `asset.registered` records.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from provenance.errors import MalformedRecord

Meaning = Literal["capture", "ai_generated", "ai_edited", "other"]

MACHINE = frozenset[Meaning]({"ai_generated", "ai_edited"})
"""The meanings by which a trained model had a part."""

DIGITAL_SOURCE_TYPE_PREFIX = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""What a term's name follows to make its IRI. The scheme is http: that is the identifier, not an address."""

C2PA_SOURCE_TYPE_PREFIX = "http://c2pa.org/digitalsourcetype/"
"""The same for the terms of C2PA."""


@dataclass(frozen=True)
class DigitalSourceType:
    """One term.

    Attributes:
        name: as in the IRI, case included.
        label: what it says, in words for people.
        meaning: what it says about AI and capture. `ai_*` is for models trained on sampled content alone: a fractal
            (`algorithmicMedia`) is `other`, and so is a screen or virtual recording, which may show anything.
        retired: IPTC advises to use another term; files that carry it stay valid.
        prefix: the namespace.
    """

    name: str
    label: str
    meaning: Meaning
    retired: bool = False
    prefix: str = DIGITAL_SOURCE_TYPE_PREFIX

    @property
    def iri(self) -> str:
        """The full IRI, as it stands in records and manifests."""
        return self.prefix + self.name


DIGITAL_SOURCE_TYPES: Mapping[str, DigitalSourceType] = MappingProxyType(
    {
        term.name: term
        for term in (
            DigitalSourceType("digitalCapture", "captured by a camera", "capture"),
            DigitalSourceType("computationalCapture", "captured by a camera from several frames", "capture"),
            DigitalSourceType("negativeFilm", "scanned from a film negative", "capture"),
            DigitalSourceType("positiveFilm", "scanned from a film positive", "capture"),
            DigitalSourceType("print", "scanned from a print", "capture"),
            DigitalSourceType("compositeCapture", "composed of several captures", "capture"),
            DigitalSourceType("trainedAlgorithmicMedia", "made by a trained AI model", "ai_generated"),
            DigitalSourceType("compositeWithTrainedAlgorithmicMedia", "edited with a trained AI model", "ai_edited"),
            DigitalSourceType("compositeSynthetic", "composed, with parts made by AI", "ai_edited"),
            DigitalSourceType("humanEdits", "edited by a person, without generative tools", "other"),
            DigitalSourceType("algorithmicallyEnhanced", "altered by an algorithm", "other"),
            DigitalSourceType("digitalCreation", "drawn or written by a person with digital tools", "other"),
            DigitalSourceType("dataDrivenMedia", "drawn from data", "other"),
            DigitalSourceType("algorithmicMedia", "made by an algorithm without training data", "other"),
            DigitalSourceType("screenCapture", "captured from a screen", "other"),
            DigitalSourceType("virtualRecording", "recorded from a virtual event", "other"),
            DigitalSourceType("composite", "composed of several elements", "other"),
            DigitalSourceType("minorHumanEdits", "a capture with minor edits by a person", "other", retired=True),
            DigitalSourceType("digitalArt", "drawn by a person with digital tools", "other", retired=True),
            DigitalSourceType("softwareImage", "made with software", "other", retired=True),
        )
    }
)
"""Every term of IPTC's by its name."""

C2PA_SOURCE_TYPES: Mapping[str, DigitalSourceType] = MappingProxyType(
    {
        term.iri: term
        for term in (
            DigitalSourceType(
                "trainedAlgorithmicData",
                "made by a trained AI model, as data",
                "ai_generated",
                prefix=C2PA_SOURCE_TYPE_PREFIX,
            ),
            DigitalSourceType("empty", "begun empty", "other", prefix=C2PA_SOURCE_TYPE_PREFIX),
        )
    }
)
"""Every term of C2PA's by its IRI: a bare name is IPTC's."""


def find_digital_source_type(text: str) -> DigitalSourceType | None:
    """The term of a name or IRI, or None. Some generators write the IRI with https; that is the same term."""
    iri = "http" + text.removeprefix("https") if text.startswith("https:") else text
    return DIGITAL_SOURCE_TYPES.get(iri.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX))


def find_stated_source_type(text: str) -> DigitalSourceType | None:
    """The same for what a stranger's file states: C2PA's own terms are known too, by their IRI."""
    iri = "http" + text.removeprefix("https") if text.startswith("https:") else text
    return C2PA_SOURCE_TYPES.get(iri) or find_digital_source_type(iri)


def source_type_iri(text: str) -> str:
    """The full IRI of a name or IRI, as a record or a claim of ours states it.

    Raises:
        MalformedRecord: not a term of IPTC's vocabulary.
    """
    term = find_digital_source_type(text)
    if term is None:
        raise MalformedRecord(f"digital_source_type: {text[:100]!r} is not a term of {DIGITAL_SOURCE_TYPE_PREFIX}")
    return term.iri


def meaning_of_source_type(text: str) -> Meaning:
    """What a name or IRI says about AI and capture; `other` for what is not in the vocabulary."""
    term = find_stated_source_type(text)
    return "other" if term is None else term.meaning
