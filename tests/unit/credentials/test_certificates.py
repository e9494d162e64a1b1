from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provenance.credentials import (
    DEVELOPMENT_AUTHORITY,
    IssuedCertificate,
    check_claim_certificate,
    issue_claim_certificate,
    make_development_authority,
)
from provenance.errors import CertificateUnusable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def root() -> IssuedCertificate:
    return make_development_authority(NOW, "Herald")


def _leaf(chain_pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain_pem.encode())[0]


@pytest.mark.parametrize("algorithm", ["es256", "ed25519"])
def test_an_issued_certificate_passes_the_check(root: IssuedCertificate, algorithm: str) -> None:
    issued = issue_claim_certificate(root, "Desk", NOW, algorithm=algorithm)  # type: ignore[arg-type]  # parametrized
    check_claim_certificate(issued.chain_pem, NOW)
    assert len(x509.load_pem_x509_certificates(issued.chain_pem.encode())) == 2


def test_the_authority_and_its_leaves_say_that_nobody_trusts_them(root: IssuedCertificate) -> None:
    leaf = _leaf(issue_claim_certificate(root, "Desk", NOW).chain_pem)
    assert DEVELOPMENT_AUTHORITY == "Countermark development authority (not trusted by anyone)"
    assert leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == DEVELOPMENT_AUTHORITY
    assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == DEVELOPMENT_AUTHORITY


def test_the_key_of_an_issued_certificate_is_the_one_it_names(root: IssuedCertificate) -> None:
    issued = issue_claim_certificate(root, "Desk", NOW)
    assert _leaf(issued.chain_pem).public_key() == issued.key.public_key()


def test_two_issued_certificates_have_different_keys_and_serial_numbers(root: IssuedCertificate) -> None:
    first, second = (_leaf(issue_claim_certificate(root, "Desk", NOW).chain_pem) for _ in range(2))
    assert first.serial_number != second.serial_number
    assert first.public_key() != second.public_key()


@pytest.mark.parametrize("days", [0, 367, -1])
def test_a_certificate_outside_1_to_366_days_is_not_issued(root: IssuedCertificate, days: int) -> None:
    with pytest.raises(CertificateUnusable, match="366"):
        issue_claim_certificate(root, "Desk", NOW, days=days)


def test_366_days_pass_the_check(root: IssuedCertificate) -> None:
    check_claim_certificate(issue_claim_certificate(root, "Desk", NOW, days=366).chain_pem, NOW)


def test_a_certificate_that_would_outlive_its_authority_is_not_issued(root: IssuedCertificate) -> None:
    with pytest.raises(CertificateUnusable, match="expires before"):
        issue_claim_certificate(root, "Desk", NOW + timedelta(days=3500))


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_a_name_that_does_not_fit_a_certificate_is_refused(root: IssuedCertificate, name: str) -> None:
    with pytest.raises(CertificateUnusable, match="printable"):
        issue_claim_certificate(root, name, NOW)


def test_a_date_without_a_time_zone_is_refused() -> None:
    with pytest.raises(CertificateUnusable, match="time zone"):
        make_development_authority(datetime(2026, 1, 1))  # noqa: DTZ001


def test_an_expired_certificate_is_named_with_its_day(root: IssuedCertificate) -> None:
    chain = issue_claim_certificate(root, "Desk", NOW, days=10).chain_pem
    with pytest.raises(CertificateUnusable, match="expired on 2026-03-11"):
        check_claim_certificate(chain, NOW + timedelta(days=11))


def test_a_certificate_from_the_future_is_named(root: IssuedCertificate) -> None:
    chain = issue_claim_certificate(root, "Desk", NOW).chain_pem
    with pytest.raises(CertificateUnusable, match="not valid before"):
        check_claim_certificate(chain, NOW - timedelta(days=1))


def test_the_leaf_alone_is_refused(root: IssuedCertificate) -> None:
    chain = issue_claim_certificate(root, "Desk", NOW).chain_pem
    leaf = chain.removesuffix(root.chain_pem)
    with pytest.raises(CertificateUnusable, match="send the chain"):
        check_claim_certificate(leaf, NOW)


def test_a_chain_that_does_not_hang_together_is_refused(root: IssuedCertificate) -> None:
    leaf = issue_claim_certificate(root, "Desk", NOW).chain_pem.removesuffix(root.chain_pem)
    stranger = make_development_authority(NOW, "Other")
    with pytest.raises(CertificateUnusable, match="was not issued by"):
        check_claim_certificate(leaf + stranger.chain_pem, NOW)


def test_an_authority_cannot_sign_claims_and_every_reason_is_given(root: IssuedCertificate) -> None:
    with pytest.raises(CertificateUnusable) as refused:
        check_claim_certificate(root.chain_pem, NOW)
    for reason in ("self-signed", "CA:FALSE", "digital signatures", "no extended key usage", "more than 366 days"):
        assert reason in str(refused.value)


def test_a_private_key_among_the_certificates_is_refused(root: IssuedCertificate) -> None:
    pem = root.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(CertificateUnusable, match="private key"):
        check_claim_certificate(root.chain_pem + pem.decode(), NOW)


@pytest.mark.parametrize("pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pem: str) -> None:
    with pytest.raises(CertificateUnusable, match="not a PEM file"):
        check_claim_certificate(pem, NOW)


def _odd_leaf(
    root: IssuedCertificate, *usages: x509.ObjectIdentifier, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> str:
    issuer = _leaf(root.chain_pem)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Desk")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode() + root.chain_pem


def test_missing_extensions_and_odd_keys_are_named(root: IssuedCertificate) -> None:
    usages = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    chain = _odd_leaf(root, *usages, key=rsa.generate_private_key(65537, 2048))
    with pytest.raises(CertificateUnusable) as refused:
        check_claim_certificate(chain, NOW)
    for reason in (
        "no organisation",
        "neither P-256",
        "CA:FALSE",
        "subject key identifier",
        "authority key identifier",
        "no extended key usage",
        "allows anything",
        "time stamps",
    ):
        assert reason in str(refused.value)
