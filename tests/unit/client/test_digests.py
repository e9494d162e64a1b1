"""The fingerprints that an auditor computes are those of a record."""

import io
from pathlib import Path

import pytest
from countermark import Digests, InvalidRequest, MediaError, fingerprint

from provenance.media import Media
from provenance.media.fingerprints import PDQ, PHASH, PIXELS_SHA256
from provenance.media.fingerprints import fingerprint as of_record

ROCKET = Path(__file__).parents[3] / "demo" / "photos" / "rocket.jpg"


def test_a_picture_has_the_fingerprints_that_a_record_states() -> None:
    stated = of_record(Media.from_bytes(ROCKET.read_bytes())).to_json()
    found = fingerprint(ROCKET)
    assert found == fingerprint(io.BytesIO(ROCKET.read_bytes()))
    assert (found.pixels_sha256, found.phash) == (stated[PIXELS_SHA256], stated[PHASH])
    assert found.pdq == (stated[PDQ]["value"], stated[PDQ]["quality"])


def test_what_is_no_picture_has_none(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        fingerprint(b"not a picture")
    with pytest.raises(InvalidRequest):
        fingerprint(tmp_path / "nowhere.jpg")


def test_digests_say_what_they_are() -> None:
    assert repr(Digests("ab" * 32)).startswith("Digests(sha256='abab")
