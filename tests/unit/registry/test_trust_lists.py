"""The folder of trust lists, as the server takes it at its start."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provenance.credentials import issue_claim_certificate, make_development_authority
from provenance.errors import CredentialSettingsInvalid
from registry.bootstrap import open_registry
from registry.registry import Registry
from tests.unit.registry.log_folder import config


def opened(folder: Path, lists: Path) -> Registry:
    return open_registry(replace(config(folder), trust_lists=lists))


def test_an_empty_list_is_a_warning_and_one_of_signers_themselves_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    publisher = issue_claim_certificate(make_development_authority(datetime.now(UTC)), "Herald", datetime.now(UTC))
    leaf = publisher.chain_pem.split("-----END")[0] + "-----END CERTIFICATE-----\n"
    (lists / "iptc-authorities@2026-08.pem").write_text("# none yet\n")
    (lists / "iptc-publishers@2026-08.pem").write_text(leaf)
    with caplog.at_level(logging.WARNING, "registry.bootstrap"):
        registry = opened(tmp_path / "data", lists)
    registry.close()
    assert ["iptc-authorities 2026-08" in record.getMessage() for record in caplog.records] == [True]
    assert registry.trust.signers == (leaf,)


def test_a_list_that_can_match_nothing_stops_the_start_and_is_named(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    (lists / "tsa").mkdir(parents=True)
    signer = issue_claim_certificate(make_development_authority(datetime.now(UTC)), "Herald", datetime.now(UTC))
    (lists / "tsa" / "stampers@1.pem").write_text(signer.chain_pem.split("-----END")[0] + "-----END CERTIFICATE-----\n")
    with pytest.raises(CredentialSettingsInvalid, match="'stampers' can match nothing"):
        opened(tmp_path / "data", lists)
