"""Pictures whose content credential (C2PA) names what went into them, as an editor's program writes it."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import c2pa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from PIL import Image

from provenance.credentials import IssuedCertificate, TrustSettings, issue_claim_certificate, make_development_authority
from provenance.credentials.c2pa_settings import Settings, context

_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeCapture"


@dataclass(frozen=True)
class Part:
    """An ingredient. `thumbnail` is what its signer puts there: any bytes."""

    title: str
    picture: bytes
    relationship: str = "componentOf"
    thumbnail: bytes | None = None


def plain(colour: str, size: tuple[int, int] = (160, 120)) -> bytes:
    """A JPEG of one colour."""
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "JPEG")
    return data.getvalue()


@dataclass
class Editor:
    """Somebody on no trust list who signs pictures."""

    name: str = "An editor"
    _issued: IssuedCertificate = field(init=False)

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        self._issued = issue_claim_certificate(make_development_authority(now), self.name, now)

    def signed(self, picture: bytes, title: str, parts: Sequence[Part] = ()) -> bytes:
        """A JPEG with a credential that names these ingredients."""
        builder = self._builder(title)
        for number, part in enumerate(parts):
            named: dict[str, object] = {"title": part.title, "relationship": part.relationship}
            if part.thumbnail is not None:
                named["thumbnail"] = {"format": "image/jpeg", "identifier": f"thumbnail-{number}.jpg"}
                builder.add_resource(f"thumbnail-{number}.jpg", io.BytesIO(part.thumbnail))
            builder.add_ingredient(json.dumps(named), "image/jpeg", io.BytesIO(part.picture))
        return self._sign(builder, picture)

    def kept_elsewhere(self, picture: bytes, address: str) -> bytes:
        """A JPEG that names the address of its credential, and has none in it."""
        builder = self._builder("Elsewhere")
        builder.set_remote_url(address)
        builder.set_no_embed()
        return self._sign(builder, picture)

    def _builder(self, title: str) -> c2pa.Builder:
        created = {"action": "c2pa.created", "digitalSourceType": _SOURCE}
        manifest = {
            "claim_generator_info": [{"name": "An editor's program", "version": "1"}],
            "title": title,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
        }
        return c2pa.Builder(manifest, context(Settings.of(TrustSettings())))

    def _sign(self, builder: c2pa.Builder, picture: bytes) -> bytes:
        out = io.BytesIO()
        key = self._issued.key
        assert isinstance(key, EllipticCurvePrivateKey)
        signer = c2pa.Signer.from_callback(
            lambda message: key.sign(message, ECDSA(hashes.SHA256())),
            c2pa.C2paSigningAlg.ES256,
            self._issued.chain_pem,
            None,
        )
        builder.sign(signer, "image/jpeg", io.BytesIO(picture), out)
        return out.getvalue()


def composite(*, hostile: str = "A <b>harbour</b>") -> bytes:
    """A picture of three generations: the last one's earlier version, into which two others were placed.

    One of these is signed itself, has `hostile` for a title, and a thumbnail; it is an input of the last as well. The
    other is not signed, and its thumbnail is no picture.
    """
    editor = Editor()
    harbour = editor.signed(plain("steelblue"), "Harbour")
    parts = (Part(hostile, harbour, thumbnail=plain("orange")), Part("A gull", plain("white"), thumbnail=b"no picture"))
    earlier = editor.signed(plain("slategrey"), "Earlier", parts)
    last = (
        Part("The collage of Monday", earlier, "parentOf", plain("teal")),
        Part("Harbour again", harbour, "inputTo"),
    )
    return editor.signed(plain("silver"), "Collage", last)
