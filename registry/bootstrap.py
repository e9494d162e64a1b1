"""Opening a registry: keys, trust lists, witnesses and a time-stamping authority, as its configuration names them.

A new log gets its keys, its genesis entry and its first publisher.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from provenance.credentials.certificates import is_widely_read
from provenance.credentials.probe import probe
from provenance.credentials.trust import ListKind, TrustList, TrustSettings
from provenance.errors import (
    CertificateUnusable,
    Conflict,
    CredentialSettingsInvalid,
    MalformedPolicy,
    SettingsInvalid,
    StoreUnavailable,
    UnusableKey,
)
from provenance.statement.keys import Algorithm
from provenance.statement.record import LogGenesis, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import Cosigner, SignedCheckpoint
from provenance.transparency.policy import Policy, satisfied
from provenance.transparency.timestamp import TimestampAuthority
from registry.answer_cache import AnswerCache
from registry.attestation import DEVELOPMENT_STAMPS
from registry.attestation.attestation import Attestation
from registry.attestation.development_stamps import DevelopmentAuthority
from registry.attestation.timestamping import RemoteAuthority, TimestampSettings
from registry.database import Session, Store, entries, records
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.keys.keystore import Keystore
from registry.keys.signer_uri import open_signer
from registry.log.proofs import Proofs
from registry.log.sequencer import Sequencer
from registry.log.served_log import ServedLog
from registry.registry import Clock, Registry, RegistryConfig
from registry.sandbox import LAYERS, Sandbox
from registry.search.codes import PDQ, PHASH, Codes
from registry.search.comparison_queue import ComparisonQueue
from registry.search.hash_file import HashFiles
from registry.search.inverted_file import InvertedFile
from registry.search.multi_index import MultiIndex
from registry.search.scan import NearestScan
from registry.stages import Stages
from registry.storage import files
from registry.storage.blobs import Blobs
from registry.storage.spool import own_folder
from registry.times import utc_now
from registry.usecases.append import new_salt
from registry.usecases.comparison import compare
from registry.usecases.publishers import enrol_publisher

logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
"""Seconds that a starting process waits for another to make its keys, which takes about two."""


def open_registry(config: RegistryConfig, clock: Clock = utc_now, *, create: bool = False) -> Registry:
    """Open the data folder; closes everything again on failure.

    Args:
        config: the operator's settings. In development a new folder gets keys and a log by itself.
        clock: the time, with a zone.
        create: whether to make the keys and the genesis entry of a new log, if there is none.

    Raises:
        SettingsInvalid: there is no log, and `create` is False.
        StoreLocked: another server has the folder open.
        StoreCorrupt: the stored bytes contradict the log, or belong to another origin.
        StoreUnavailable: the folder cannot be read or written.
        UnusableKey: wrong passphrase, or damaged key files.
        CredentialSettingsInvalid: an unusable trust list, or a signed probe that does not read as it should.
        CertificateUnusable: the claim certificate has expired or is outside the profile.
        SettingsInvalid: in production, a required layer of the sandbox is missing.
        SettingsInvalid: a witness policy, or the certificates of a time-stamping authority, that cannot be used.
    """
    with ExitStack() as opened:
        store = Store.open(config.folder, config.database_url)
        opened.callback(store.close)
        _require_log(config, store, create=create or config.environment == "development")
        with _one_at_a_time(config.folder):
            keystore = open_keystore(config, clock)
            opened.callback(keystore.close)
            spooling = opened.enter_context(ExitStack())
            spool = spooling.enter_context(own_folder(config.spool or config.folder / "spool"))
        required = () if config.environment == "development" else set(LAYERS) - config.sandbox_without
        stages = Stages()
        sandbox = Sandbox(
            config.workers, modules=("registry.sandbox.examination",), required=required, observe=stages.took
        )
        opened.callback(sandbox.close)
        blobs = Blobs.open(config.objects or config.folder / "objects")
        sequencer = open_log(config, store, blobs, keystore, clock)
        opened.callback(sequencer.close)
        policy = read_policy(config)
        timestamping = read_timestamp_settings(config, keystore, clock)
        authorities = timestamping.anchors if timestamping else ()
        attestation = Attestation(store, sequencer, clock, policy=policy, timestamping=timestamping)
        opened.callback(attestation.close)
        hashes = config.folder / "hashes"
        codes = Codes(PDQ, HashFiles(hashes / PDQ.column))
        inverted_file = InvertedFile(config.folder / "features")
        opened.callback(inverted_file.close)
        comparisons = ComparisonQueue(
            store, clock, lambda *asked: compare(registry, *asked), threads=max(1, config.workers // 2)
        )
        opened.callback(comparisons.close)
        registry = Registry(
            config=config,
            clock=clock,
            store=store,
            blobs=blobs,
            sequencer=sequencer,
            proofs=Proofs(store, blobs.objects, sequencer, policy=policy, authorities=authorities),
            served_log=ServedLog(sequencer.tiles, lambda: SignedCheckpoint.parse(sequencer.checkpoint()).checkpoint),
            keystore=keystore,
            sandbox=sandbox,
            codes=codes,
            scan=NearestScan(codes),
            multi_index=MultiIndex(codes),
            phashes=MultiIndex(Codes(PHASH, HashFiles(hashes / PHASH.column))),
            inverted_file=inverted_file,
            comparisons=comparisons,
            answers=AnswerCache(),
            trust=_trust(config, keystore),
            spool=spool,
            sweep_spool=spooling.close,
            policy=policy,
            attestation=attestation,
            stages=stages,
        )
        if sequencer.size == 1:  # also when the first start was interrupted between the two entries
            with suppress(Conflict):  # another starting process has enrolled it
                enrol_publisher(registry, publisher=DEFAULT_PUBLISHER, name=config.operator, algorithm=Algorithm.ES256)
        _check_claim_signer(registry)
        sandbox.check_confinement()
        opened.pop_all()
        return registry


def _check_claim_signer(registry: Registry) -> None:
    """Sign a probe, and warn if other readers would reject the certificate."""
    claim_signer = registry.keystore.claim_signer()
    probe(registry.trust, claim_signer, now=registry.clock())
    if not is_widely_read(claim_signer.chain_pem):
        logger.warning(
            "readers with the default settings of the C2PA library report signed copies as Invalid: the certificate is "
            "not for e-mail protection (1.3.6.1.5.5.7.3.4); have it issued for claim signing and e-mail protection"
        )


def _require_log(config: RegistryConfig, store: Store, *, create: bool) -> None:
    """Refuse a wrong folder or database, which would become a second log of the same name."""
    with store.read() as session:
        begun = entries.size(session) > 0
    keys = config.folder / "keys"
    if begun and not keys.is_dir():
        raise UnusableKey(f"the database holds a log, but {keys} is missing: restore the keys from a backup")
    if not begun and not create:
        raise SettingsInvalid(
            "the database holds no log. To begin a log here, run `python -m api log init`. If it exists already, set "
            "COUNTERMARK_FOLDER and COUNTERMARK_DATABASE_URL to its place"
        )


def open_keystore(config: RegistryConfig, clock: Clock = utc_now, folder: Path | None = None) -> Keystore:
    """The keys of the data folder, or of a copy of it, and those of external signers.

    Raises:
        UnusableKey, StoreUnavailable: as `Keystore.open`.
        SettingsInvalid, SignerUnavailable: a signer's URI, or the signer that it names, cannot be used.
        CertificateUnusable: the file of certificates cannot be read.
    """
    chain = None
    if config.claim_chain is not None:
        try:
            chain = config.claim_chain.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateUnusable(f"{config.claim_chain} cannot be read as PEM") from error
    return Keystore.open(
        folder or config.folder,
        config.passphrase,
        clock,
        name=config.operator[:64],
        ml_dsa=config.ml_dsa,
        external_signers={role: open_signer(uri) for role, uri in config.signers.items()},
        claim_chain=chain,
    )


def open_log(config: RegistryConfig, store: Store, blobs: Blobs, keystore: Keystore, clock: Clock) -> Sequencer:
    """The log of a data folder; a new log gets its genesis entry. Raises StoreCorrupt, StoreUnavailable."""
    sequencer = Sequencer(
        store,
        blobs.objects,
        keystore.log,
        config.origin,
        clock,
        high_water=config.high_water,
        other_keys=keystore.log_signer,
    )
    try:
        if sequencer.size == 0:
            _append_genesis(config, sequencer, keystore, clock)
        with store.read() as session:
            first = entries.get(session, 0).record_id
            records.read(session, first, LogGenesis, "the first entry of the log is not a genesis record")
        keystore.promote_log_keys(sequencer.keys.current)  # also when a rotation was interrupted after its entry
    except BaseException:
        sequencer.close()
        raise
    return sequencer


def _append_genesis(config: RegistryConfig, sequencer: Sequencer, keystore: Keystore, clock: Clock) -> None:
    """Append the genesis entry, which names the log and its keys, at index 0."""
    genesis = LogGenesis(
        salt=new_salt(),
        claimed_at=clock().replace(microsecond=0),
        origin=config.origin,
        operator=config.operator,
        log_keys=tuple(map(str, keystore.log_keys(config.origin))),
        operator_keys=(keystore.operator.public_key,),
    )
    canonical = to_canonical(genesis)

    def first(session: Session) -> bytes | None:  # another starting process may have been first
        return entries.get(session, 0).record_id if entries.size(session) else None

    sequencer.append(sign_statement(canonical, keystore.operator), canonical, find_duplicate=first).result()


def _trust(config: RegistryConfig, keystore: Keystore) -> TrustSettings:
    lists = []
    if config.trust_lists is not None:
        lists += [_trust_list(path, "manifest") for path in sorted(config.trust_lists.glob("*.pem"))]
        lists += [_trust_list(path, "tsa") for path in sorted(config.trust_lists.glob("tsa/*.pem"))]
    if config.environment == "development":
        lists.append(
            TrustList(
                name="development authority of this server (trusted by nobody else)",
                version="1",
                pem=keystore.development_authority,
                kind="manifest",
            )
        )
    for trust_list in lists:
        if trust_list.empty:
            logger.warning("the trust list %s holds no certificate: it matches nothing", trust_list.title)
    return TrustSettings(tuple(lists))


def _trust_list(path: Path, kind: ListKind) -> TrustList:
    """Read a trust list: `c2pa-trust-list@2026-11-01.pem` is version 2026-11-01 of c2pa-trust-list."""
    try:
        pem = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialSettingsInvalid(f"the trust list {path.name} cannot be read: {error}") from error
    name, _, version = path.stem.partition("@")
    return TrustList(name=name, version=version or "unversioned", pem=pem, kind=kind)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a lock, so that processes on this folder make keys and sweep the spool one at a time."""
    try:
        with files.locked(folder / "starting", _START_SECONDS):
            yield
    except OSError as error:
        raise StoreUnavailable(f"the data folder {folder} cannot be used: {error}") from error


