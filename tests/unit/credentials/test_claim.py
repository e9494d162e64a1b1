from dataclasses import replace

import pytest

from provenance.credentials import Action, ClaimDescription
from provenance.errors import CredentialSigningFailed


def test_a_digital_source_type_outside_the_vocabulary_is_refused(claim: ClaimDescription) -> None:
    with pytest.raises(CredentialSigningFailed, match="photograph"):
        replace(claim, digital_source_type="photograph")
    with pytest.raises(CredentialSigningFailed, match="digitalcapture"):
        Action("c2pa.placed", digital_source_type="digitalcapture")


@pytest.mark.parametrize("name", ["c2pa.invented", "c2pa.created", "c2pa.opened", "cropped", "", "c2pa.", "org.a b.c"])
def test_an_action_outside_the_vocabulary_is_refused(name: str) -> None:
    with pytest.raises(CredentialSigningFailed):
        Action(name)


@pytest.mark.parametrize("name", ["c2pa.cropped", "c2pa.edited.metadata", "com.herald.captioned"])
def test_actions_of_c2pa_and_of_the_newsroom_are_taken(name: str) -> None:
    assert Action(name).name == name


@pytest.mark.parametrize("url", ["registry.example", "ftp://registry.example/", "https://", "javascript:alert(1)"])
def test_the_registry_has_a_web_address(claim: ClaimDescription, url: str) -> None:
    with pytest.raises(CredentialSigningFailed, match="web address"):
        replace(claim, registry_url=url)


@pytest.mark.parametrize("title", ["", "x" * 513, "a\0b"])
def test_a_title_that_a_manifest_cannot_hold_is_refused(claim: ClaimDescription, title: str) -> None:
    with pytest.raises(CredentialSigningFailed, match="title"):
        replace(claim, title=title)
