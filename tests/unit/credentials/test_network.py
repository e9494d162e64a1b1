"""What opens a connection: nothing, but a time stamp that the caller asked for."""

import io
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    sign_embedded,
    sign_sidecar,
)
from provenance.credentials.c2pa_settings import Settings, context
from provenance.credentials.claim_time_stamp import check
from provenance.credentials.jumbf import Stamp
from provenance.credentials.report import Validity
from provenance.errors import CredentialSigningFailed
from provenance.transparency.timestamp import TimestampRequest, token_of
from provenance.vocabulary import DIGITAL_SOURCE_TYPE_PREFIX
from tests.unit.credentials.expiry import soon_expired
from tests.unit.credentials.reader import read_credentials

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
    with _serve(noted):
        yield noted


@contextmanager
def _serve(noted: Canary) -> Iterator[None]:

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
        yield
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
    described = replace(claim, digital_source_type=source_type, created=False)
    signed = sign_embedded(data, media_type, described, signer, trust=trust)
    report = read_credentials(signed.data or b"", media_type, trust)
    assert report.state is CredentialState.TRUSTED
    assert [item.state for item in report.ingredients] == [CredentialState.REMOTE_ONLY]
    assert [item.remote_url for item in report.ingredients] == [canary.url]
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
    assert (wrong_list.state, wrong_list.signed_at) == (CredentialState.TRUSTED, None)
    assert wrong_list.problems == ("timeStamp.untrusted",)
    assert [(stamp.authority, stamp.trust_list) for stamp in wrong_list.time_stamps] == [("Clock", None)]
    assert [(stamp.authority, stamp.trust_list) for stamp in listed.time_stamps] == [("Clock", "Stamps 1")]
    assert len(canary.hits) == 1, "reading asks nobody"


@pytest.mark.timing
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
    opened = replace(claim, digital_source_type=None, created=False)

    def sign(ends: datetime) -> tuple[bytes, bytes]:
        short = replace(make_signer(reissue(authority, expires=ends)), tsa_url=canary.url)
        first = sign_embedded(draw("image/png"), "image/png", claim, short).data or b""
        return first, sign_embedded(first, "image/png", opened, signer, trust=lists).data or b""

    first, second = soon_expired(sign)
    assert read_credentials(first, "image/png", lists).state is CredentialState.TRUSTED
    assert read_credentials(first, "image/png", trust).state is CredentialState.WELL_FORMED_ONLY
    made_from_it = read_credentials(second, "image/png", lists)
    assert made_from_it.state is CredentialState.TRUSTED
    assert [item.state for item in made_from_it.ingredients] == [CredentialState.TRUSTED]


CAPTURED = DIGITAL_SOURCE_TYPE_PREFIX + "digitalCapture"
LATER = timedelta(days=400)


@pytest.fixture(scope="module")
def version_1(draw: Draw, signer: ClaimSigner, stamping: Stamping) -> bytes:
    """A claim of version 1, time-stamped: c2pa believes the stamps of such claims unchecked."""
    noted = Canary(stamping.reply)
    with _serve(noted):
        return _sign_version_1(draw("image/png"), signer, noted.url)


def _sign_version_1(data: bytes, signer: ClaimSigner, tsa_url: str | None) -> bytes:
    created = {"action": "c2pa.created", "digitalSourceType": CAPTURED}
    definition = {
        "claim_version": 1,
        "claim_generator_info": [{"name": "Camera", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created]}}],
    }
    copy = io.BytesIO()
    with (
        c2pa.Signer.from_callback(signer.sign, c2pa.C2paSigningAlg.ES256, signer.chain_pem, tsa_url) as native,
        c2pa.Builder(definition, context(Settings.of(TrustSettings()))) as builder,
    ):
        builder.sign(native, "image/png", io.BytesIO(data), copy)
    return copy.getvalue()


def _with_stamps(trust: TrustSettings, stamping: Stamping) -> TrustSettings:
    return TrustSettings((*trust.lists, TrustList("Stamps", "1", stamping.root.chain_pem, "tsa")))