def read_policy(config: RegistryConfig) -> Policy | None:
    """The witness policy; None if none is configured. Raises SettingsInvalid for one that cannot be read or met."""
    if config.witness_policy is None:
        return None
    try:
        policy = Policy.parse(config.witness_policy.read_bytes())
    except (OSError, MalformedPolicy) as error:
        raise SettingsInvalid(f"the witness policy {config.witness_policy} cannot be used: {error}") from error
    for witness in policy.witnesses:
        if witness.url is not None and not witness.url.startswith(("http://", "https://")):
            raise SettingsInvalid(
                f"the witness policy gives {witness.name} the address {witness.url}, which is not a URL"
            )
    asked = [Cosigner(witness.key, 1) for witness in policy.witnesses if witness.url is not None]
    if not satisfied(policy, asked):
        raise SettingsInvalid("the quorum of the witness policy needs witnesses that it gives no URL for")
    return policy


def read_timestamp_settings(config: RegistryConfig, keystore: Keystore, clock: Clock) -> TimestampSettings | None:
    """The time-stamping authority and its trust anchors; None if none is configured.

    Raises SettingsInvalid. Warns: DevelopmentTimestampWarning if the server stamps its own checkpoints.
    """
    if config.timestamp_url is None:
        return None
    if config.timestamp_url == DEVELOPMENT_STAMPS:
        anchor = TimestampAuthority.from_pem("the development authority", keystore.development_authority.encode())
        authority = DevelopmentAuthority(keystore.development_stamper(), clock)
        return TimestampSettings(authority, (anchor,), config.timestamp_interval)
    if config.timestamp_anchors is None:
        raise SettingsInvalid(
            "a time-stamping authority is configured without its certificates: set COUNTERMARK_TIMESTAMP_ANCHORS"
        )
    path = config.timestamp_anchors
    try:
        anchor = TimestampAuthority.from_pem(path.stem, path.read_bytes())
    except (OSError, UnusableKey) as error:
        raise SettingsInvalid(f"the certificates in {path} cannot be used: {error}") from error
    return TimestampSettings(RemoteAuthority(config.timestamp_url), (anchor,), config.timestamp_interval)
