"""The vocabulary of digital source types."""

import pytest

from provenance.errors import MalformedRecord
from provenance.vocabulary import (
    C2PA_SOURCE_TYPES,
    DIGITAL_SOURCE_TYPES,
    find_digital_source_type,
    find_stated_source_type,
    meaning_of_source_type,
    source_type_iri,
)

IRI = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize("name", DIGITAL_SOURCE_TYPES)
def test_a_name_and_both_spellings_of_its_iri_are_one_term(name: str) -> None:
    for text in (name, IRI + name, IRI.replace("http", "https") + name):
        assert source_type_iri(text) == IRI + name
        assert find_digital_source_type(text) is DIGITAL_SOURCE_TYPES[name]


@pytest.mark.parametrize(
    "text", ["", IRI, "DigitalCapture", "telepathy", IRI + "telepathy", IRI + IRI + "print", "https:print", " print"]
)
def test_what_is_no_term_is_refused_and_means_nothing(text: str) -> None:
    with pytest.raises(MalformedRecord, match="digital_source_type"):
        source_type_iri(text)
    assert find_digital_source_type(text) is None
    assert meaning_of_source_type(text) == "other"


def test_the_terms_of_c2pa_are_read_and_are_no_terms_of_a_record() -> None:
    for term in C2PA_SOURCE_TYPES.values():
        assert find_stated_source_type(term.iri) is find_stated_source_type(term.iri.replace("http", "https")) is term
        assert find_digital_source_type(term.iri) is None
        with pytest.raises(MalformedRecord):
            source_type_iri(term.iri)
    assert meaning_of_source_type("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData") == "ai_generated"


def test_only_trained_models_and_cameras_mean_more_than_other() -> None:
    assert meaning_of_source_type("trainedAlgorithmicMedia") == "ai_generated"
    assert meaning_of_source_type("compositeWithTrainedAlgorithmicMedia") == "ai_edited"
    assert meaning_of_source_type("compositeSynthetic") == "ai_edited"
    assert meaning_of_source_type("digitalCapture") == "capture"
    for name in ("screenCapture", "virtualRecording", "algorithmicMedia", "humanEdits"):
        assert meaning_of_source_type(name) == "other"


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DIGITAL_SOURCE_TYPES["telepathy"] = DIGITAL_SOURCE_TYPES["print"]  # type: ignore[index]  # that is the point