def test_a_listed_signer_of_version_1_is_listed_whoever_made_the_time_stamp(
    version_1: bytes, trust: TrustSettings, stamping: Stamping
) -> None:
    report = read_credentials(version_1, "image/png", trust)
    assert (report.state, report.trust_list) == (CredentialState.TRUSTED, "Development list 7")
    assert (report.validity, report.signed_at) == (Validity.IN_FORCE, None)
    assert [(stamp.authority, stamp.trust_list) for stamp in report.time_stamps] == [("Clock", None)]
    assert report.digital_source_types == (CAPTURED,)
    vouched = read_credentials(version_1, "image/png", _with_stamps(trust, stamping))
    assert vouched.state is CredentialState.TRUSTED
    assert vouched.signed_at == vouched.time_stamps[0].time is not None


def test_list_validity_and_time_are_three_facts(version_1: bytes, trust: TrustSettings, stamping: Stamping) -> None:
    later = datetime.now(UTC) + LATER
    nobody = read_credentials(version_1, "image/png", trust, now=later)
    assert (nobody.state, nobody.trust_list) == (CredentialState.WELL_FORMED_ONLY, "Development list 7")
    assert (nobody.validity, nobody.signed_at) == (Validity.NOT_IN_FORCE, None)
    assert nobody.digital_source_types == ()
    assert "signingCredential.untrusted" not in nobody.problems
    vouched = read_credentials(version_1, "image/png", _with_stamps(trust, stamping), now=later)
    assert (vouched.state, vouched.trust_list) == (CredentialState.TRUSTED, "Development list 7")
    assert vouched.validity is Validity.IN_FORCE_WHEN_STAMPED
    assert vouched.signed_at is not None
    unlisted = read_credentials(version_1, "image/png", TrustSettings(), now=later)
    assert (unlisted.state, unlisted.trust_list) == (CredentialState.WELL_FORMED_ONLY, None)
    assert unlisted.digital_source_types == ()


def test_an_ingredient_whose_certificate_has_ended_states_nothing_unless_its_time_is_vouched_for(
    version_1: bytes, claim: ClaimDescription, signer: ClaimSigner, trust: TrustSettings, stamping: Stamping
) -> None:
    lists = _with_stamps(trust, stamping)
    child = sign_embedded(
        version_1, "image/png", replace(claim, digital_source_type=None, created=False), signer, trust=lists
    ).data
    later = datetime.now(UTC) + LATER
    (ended,) = read_credentials(child or b"", "image/png", trust, now=later).ingredients
    assert (ended.state, ended.digital_source_types) == (CredentialState.WELL_FORMED_ONLY, ())
    (vouched,) = read_credentials(child or b"", "image/png", lists, now=later).ingredients
    assert (vouched.state, vouched.digital_source_types) == (CredentialState.TRUSTED, (CAPTURED,))


def test_a_time_stamp_of_something_else_vouches_for_nothing(
    draw: Draw, signer: ClaimSigner, trust: TrustSettings, stamping: Stamping, canary: Canary
) -> None:
    """The authority stamps what it is asked for, and the answer is put beside another claim."""
    other = stamping.reply(TimestampRequest.of(b"something else", 7).serialise())
    canary.answer = lambda _: other
    with pytest.raises(c2pa.C2paError):
        _sign_version_1(draw("image/png"), signer, canary.url)
    token = token_of(other)
    anchors = _with_stamps(trust, stamping).time_anchors
    assert check(Stamp(token, b"something else"), anchors).trust_list == "Stamps 1"
    assert check(Stamp(token, b"a claim"), anchors).trust_list is None
    assert check(Stamp(b"no stamp", b"a claim"), anchors).time is None


def test_a_time_stamp_authority_that_does_not_answer_stops_the_signing(
    draw: Draw, claim: ClaimDescription, signer: ClaimSigner
) -> None:
    with pytest.raises(CredentialSigningFailed):
        sign_embedded(draw("image/png"), "image/png", claim, replace(signer, tsa_url="http://127.0.0.1:9/"))
