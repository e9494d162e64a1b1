"""What opens a connection: nothing, but a time stamp that the caller asked for."""

import io
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from provenance.credentials import (
    ClaimDescription,
    ClaimSigner,
    CredentialState,
    IssuedCertificate,
    TrustList,
    TrustSettings,
    make_development_authority,
    read_credentials,
    sign_embedded,
    sign_sidecar,
)
from provenance.credentials.settings import Settings, context
from provenance.errors import CredentialSigningFailed

Draw = Callable[[str], bytes]
TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/avif", "image/heic"]


@dataclass
class Canary:
    """A web server on the loopback interface that notes every request."""

    answer: Callable[[bytes], bytes]
    hits: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def canary() -> Iterator[Canary]:
    noted = Canary(lambda _: b"")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            noted.hits.append(f"{self.command} {self.path}")
            answer = noted.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_HEAD = do_POST  # noqa: N815 - names that the base class looks for

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        noted.url = f"http://127.0.0.1:{server.server_port}/manifest.c2pa"
        yield noted
        server.shutdown()
        thread.join()


def _remote(data: bytes, media_type: str, claim: ClaimDescription, signer: ClaimSigner, url: str) -> bytes:
    """A copy that names `url` as the place of its manifest, and holds none."""
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain_pem) as native,
        c2pa.Builder(claim.definition(opened=False), context(Settings.of(TrustSettings()))) as builder,
    ):
        builder.set_remote_url(url)
        builder.set_no_embed()
        builder.sign(native, media_type, io.BytesIO(data), copy)
    return copy.getvalue()


@pytest.mark.parametrize("media_type", TYPES)
def test_a_manifest_kept_elsewhere_is_not_fetched_when_the_file_is_read(
    media_type: str, draw: Draw, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings, canary: Canary
) -> None:
    data = _remote(draw(media_type), media_type, claim, signer, canary.url)
    report = read_credentials(data, media_type, trust)
    assert report.state is CredentialState.REMOTE_ONLY
    assert report.remote_url == canary.url
    assert report.problems == ("manifest.inaccessible",)
    assert canary.hits == []


@pytest.mark.parametrize("source_type", [None, "digitalCapture"])
@pytest.mark.parametrize("media_type", TYPES)
def test_a_manifest_kept_elsewhere_is_not_fetched_when_the_file_is_signed(
    media_type: str,
    source_type: str | None,
    draw: Draw,
    claim: ClaimDescription,
    signer: ClaimSigner,
    trust: TrustSettings,
    canary: Canary,
) -> None:
    data = _remote(draw(media_type), media_type, claim, signer, canary.url)
    described = replace(claim, digital_source_type=source_type)
    signed = sign_embedded(data, media_type, described, signer, trust=trust)
    report = read_credentials(signed.data or b"", media_type, trust)
    assert report.state is CredentialState.TRUSTED
    assert [item.state for item in report.ingredients] == [CredentialState.REMOTE_ONLY]
    beside = sign_sidecar(data, media_type, described, signer)
    assert read_credentials(data, media_type, trust, sidecar=beside.manifest).state is CredentialState.TRUSTED
    assert canary.hits == []


def test_the_canary_would_be_hit_if_the_network_were_on(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner, canary: Canary
) -> None:
    data = _remote(draw("image/jpeg"), "image/jpeg", claim, signer, canary.url)
    with c2pa.Context.from_dict({}) as defaults, pytest.raises(c2pa.C2paError):
        c2pa.Reader("image/jpeg", io.BytesIO(data), context=defaults)
    assert canary.hits == ["GET /manifest.c2pa"]


# Time stamps ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stamping:
    """An RFC 3161 authority: its root, and what answers a request."""

    root: IssuedCertificate
    reply: Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def stamping(tmp_path_factory: pytest.TempPathFactory) -> Stamping:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make time stamps with")
    folder = tmp_path_factory.mktemp("tsa")
    now = datetime.now(UTC)
    root = make_development_authority(now, "Stamps")
    issuer = x509.load_pem_x509_certificate(root.chain_pem.encode())
    key = generate_private_key(SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=Clock,O=Stamps"))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, False, False, False, False),  # digital signature
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root.key, hashes.SHA256())
    )
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*private))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(
        f"[tsa]\nserial={folder}/serial\nsigner_cert={folder}/leaf.pem\nsigner_key={folder}/key.pem\n"
        "signer_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\ness_cert_id_alg=sha256\n"
    )
    return Stamping(root, lambda request: _stamp(folder, request))


def _stamp(folder: Path, request: bytes) -> bytes:
    (folder / "request").write_bytes(request)
    command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "request"]
    subprocess.run([*command, "-out", "reply"], cwd=folder, check=True, capture_output=True)
    return (folder / "reply").read_bytes()


def test_a_time_stamp_counts_when_its_authority_is_on_a_list_for_time_stamps(
    draw: Draw,
    claim: ClaimDescription,
    signer: ClaimSigner,
    trust: TrustSettings,
    stamping: Stamping,
    canary: Canary,
) -> None:
    canary.answer = stamping.reply
    before = datetime.now(UTC).replace(microsecond=0)
    signed = sign_embedded(draw("image/png"), "image/png", claim, replace(signer, tsa_url=canary.url)).data or b""
    assert len(canary.hits) == 1

    unlisted = read_credentials(signed, "image/png", trust)
    assert (unlisted.state, unlisted.signed_at) == (CredentialState.TRUSTED, None)

    pem = stamping.root.chain_pem
    listed = read_credentials(signed, "image/png", TrustSettings((*trust.lists, TrustList("Stamps", "1", pem, "tsa"))))
    assert listed.state is CredentialState.TRUSTED
    assert listed.signed_at is not None
    assert before <= listed.signed_at <= datetime.now(UTC)

    wrong_list = read_credentials(signed, "image/png", TrustSettings((*trust.lists, TrustList("Signers", "1", pem))))
    assert (wrong_list.state, wrong_list.signed_at) == (CredentialState.VALID_UNTRUSTED, None)
    assert wrong_list.problems == ("timeStamp.untrusted",)
    assert len(canary.hits) == 1, "reading asks nobody"


def test_a_trusted_time_stamp_outlives_the_certificate(
    draw: Draw,
    claim: ClaimDescription,
    authority: IssuedCertificate,
    signer: ClaimSigner,
    make_signer: Callable[[IssuedCertificate], ClaimSigner],
    reissue: Callable[..., IssuedCertificate],
    trust: TrustSettings,
    stamping: Stamping,
    canary: Canary,
) -> None:
    canary.answer = stamping.reply
    lists = TrustSettings((*trust.lists, TrustList("Stamps", "1", stamping.root.chain_pem, "tsa")))
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    short = replace(make_signer(reissue(authority, expires=ends)), tsa_url=canary.url)
    first = sign_embedded(draw("image/png"), "image/png", claim, short).data or b""
    second = (
        sign_embedded(first, "image/png", replace(claim, digital_source_type=None), signer, trust=lists).data or b""
    )
    time.sleep((ends - datetime.now(UTC)).total_seconds() + 1.1)
    assert read_credentials(first, "image/png", lists).state is CredentialState.TRUSTED
    assert read_credentials(first, "image/png", trust).state is CredentialState.WELL_FORMED_ONLY
    made_from_it = read_credentials(second, "image/png", lists)
    assert made_from_it.state is CredentialState.TRUSTED
    assert [item.state for item in made_from_it.ingredients] == [CredentialState.TRUSTED]


def test_a_time_stamp_authority_that_does_not_answer_stops_the_signing(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, tsa_url="http://127.0.0.1:9/"))
