"""A whole registry with its sandbox, and two publishers, for tests about what becomes of registrations."""

import atexit
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from provenance.claims import Claims
from provenance.statement.keys import Algorithm
from registry.bootstrap import open_registry
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.registry import Registry
from registry.sandbox import Sandbox
from registry.sandbox.examination import Prepared, prepare
from registry.usecases import register as registration
from registry.usecases.access import Reader
from registry.usecases.publishers import enrol_publisher
from registry.usecases.register import Registered
from registry.usecases.verify import verify_file
from tests.unit.registry.log_folder import config

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
    registry: Registry,
    data: bytes,
    *,
    publisher: str = DAILY,
    credential: Any = "none",
    name: str = "picture",
    **claims: Any,
) -> Registered:
    path = registry.spool / name
    path.write_bytes(data)
    try:
        return registration.register(
            registry,
            path=path,
            sha256=hashlib.sha256(data).digest(),
            claims=Claims(credential=credential, **claims),
            publisher=publisher,
        )
    finally:
        path.unlink()


def verify(registry: Registry, data: bytes) -> dict[str, Any]:
    """The report on a file."""
    path = registry.spool / "query"
    path.write_bytes(data)
    try:
        sha256 = hashlib.sha256(data).digest()
        report: dict[str, Any] = json.loads(verify_file(registry, path=path, sha256=sha256, size=len(data)))
        return report
    finally:
        path.unlink()


class _Borrowed:
    """A sandbox that is open for all desks of this process: to start a worker takes as long as many of these tests."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_sandbox(), name)

    def run(self, function: Callable[..., Any], *args: Any, **how: Any) -> Any:
        """What a registration takes from a file that nothing is signed into is the same each time, and taken once."""
        if function is not prepare or args[-1] is not None:
            return _sandbox().run(function, *args, **how)
        if how["digest"] not in _prepared:
            _prepared[how["digest"]] = _sandbox().run(function, *args, **how)
        return _prepared[how["digest"]]

    def close(self) -> None:
        """Others go on with it."""


_prepared: dict[bytes, Prepared] = {}


@cache
def _sandbox() -> Sandbox:
    sandbox = Sandbox(1, modules=("registry.sandbox.examination",))
    atexit.register(sandbox.close)
    return sandbox


@contextmanager
def open_desk(folder: Path, *, compares: bool = False, database: str = "") -> Iterator[Registry]:
    """The registry of a data folder, with the publishers "newsroom" and "rival".

    With `compares`, it compares each registration with the older ones, which takes as long as the registration.
    """
    with mock.patch("registry.bootstrap.Sandbox", return_value=_Borrowed()):
        registry = open_registry(replace(config(folder), operator="The Test Daily", database_url=database))
    if not compares:
        registry.comparisons.stop()
    try:
        if registry.sequencer.size == 2:
            enrol_publisher(registry, publisher=RIVAL, name="The Rival", algorithm=Algorithm.ED25519)
        yield registry
    finally:
        registry.close()
