import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from provenance.credentials import IssuedCertificate, TrustList, TrustSettings, make_development_authority
from provenance.errors import CredentialSettingsInvalid


@pytest.mark.parametrize("pem", ["no certificate", "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"])
def test_a_list_without_a_readable_certificate_is_refused(pem: str) -> None:
    with pytest.raises(CredentialSettingsInvalid, match="'Empty'"):
        TrustList("Empty", "1", pem)


@pytest.mark.parametrize("pem", ["", "\n \n", "# no publisher yet\n"])
def test_a_list_that_has_no_entries_yet_matches_nothing_and_is_no_mistake(pem: str) -> None:
    lists = TrustSettings((TrustList("Empty", "1", pem), TrustList("Empty", "1", pem, "tsa")))
    assert all(each.empty for each in lists.lists)
    assert (lists.anchors, lists.signers, lists.time_anchors) == ((), (), ())


def _leaf(issued: IssuedCertificate) -> str:
    return issued.chain_pem.split("-----END")[0] + "-----END CERTIFICATE-----\n"


def test_a_list_that_can_match_nothing_is_refused(
    authority: IssuedCertificate, reissue: Callable[..., IssuedCertificate]
) -> None:
    web_server = _leaf(reissue(authority, usages=("1.3.6.1.5.5.7.3.1",)))
    signer = _leaf(reissue(authority))
    assert TrustSettings((TrustList("Signers", "1", signer),)).signers
    with pytest.raises(CredentialSettingsInvalid, match="can match nothing"):
        TrustList("Web servers", "1", web_server)
    with pytest.raises(CredentialSettingsInvalid, match="can match nothing"):
        TrustList("Stampers", "1", signer, "tsa")
    assert TrustList("Mixed", "1", web_server + authority.chain_pem)


def test_a_list_needs_a_name_a_version_and_a_known_kind(authority: IssuedCertificate) -> None:
    for name, version, kind in (("", "1", "manifest"), ("List", " ", "manifest"), ("List", "1", "manifests")):
        with pytest.raises(CredentialSettingsInvalid):
            TrustList(name, version, authority.chain_pem, kind)  # type: ignore[arg-type]  # a typing mistake


def test_a_list_with_a_private_key_is_refused(authority: IssuedCertificate) -> None:
    with pytest.raises(CredentialSettingsInvalid, match="private key"):
        TrustList("List", "1", authority.chain_pem + "-----BEGIN PRIVATE KEY-----")


def test_an_authority_on_several_lists_is_handed_over_once_for_each_kind(authority: IssuedCertificate) -> None:
    kinds = ("manifest", "tsa", "manifest")
    lists = tuple(TrustList(f"List {n}", "1", authority.chain_pem, kind) for n, kind in enumerate(kinds))  # type: ignore[arg-type]  # a tuple of literals widens
    anchors = TrustSettings(lists).anchors
    assert sorted(anchor.kind for anchor in anchors) == ["manifest", "tsa"]
    assert len({anchor.uri for anchor in anchors}) == 1


def test_the_list_of_an_anchor_is_the_first_of_its_kind(authority: IssuedCertificate) -> None:
    other = make_development_authority(datetime.now(UTC), "Other")
    lists = (
        TrustList("Stamps", "1", authority.chain_pem, "tsa"),
        TrustList("First", "1", authority.chain_pem),
        TrustList("Second", "1", authority.chain_pem + other.chain_pem),
    )
    settings = TrustSettings(lists)
    found = {
        trust_list.title for anchor in settings.anchors if (trust_list := settings.list_with(anchor.uri, anchor.kind))
    }
    assert found == {"Stamps 1", "First 1", "Second 1"}
    assert settings.list_with(None, "manifest") is None
    assert settings.list_with("urn:countermark:anchor:00", "manifest") is None


def test_trust_settings_can_be_sent_to_another_process(trust: TrustSettings) -> None:
    assert trust.anchors
    sent = pickle.loads(pickle.dumps(trust))
    assert sent == trust
    assert sent.anchors == trust.anchors


def test_authorities_of_the_same_name_are_told_apart_by_their_keys(authority: IssuedCertificate) -> None:
    namesake = make_development_authority(datetime.now(UTC))
    lists = (TrustList("Ours", "1", authority.chain_pem), TrustList("Theirs", "1", namesake.chain_pem, "tsa"))
    anchors = TrustSettings(lists).anchors
    assert len({anchor.uri for anchor in anchors}) == 2
    assert TrustSettings(lists).list_with(next(iter(TrustSettings(lists).tsa_uris)), "manifest") is None
