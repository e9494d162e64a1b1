"""A whole registry with its sandbox, and two publishers, for tests about what becomes of registrations."""

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from api.commands.opened import configuration
from api.settings import load_settings
from provenance.statement.keys import Algorithm
from registry.bootstrap import DEFAULT_PUBLISHER, open_registry
from registry.claims import AssetClaims
from registry.reading.readers import Reader
from registry.records import registration
from registry.records.enrolment import enrol_publisher
from registry.records.registration import Registered
from registry.registry import Registry

DAILY, RIVAL = DEFAULT_PUBLISHER, "rival"
OF_DAILY, OF_RIVAL = Reader(DAILY), Reader(RIVAL)


def jpeg(seed: int, *, size: tuple[int, int] = (320, 240), exif: Image.Exif | None = None) -> bytes:
    """A picture with shapes; another seed is another picture. Where many are needed, small ones will do."""
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    picture = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    picture.save(file, "JPEG", quality=90, exif=exif or Image.Exif())
    return file.getvalue()


def register(
    registry: Registry, data: bytes, *, publisher: str = DAILY, credential: Any = "none", **claims: Any
) -> Registered:
    path = registry.spool / "picture"
    path.write_bytes(data)
    try:
        return registration.register(
            registry,
            path=path,
            sha256=hashlib.sha256(data).digest(),
            claims=AssetClaims(credential=credential, **claims),
            publisher=publisher,
        )
    finally:
        path.unlink()


@contextmanager
def open_desk(folder: Path, *, compares: bool = False) -> Iterator[Registry]:
    """The registry of a data folder, with the publishers "newsroom" and "rival".

    With `compares`, it compares each registration with the older ones, which takes as long as the registration.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = load_settings(environment="development", folder=folder, workers=1, operator="The Test Daily")
    registry = open_registry(configuration(settings))
    if not compares:
        registry.comparing.stop()
    try:
        if registry.sequencer.size == 2:
            enrol_publisher(registry, publisher=RIVAL, name="The Rival", algorithm=Algorithm.ED25519)
        yield registry
    finally:
        registry.close()
