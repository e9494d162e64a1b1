"""Another site than the service's, over https: pictures that scripts of other pages may read, and some that they may
not."""

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.loopback import serving


@dataclass
class Elsewhere:
    """`url` of the site; `asked` are the requests that came, with their header fields, in lower case."""

    url: str
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)


@contextmanager
def elsewhere(folder: Path, picture: bytes) -> Iterator[Elsewhere]:
    """A site with `/open.jpg` for scripts of every page, `/closed.jpg` for those of its own, and nothing else."""
    site = Elsewhere("")

    def answer(request: Request) -> Response:
        site.asked.append((request.url.path, dict(request.headers)))
        if request.url.path == "/closed.jpg":
            return Response(picture, media_type="image/jpeg")
        allowed = {"Access-Control-Allow-Origin": "*"}
        if request.url.path == "/open.jpg":
            return Response(picture, media_type="image/jpeg", headers=allowed)
        return Response("no", 404, headers=allowed)

    certificate, key = self_signed(folder)
    app = Starlette(routes=[Route("/{path:path}", answer)])
    with serving(app, ssl_certfile=str(certificate), ssl_keyfile=str(key)) as url:
        site.url = url.replace("http://", "https://")
        yield site


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody trusts, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
