"""The registry: the open parts that the use cases work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from provenance.credentials.trust import TrustSettings
from provenance.transparency.policy import Policy
from registry.attestation.attestation import Attestation
from registry.database import Store
from registry.keys.keystore import Keystore, Role
from registry.log.proofs import Proofs
from registry.log.sequencer import Sequencer
from registry.log.served_log import ServedLog
from registry.sandbox import Sandbox
from registry.search.codes import Codes
from registry.search.comparing import Comparing
from registry.search.index import SimilarityIndex
from registry.search.inverted_file import InvertedFile
from registry.search.multi_index import MultiIndex
from registry.search.scan import NearestScan
from registry.storage.blobs import Blobs

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class RegistryConfig:
    """What an operator decides. `public_url` goes into manifests and is where readers are sent."""

    folder: Path
    origin: str
    operator: str
    public_url: str
    passphrase: bytes = field(repr=False)
    workers: int
    environment: Literal["production", "development"]
    trust_lists: Path | None = None
    """A folder of PEM files, `NAME@VERSION.pem`, each a list of claim signers; those of time-stamp authorities lie in
    `tsa/`. In development the development authority is added."""
    database_url: str = field(default="", repr=False)
    """A PostgreSQL database, which any number of processes may serve; by default SQLite in the folder, for one."""
    objects: Path | str | None = None
    """Where tiles and blobs lie, a folder or "s3://BUCKET/PREFIX"; by default in the folder."""
    high_water: Path | str | None = None
    """What keeps the last signed checkpoint, a file or "s3://BUCKET/NAME", best apart from the store: a restored backup
    is then noticed."""
    spool: Path | None = None
    """The folder that uploads are received in, by default one in the data folder."""
    witness_policy: Path | None = None
    """A C2SP tlog-policy file: which witnesses are asked for cosignatures, and how many of which are enough."""
    timestamp_url: str | None = None
    """Of an RFC 3161 authority that stamps checkpoints; `DEVELOPMENT_STAMPS` for the server's own, in development."""
    timestamp_anchors: Path | None = None
    """PEM: the certificates of that authority, its root among them."""
    timestamp_interval: float = 60.0
    """Seconds between two tokens at least."""
    claim_timestamp_url: str | None = None
    """Of an RFC 3161 authority that stamps C2PA claims when they are signed."""
    signers: Mapping[Role, str] = field(default_factory=dict, repr=False)
    """URIs of the keys that are held elsewhere (`registry.keys.signer_uri`)."""
    claim_chain: Path | None = None
    """A PEM file with the certificates of the claim key, where that is held elsewhere."""
    ml_dsa: bool = True
    """Whether a new log, and one whose key is rotated, has an ML-DSA-44 key beside its Ed25519 key."""


@dataclass(frozen=True, eq=False)
class Registry:
    """Everything open, once in a process; made by `bootstrap.open_registry`."""

    config: RegistryConfig
    clock: Clock
    store: Store
    blobs: Blobs
    sequencer: Sequencer
    proofs: Proofs
    served_log: ServedLog
    keystore: Keystore
    sandbox: Sandbox
    index: SimilarityIndex
    codes: Codes
    scan: NearestScan
    multi_index: MultiIndex
    inverted_file: InvertedFile
    comparing: Comparing
    trust: TrustSettings
    spool: Path
    sweep_spool: Callable[[], None]
    """Removes the folder at `spool`, which is this process's alone."""
    policy: Policy | None
    """Which witnesses are asked, and how many of them are enough; None where none are."""
    attestation: Attestation

    def now(self) -> datetime:
        """The clock's time, to the second: records state no finer one."""
        return self.clock().astimezone(UTC).replace(microsecond=0)

    def close(self) -> None:
        """Stop in the order of the data: no new work, then the writer, then the store."""
        self.comparing.stop()
        self.sandbox.close()
        self.comparing.close()
        self.attestation.close()
        self.sequencer.close()
        self.keystore.close()
        self.store.close()
        self.sweep_spool()
