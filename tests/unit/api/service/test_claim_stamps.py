"""Claims carry a time stamp where the operator names an authority, asked for by the server and never by a worker."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from provenance.claims import Claims
from provenance.credentials.reading import read_credentials
from provenance.credentials.trust import TrustList, TrustSettings
from provenance.errors import SignerUnavailable
from registry.registry import Registry
from registry.usecases import read as catalogue
from registry.usecases.register import register
from tests.openssl_authority import Authority, needs_openssl
from tests.planted import plant

pytestmark = needs_openssl
Picture = Callable[..., bytes]


@pytest.fixture
def stamps(tmp_path: Path, registry: Registry) -> Iterator[tuple[str, list[bytes]]]:
    """The address of an authority that openssl plays, and what it was asked."""
    authority, asked = Authority(tmp_path / "clock"), []
    issued = registry.keystore.development_stamper()
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (authority.folder / "leaf.pem").write_text(issued.chain_pem.removesuffix(registry.keystore.development_authority))
    (authority.folder / "leaf.key").write_bytes(key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            answer = authority.respond(asked[-1])
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/", asked
    server.shutdown()
    serving.join()
    server.server_close()


def _registered(registry: Registry, url: str, folder: Path, data: bytes) -> str:
    path = folder / "picture"
    path.write_bytes(data)
    stamping = replace(registry, config=replace(registry.config, claim_timestamp_url=url))
    done = register(stamping, path=path, sha256=hashlib.sha256(data).digest(), claims=Claims(), publisher="newsroom")
    return done.asset.id


@pytest.mark.parametrize("private", [False, True])
def test_a_registration_stamps_each_claim_that_it_signs(
    private: bool, registry: Registry, stamps: tuple[str, list[bytes]], jpeg: Picture, tmp_path: Path
) -> None:
    url, asked = stamps
    data = plant(Image.open(BytesIO(jpeg(701))), "JPEG") if private else jpeg(700)
    before = datetime.now(UTC).replace(microsecond=0)
    asset = _registered(registry, url, tmp_path, data)
    assert len(asked) == (2 if private else 1)
    copy, media_type = catalogue.credentialed(registry, bytes.fromhex(asset))
    authority = TrustList("Stamps", "1", registry.keystore.development_authority, "tsa")
    lists = TrustSettings((*registry.trust.lists, authority))
    report = read_credentials(copy, media_type, lists, now=registry.now())
    assert report.signed_at is not None
    assert before <= report.signed_at <= datetime.now(UTC)


def test_while_the_authority_is_away_nothing_is_registered(registry: Registry, jpeg: Picture, tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailable, match="no time stamp for a claim"):
        _registered(registry, "http://127.0.0.1:9/", tmp_path, jpeg(702))
