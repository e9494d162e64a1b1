from dataclasses import replace
from datetime import UTC, datetime

import pytest

from provenance.credentials import ClaimSigner, CredentialState, TrustSettings, probe
from provenance.credentials import c2pa_settings as settings_module
from provenance.errors import CredentialSettingsInvalid

NOW = datetime.now(UTC)


def test_a_trusted_signer_passes(trust: TrustSettings, signer: ClaimSigner) -> None:
    assert probe(trust, signer, now=NOW, expected=CredentialState.TRUSTED) is CredentialState.TRUSTED


def test_an_untrusted_signer_passes_unless_it_should_be_trusted(signer: ClaimSigner) -> None:
    assert probe(TrustSettings(), signer, now=NOW) is CredentialState.VALID_UNTRUSTED
    with pytest.raises(CredentialSettingsInvalid, match="the signed test picture reads VALID_UNTRUSTED, not TRUSTED"):
        probe(TrustSettings(), signer, now=NOW, expected=CredentialState.TRUSTED)


def test_a_signer_that_cannot_sign_is_reported(trust: TrustSettings, signer: ClaimSigner) -> None:
    with pytest.raises(CredentialSettingsInvalid, match="could not be signed"):
        probe(trust, replace(signer, chain_pem="nothing"), now=NOW)


def test_no_time_stamp_is_asked_for(trust: TrustSettings, signer: ClaimSigner) -> None:
    assert probe(trust, replace(signer, tsa_url="http://127.0.0.1:9/"), now=NOW) is CredentialState.TRUSTED


@pytest.mark.parametrize(
    ("switched_off", "complaint"),
    [
        ({"verify_after_reading": False}, "reads INVALID"),
        ({"verify_trust": False}, "reads VALID_UNTRUSTED, not TRUSTED"),
        ({"remote_manifest_fetch": True}, "tried to fetch"),
    ],
)
def test_a_protection_that_is_switched_off_is_noticed(
    switched_off: dict[str, bool],
    complaint: str,
    trust: TrustSettings,
    signer: ClaimSigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weaker = replace(settings_module._Verify(), **switched_off)
    proper = settings_module.Settings.of
    monkeypatch.setattr(
        settings_module.Settings, "of", classmethod(lambda _, lists: replace(proper(lists), verify=weaker))
    )
    with pytest.raises(CredentialSettingsInvalid, match=complaint):
        probe(trust, signer, now=NOW, expected=CredentialState.TRUSTED)
