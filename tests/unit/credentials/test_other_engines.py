"""Our signed copies read well elsewhere: by c2pa as it comes, and by engines that other authors wrote."""

import io
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import c2pa
import pytest
from encypher_c2pa import verify

from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    CredentialState,
    IssuedCertificate,
    TrustSettings,
    probe,
    read_credentials,
    sign_embedded,
)
from provenance.credentials.certificates import CLAIM_SIGNING, DOCUMENT_SIGNING, is_widely_read
from provenance.credentials.signing import SIGNABLE_TYPES
from tests.conftest import find_c2pa_ts

SUFFIXES = {media_type: media_type.partition("/")[2] for media_type in SIGNABLE_TYPES}
READ_BY_C2PA_TS = ("image/jpeg", "image/png", "image/heic")

CLAIMS = {
    "created": ClaimDescription(
        "Harbour", "https://registry.example/", "Countermark/test", "digitalCapture", created=True
    ),
    "opened": ClaimDescription("Harbour", "https://registry.example/", "Countermark/test"),
}

SCRIPT = """
import { readFile } from 'node:fs/promises';
import { BMFF, JPEG, PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { ManifestStore } from '@trustnxt/c2pa-ts/manifest';
const data = await readFile(process.argv[2]);
const asset = new ([JPEG, PNG, BMFF].find((kind) => kind.canRead(data)))(data);
const result = await ManifestStore.read(SuperBox.fromBuffer(asset.getManifestJUMBF())).validate(asset);
console.log(JSON.stringify({ valid: result.isValid, codes: result.statusEntries.map((entry) => entry.code) }));
"""


@pytest.fixture(params=CLAIMS)
def claim(request: pytest.FixtureRequest) -> ClaimDescription:
    return CLAIMS[str(request.param)]


@pytest.mark.parametrize("media_type", SIGNABLE_TYPES)
def test_c2pa_as_it_comes_finds_a_signed_copy_valid(
    media_type: str, draw: Callable[[str], bytes], signer: ClaimSigner, claim: ClaimDescription
) -> None:
    copy = sign_embedded(draw(media_type), media_type, claim, signer).data or b""
    with c2pa.Reader(media_type, io.BytesIO(copy)) as reader:
        assert reader.get_validation_state() == "Valid"
        failures = reader.get_validation_results()["activeManifest"]["failure"]
    assert [failure["code"] for failure in failures] == ["signingCredential.untrusted"]


@pytest.mark.parametrize("media_type", SIGNABLE_TYPES)
def test_encyphers_engine_finds_a_signed_copy_valid_and_an_altered_one_not(
    media_type: str, draw: Callable[[str], bytes], signer: ClaimSigner, claim: ClaimDescription, tmp_path: Path
) -> None:
    copy = sign_embedded(draw(media_type), media_type, claim, signer).data or b""
    file = tmp_path / f"copy.{SUFFIXES[media_type]}"
    file.write_bytes(copy)
    report = verify(str(file))
    assert (report["integrity"], report["signature"], report["hard_binding"]) == ("valid", "valid", "match")
    file.write_bytes(copy[:-40] + bytes([copy[-40] ^ 1]) + copy[-39:])
    assert verify(str(file))["integrity"] != "valid"


@pytest.mark.engine
@pytest.mark.parametrize("media_type", READ_BY_C2PA_TS)
def test_c2pa_ts_finds_a_signed_copy_valid_and_an_altered_one_not(
    media_type: str, draw: Callable[[str], bytes], signer: ClaimSigner, claim: ClaimDescription, tmp_path: Path
) -> None:
    copy = sign_embedded(draw(media_type), media_type, claim, signer).data or b""
    folder = find_c2pa_ts()
    assert folder is not None
    (tmp_path / "node_modules").symlink_to(folder)
    script, file = tmp_path / "read.mjs", tmp_path / "copy"
    script.write_text(SCRIPT)

    def read(data: bytes) -> dict[str, object]:
        file.write_bytes(data)
        answer = subprocess.run(["node", script, file], capture_output=True, check=True, cwd=tmp_path)
        found: dict[str, object] = json.loads(answer.stdout)
        return found

    assert read(copy)["valid"] is True
    assert read(copy[:-40] + bytes([copy[-40] ^ 1]) + copy[-39:])["valid"] is False


def test_a_certificate_of_before_is_told_from_one_that_others_take(
    trust: TrustSettings,
    authority: IssuedCertificate,
    reissue: Callable[..., IssuedCertificate],
    make_signer: Callable[[IssuedCertificate], ClaimSigner],
    draw: Callable[[str], bytes],
) -> None:
    now = datetime.now(UTC)
    usages = (CLAIM_SIGNING.dotted_string, DOCUMENT_SIGNING.dotted_string)
    before = make_signer(reissue(authority, usages=usages))
    assert not is_widely_read(before.chain_pem)
    copy = sign_embedded(draw("image/png"), "image/png", CLAIMS["created"], before).data or b""
    with c2pa.Reader("image/png", io.BytesIO(copy)) as reader:
        assert reader.get_validation_state() == "Invalid"
    assert read_credentials(copy, "image/png", trust, now=now).state is CredentialState.TRUSTED
    assert probe(trust, before, now=now) is CredentialState.TRUSTED  # it works here; the start warns of it


def test_the_probe_reads_as_others_do(trust: TrustSettings, signer: ClaimSigner) -> None:
    assert is_widely_read(signer.chain_pem)
    assert probe(trust, signer, now=datetime.now(UTC)) is CredentialState.TRUSTED
