"""Makes a store that later versions have to read: `python -m tests.earlier.make NAME`, once, at the version NAME.

A newsroom and a rival register pictures and say things about them, so that every kind of record, row and object is in
the folder; beside it lie what users took away: receipts, signed copies, reports, and what each has to lead to. What a
version has written is never made anew.
"""

import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Unpack

import httpx2
import numpy as np
from countermark import Claims, Client, verify_receipt
from countermark.models import Parent
from PIL import Image, ImageDraw

from demo.service import Service, running_service

EARLIER = Path(__file__).parent
PASSPHRASE = "a passphrase for tests"
OPERATOR = "The Earlier Daily"
ORIGIN = "log.earlier.example"
_DRAFTS = {".lock", "spool"}


def picture(seed: int) -> Image.Image:
    """A picture of 400 × 300 with shapes and texture; another seed is another picture."""
    random = np.random.default_rng(seed)
    height, width = 300, 400
    down, across = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    falloff = 1 / np.maximum(np.hypot(down, across), 1 / width)  # amplitudes as photographs have them
    planes = [np.fft.ifft2(np.fft.fft2(random.normal(size=(height, width))) * falloff).real for _ in range(3)]
    pixels = np.stack([(plane - plane.min()) / np.ptp(plane) * 255 for plane in planes], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def make(name: str) -> None:
    """Write the folder `name` beside this module. Raises FileExistsError where that version has one already."""
    out = EARLIER / name
    out.mkdir()
    with tempfile.TemporaryDirectory(prefix="countermark-earlier-") as scratch:
        folder = Path(scratch) / "data"
        settings = {"key_passphrase": PASSPHRASE, "timestamp_url": "development", "timestamp_interval": "1"}
        with running_service(folder, operator=OPERATOR, origin=ORIGIN, workers="1", **settings) as service:
            rival = service.enrol("rival", "The Rival")
            with Client(service.url, api_key=service.api_key) as daily, Client(service.url, api_key=rival) as other:
                (out / "story.json").write_text(json.dumps(_tell(out, daily, other, service), indent=2) + "\n")
        with tarfile.open(out / "store.tar.xz", "w:xz") as archive:
            archive.add(folder, "data", filter=lambda member: None if Path(member.name).name in _DRAFTS else member)


def _tell(out: Path, daily: Client, other: Client, service: Service) -> dict[str, object]:
    """Register and say; returns the ids by what they stand for."""
    assets: dict[str, str] = {}
    registered: dict[str, bytes] = {}

    def register(client: Client, what: str, file: bytes, **claims: Unpack[Claims]) -> str:
        registered[what] = file
        claims["title"] = f"Earlier: {what}"
        assets[what] = client.register(file, **claims).id
        return assets[what]

    plain = register(
        daily, "plain", jpeg(picture(1)), caption="Kept", credit="A desk", licence="CC BY 4.0", credential="none"
    )
    signed = register(daily, "signed", jpeg(picture(2)), digital_source_type="digitalCapture")
    register(daily, "sidecar", jpeg(picture(3)), credential="sidecar")
    withdrawn = register(daily, "withdrawn", jpeg(picture(4)), credential="none")
    daily.withdraw(withdrawn, "the wrong picture")
    disputed = register(daily, "disputed", jpeg(picture(5)), credential="none")
    dispute = daily.dispute(disputed, "taken by us", publisher="rival")
    daily.answer_dispute(dispute.id, "rejected", "by our own photographer")
    register(daily, "sealed", jpeg(picture(6)), credential="none", visibility="sealed")
    revealed = register(daily, "revealed", jpeg(picture(7)), credential="none", visibility="sealed")
    daily.reveal(revealed)
    erased = register(daily, "erased", jpeg(picture(8)), credential="none")
    daily.erase(erased, "on request")
    register(daily, "derived", jpeg(picture(9)), parents=[Parent(record=withdrawn, relation="parentOf")])
    register(daily, "correction", jpeg(picture(1), quality=95), parents=[Parent(record=plain, relation="supersedes")])
    changed = picture(2)
    ImageDraw.Draw(changed).ellipse((120, 90, 220, 190), fill=(200, 40, 30))
    register(other, "hijacked", jpeg(changed))
    for what, file in registered.items():
        (out / f"{what}.jpg").write_bytes(file)
    receipts = {}
    for what, asset in assets.items():
        if what not in ("sealed", "erased"):
            receipt = daily.receipt(asset)
            (out / f"{what}.countermark").write_bytes(receipt)
            report = verify_receipt(receipt, registered[what])
            receipts[what] = {"holds": report.holds, "steps": [step.outcome for step in report.steps]}
    (out / "signed.copy.jpg").write_bytes(daily.credentialed(signed))
    (out / "signed.public.jpg").write_bytes(daily.credentialed(signed, public=True))
    reports = {}
    for what, file in (
        ("plain", registered["plain"]),
        ("hijacked", registered["hijacked"]),
        ("recompressed", jpeg(picture(1), quality=60)),
        ("edited", jpeg(changed, quality=80)),
    ):
        (out / f"{what}.jpg").write_bytes(file)
        report_id = daily.verify(file).id
        answer = httpx2.get(f"{service.url}/v1/verifications/{report_id}").raise_for_status()
        (out / f"{what}.report.json").write_bytes(answer.content)
        reports[what] = report_id
    (out / "checkpoint").write_bytes(daily.checkpoint())
    return {"assets": assets, "receipts": receipts, "reports": reports, "api_key": service.api_key}


if __name__ == "__main__":
    make(sys.argv[1])
