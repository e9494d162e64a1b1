"""The registry: the open parts that the use cases work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from provenance.credentials.trust import TrustSettings
from provenance.transparency.policy import Policy
from registry.answer_cache import AnswerCache
from registry.attestation.attestation import Attestation
from registry.database import Store
from registry.keys.keystore import Keystore, Role
from registry.log.proofs import Proofs
from registry.log.sequencer import Sequencer
from registry.log.served_log import ServedLog
from registry.sandbox import Layer, Sandbox
from registry.search.codes import Codes
from registry.search.comparison_queue import ComparisonQueue
from registry.search.inverted_file import InvertedFile
from registry.search.multi_index import MultiIndex
from registry.search.scan import NearestScan
from registry.stages import Stages
from registry.storage.blobs import Blobs

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class RegistryConfig:
    """The operator's settings. `public_url`: the address in manifests, to which readers are sent."""

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
    """URL of a PostgreSQL database, for any number of processes; by default SQLite in the folder, for one process."""
    objects: Path | str | None = None
    """Where tiles and blobs are stored, a folder or "s3://BUCKET/PREFIX"; by default in the data folder."""
    high_water: Path | str | None = None
    """Where the last signed checkpoint is kept, a file or "s3://BUCKET/NAME"; best apart from the store, so that a
    restored backup is noticed."""
    spool: Path | None = None
    """The folder that uploads are received in, by default one in the data folder."""
    witness_policy: Path | None = None
    """A C2SP tlog-policy file: the witnesses that are asked for cosignatures, and the quorum."""
    timestamp_url: str | None = None
    """URL of an RFC 3161 authority that stamps checkpoints; `DEVELOPMENT_STAMPS` for the server's own (development)."""
    timestamp_anchors: Path | None = None
    """PEM: the certificates of that authority, its root among them."""
    timestamp_interval: float = 60.0
    """The least seconds between two tokens."""
    claim_timestamp_url: str | None = None
    """URL of an RFC 3161 authority that stamps C2PA claims when they are signed."""
    signers: Mapping[Role, str] = field(default_factory=dict, repr=False)
    """URIs of external signers (`registry.keys.signer_uri`)."""
    claim_chain: Path | None = None
    """A PEM file with the certificates of the claim key, where an external signer holds that key."""
    sandbox_without: frozenset[Layer] = frozenset()
    """Layers of the sandbox that production may do without; development does without any."""
    ml_dsa: bool = True
    """Whether a new log, or one whose key is rotated, gets an ML-DSA-44 key beside its Ed25519 key."""


@dataclass(frozen=True, eq=False)
class Registry:
    """The open parts of a registry, once per process; made by `bootstrap.open_registry`."""

    config: RegistryConfig
    clock: Clock
    store: Store
    blobs: Blobs
    sequencer: Sequencer
    proofs: Proofs
    served_log: ServedLog
    keystore: Keystore
    sandbox: Sandbox
    codes: Codes
    scan: NearestScan
    multi_index: MultiIndex
    phashes: MultiIndex
    inverted_file: InvertedFile
    comparisons: ComparisonQueue
    answers: AnswerCache
    trust: TrustSettings
    spool: Path
    sweep_spool: Callable[[], None]
    """Removes the folder at `spool`, which no other process uses."""
    policy: Policy | None
    """The witnesses and the quorum; None if none are configured."""
    attestation: Attestation
    stages: Stages

    def now(self) -> datetime:
        """The clock's time, to the second, as records state it."""
        return self.clock().astimezone(UTC).replace(microsecond=0)

    @property
    def indices(self) -> tuple[InvertedFile | MultiIndex, ...]:
        """The indices that keep files, which a server starts."""
        return self.inverted_file, self.multi_index, self.phashes

    def close(self) -> None:
        """Stop in the order of the data: no new work, then the writer, then the store."""
        for index in self.indices:
            index.close()
        self.comparisons.stop()
        self.sandbox.close()
        self.comparisons.close()
        self.attestation.close()
        self.sequencer.close()
        self.keystore.close()
        self.store.close()
        self.sweep_spool()
