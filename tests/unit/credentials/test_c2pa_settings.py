import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import c2pa
import pytest

from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    CredentialState,
    TrustSettings,
    sign_embedded,
)
from provenance.credentials.c2pa_settings import Settings, context
from tests.patience import HUNG_SECONDS
from tests.unit.credentials.reader import read_credentials


def _keys(document: Any) -> set[str]:
    if isinstance(document, dict):
        return set(document).union(*map(_keys, document.values()))
    if isinstance(document, list):
        return set().union(*map(_keys, document))
    return set()


def test_every_key_is_one_that_the_library_knows(trust: TrustSettings) -> None:
    library = (Path(c2pa.__file__).parent / "libs" / "libc2pa_c.so").read_bytes()
    keys = _keys(json.loads(Settings.of(trust).to_json()))
    assert "remote_manifest_fetch" in keys
    assert [key for key in keys if key.encode() not in library] == []


def test_a_misspelt_key_cannot_be_written(trust: TrustSettings) -> None:
    settings = Settings.of(trust)
    with pytest.raises(FrozenInstanceError):
        settings.verify.remote_manifest_fetch = True  # type: ignore[misc]  # the point of the test
    with pytest.raises(TypeError):
        type(settings.verify)(remote_manifest_fetsh=False)  # type: ignore[call-arg]  # the point of the test


def test_the_network_is_off_in_every_setting_that_could_open_it(trust: TrustSettings) -> None:
    document = json.loads(Settings.of(trust).to_json())
    assert document["core"]["allowed_network_hosts"] == []
    assert document["core"]["allow_redirects"] is False
    assert document["verify"]["remote_manifest_fetch"] is False
    assert document["verify"]["ocsp_fetch"] is False
    assert document["builder"]["auto_timestamp_assertion"]["enabled"] is False


def test_one_process_has_one_context_for_the_same_settings(trust: TrustSettings) -> None:
    assert context(Settings.of(trust)) is context(Settings.of(TrustSettings(trust.lists)))


def _read_in_child(data: bytes, trust: TrustSettings, answers: Any) -> None:
    answers.put(read_credentials(data, "image/png", trust).state.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # newer Pythons warn of fork() beside threads
def test_a_forked_child_reads_with_a_context_of_its_own(
    draw: Callable[[str], bytes], claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    signed = sign_embedded(draw("image/png"), "image/png", claim, signer).data or b""
    assert read_credentials(signed, "image/png", trust).state is CredentialState.TRUSTED
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(target=_read_in_child, args=(signed, trust, answers))
    child.start()
    assert answers.get(timeout=HUNG_SECONDS) == "TRUSTED"
    child.join(HUNG_SECONDS)
    assert child.exitcode == 0
    assert read_credentials(signed, "image/png", trust).state is CredentialState.TRUSTED


@pytest.mark.timing
def test_threads_share_a_context(
    draw: Callable[[str], bytes], claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings
) -> None:
    def round_trip(_: int) -> CredentialState:
        signed = sign_embedded(draw("image/png"), "image/png", claim, signer).data or b""
        return read_credentials(signed, "image/png", trust).state

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(round_trip, range(64))) == {CredentialState.TRUSTED}
