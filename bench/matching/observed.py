"""A registry whose verifications are observed: what they compared, and how much processor time each stage took.

The sandbox's jobs run in this process, unconfined; everything else is the registry's own. Any stage that a verification
gains is seen without a change here, because each goes through the sandbox, the index or the scan.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provenance.claims import Claims
from provenance.verification.registrations import Reference
from registry.bootstrap import open_registry
from registry.database import assets
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.registry import Registry, RegistryConfig
from registry.usecases.register import register
from registry.usecases.verify import verify_file

PASSPHRASE = b"of keys that sign for nobody"


@dataclass
class Observation:
    """One verification: its report, the records that were compared, how many references were, whatever their records,
    and milliseconds of processor time by stage."""

    compared: list[str] = field(default_factory=list)
    references: int = 0
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    report: dict[str, Any] = field(default_factory=dict)


class _Timed:
    """Passes every call on, and notes the time under `name`."""

    def __init__(self, wrapped: object, name: str, observed: "ObservedRegistry") -> None:
        self._wrapped, self._name, self._observed = wrapped, name, observed

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._wrapped, attribute)
        if not callable(value):
            return value
        return lambda *args, **keywords: self._observed.timed(self._name, value, *args, **keywords)


class _InProcess:
    """The sandbox's interface, run here."""

    def __init__(self, observed: "ObservedRegistry") -> None:
        self._observed = observed

    def run(self, function: Callable[..., Any], *args: object, answer: object = None, **limits: object) -> Any:
        del limits
        self._observed.noted(args)
        return self._observed.timed(function.__name__, function, *(args if answer is None else (answer, *args)))


class ObservedRegistry:
    """A registry in a folder of its own."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        wrapped = {
            name: _Timed(part, f"search: {name}", self)
            for name, part in vars(registry).items()
            if hasattr(part, "candidates")
        }
        self._observed_registry = replace(registry, sandbox=_InProcess(self), **wrapped)  # type: ignore[arg-type]
        self._records: dict[bytes, str] = {}
        self._now = Observation()

    def register(self, path: Path, title: str) -> str:
        """Register the file by the use case that the API calls, in the real sandbox; returns its record's id."""
        claims = Claims(title=title, credential="none")
        sha256 = hashlib.sha256(path.read_bytes()).digest()
        asset = register(self.registry, path=path, sha256=sha256, claims=claims, publisher=DEFAULT_PUBLISHER).asset
        with self.registry.store.read() as session:
            sketch = assets.get(session, bytes.fromhex(asset.id)).sketch_sha256
        self._records[sketch] = asset.id
        return asset.id

    def verify(self, data: bytes) -> Observation:
        """Verify a file by the use case that the API calls."""
        self._now = Observation()
        path = self.registry.spool / "query"
        path.write_bytes(data)
        sha256 = hashlib.sha256(data).digest()
        started = time.process_time()
        report = verify_file(self._observed_registry, path=path, sha256=sha256, size=len(data))
        self._now.stages["whole"] = (time.process_time() - started) * 1000
        self._now.report = json.loads(report)
        path.unlink()
        return self._now

    def timed(self, name: str, function: Callable[..., Any], *args: object, **keywords: object) -> Any:
        started = time.thread_time()
        try:
            return function(*args, **keywords)
        finally:
            self._now.stages[name] += (time.thread_time() - started) * 1000

    def noted(self, args: tuple[object, ...]) -> None:
        """Note comparisons by the sketches that are handed over."""
        for reference in (
            one for each in args if isinstance(each, tuple) for one in each if isinstance(one, Reference)
        ):
            self._now.references += 1
            if record := self._records.get(hashlib.sha256(reference.sketch).digest()):
                self._now.compared.append(record)


@contextmanager
def bench_registry(folder: Path) -> Iterator[Registry]:
    """Open a registry in `folder`, and close it."""
    registry = open_registry(
        RegistryConfig(
            folder=folder,
            origin="bench.invalid/log",
            operator="Bench",
            public_url="http://127.0.0.1",
            passphrase=PASSPHRASE,
            workers=1,
            environment="development",
        )
    )
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def observed_registry(folder: Path) -> Iterator[ObservedRegistry]:
    """The same, observed."""
    with bench_registry(folder) as registry:
        yield ObservedRegistry(registry)
