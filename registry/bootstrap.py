"""Opening a registry, with all that its operator names: keys, trust lists, witnesses, a time-stamping authority.

Where a log is to begin, its keys, its genesis entry and its first publisher are made.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from provenance import limits
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
from provenance.transparency.timestamp import TrustAnchor
from registry.attestation import DEVELOPMENT_STAMPS
from registry.attestation.attestation import Attestation
from registry.attestation.development_stamps import DevelopmentAuthority
from registry.attestation.timestamping import RemoteAuthority, Timestamping
from registry.database import Session, Store, entries, records
from registry.keys.api_keys import DEFAULT_PUBLISHER
from registry.keys.keystore import Keystore
from registry.keys.signer_uri import open_signer
from registry.log.proofs import Proofs
from registry.log.sequencer import Sequencer
from registry.log.served_log import ServedLog
from registry.registry import Clock, Registry, RegistryConfig
from registry.sandbox import Sandbox
from registry.search.codes import Codes
from registry.search.comparing import Comparing
from registry.search.index import SimilarityIndex
from registry.search.inverted_file import InvertedFile
from registry.search.multi_index import MultiIndex
from registry.search.scan import NearestScan
from registry.storage import files
from registry.storage.blobs import Blobs
from registry.storage.spool import own_folder
from registry.times import utc_now
from registry.usecases.comparison import compare
from registry.usecases.publishers import enrol_publisher

logger = logging.getLogger(__name__)

_START_SECONDS = 30.0
"""Seconds that one starting process waits for another to have made its keys, which takes about two."""


def open_registry(config: RegistryConfig, clock: Clock = utc_now, *, found: bool = False) -> Registry:
    """Open the data folder. Whatever was opened is closed again on failure.

    Args:
        config: what the operator decides. In development a new folder gets keys and a log by itself.
        clock: the time, with a zone.
        found: whether to make the keys and the genesis entry of a new log, where there is none.

    Raises:
        SettingsInvalid: there is no log, and none is to be founded.
        StoreLocked: another server has the folder.
        StoreCorrupt: the stored bytes contradict the log, or belong to another origin.
        StoreUnavailable: the folder cannot be read or written.
        UnusableKey: wrong passphrase, or damaged key files.
        CredentialSettingsInvalid: an unusable trust list, or signing a probe did not come out as it has to.
        CertificateUnusable: the claim certificate has expired or is outside the profile.
        SettingsInvalid: a witness policy, or the certificates of a time-stamping authority, that cannot be used.
    """
    with ExitStack() as opened:
        store = Store.open(config.folder, config.database_url)
        opened.callback(store.close)
        _check_begun(config, store, found=found or config.environment == "development")
        with _one_at_a_time(config.folder):
            keystore = open_keystore(config, clock)
            opened.callback(keystore.close)
            spooling = opened.enter_context(ExitStack())
            spool = spooling.enter_context(own_folder(config.spool or config.folder / "spool"))
        sandbox = Sandbox(config.workers, modules=("registry.sandbox.examination",))
        opened.callback(sandbox.close)
        blobs = Blobs.open(config.objects or config.folder / "objects")
        sequencer = open_log(config, store, blobs, keystore, clock)
        opened.callback(sequencer.close)
        policy = read_policy(config)
        timestamping = read_timestamping(config, keystore, clock)
        authorities = timestamping.anchors if timestamping else ()
        attestation = Attestation(store, sequencer, clock, policy=policy, timestamping=timestamping)
        opened.callback(attestation.close)
        codes = Codes()
        comparing = Comparing(store, clock, lambda index: compare(registry, index), threads=max(1, config.workers // 2))
        opened.callback(comparing.close)
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
            index=SimilarityIndex(),
            codes=codes,
            scan=NearestScan(codes),
            multi_index=MultiIndex(codes),
            inverted_file=InvertedFile(),
            comparing=comparing,
            trust=_trust(config, keystore),
            spool=spool,
            sweep_spool=spooling.close,
            policy=policy,
            attestation=attestation,
        )
        if sequencer.size == 1:  # also when the first start was cut off between the two entries
            with suppress(Conflict):  # another process that starts has done it
                enrol_publisher(registry, publisher=DEFAULT_PUBLISHER, name=config.operator, algorithm=Algorithm.ES256)
        _check_claim_signer(registry)
        opened.pop_all()
        return registry


def _check_claim_signer(registry: Registry) -> None:
    """Sign a probe, and warn where others would not believe the certificate."""
    claim_signer = registry.keystore.claim_signer()
    probe(registry.trust, claim_signer, now=registry.clock())
    if not is_widely_read(claim_signer.chain_pem):
        logger.warning(
            "signed copies read Invalid to others who use the C2PA library as it comes: the claim certificate is "
            "not for e-mail protection (1.3.6.1.5.5.7.3.4); have it issued for claim signing and e-mail protection"
        )


def _check_begun(config: RegistryConfig, store: Store, *, found: bool) -> None:
    """Keep a wrong folder or database from becoming a second log of the same name."""
    with store.read() as session:
        begun = entries.size(session) > 0
    keys = config.folder / "keys"
    if begun and not keys.is_dir():
        raise UnusableKey(f"the database holds a log, and {keys} is missing: restore the keys from a backup")
    if not begun and not found:
        raise SettingsInvalid(
            "the database holds no log. If the log is to begin here, run `python -m api log init`; if not, "
            "COUNTERMARK_FOLDER and COUNTERMARK_DATABASE_URL have to name where the log is"
        )


def open_keystore(config: RegistryConfig, clock: Clock = utc_now, folder: Path | None = None) -> Keystore:
    """The keys of the data folder, or of a copy of it, and those that are held elsewhere.

    Raises:
        UnusableKey, StoreUnavailable: as `Keystore.open`.
        SettingsInvalid, SignerUnavailable: a signer's URI, or what it names, cannot be used.
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
        elsewhere={role: open_signer(uri) for role, uri in config.signers.items()},
        claim_chain=chain,
    )


def open_log(config: RegistryConfig, store: Store, blobs: Blobs, keystore: Keystore, clock: Clock) -> Sequencer:
    """The log of a data folder; in a new one, with its genesis entry. Raises StoreCorrupt, StoreUnavailable."""
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
            records.read(session, first, LogGenesis, "the first entry of the log is no genesis record")
        keystore.settle_log_keys(sequencer.keys.current)  # also when a rotation was cut off behind its entry
    except BaseException:
        sequencer.close()
        raise
    return sequencer


def _append_genesis(config: RegistryConfig, sequencer: Sequencer, keystore: Keystore, clock: Clock) -> None:
    """Index 0 names the log and its keys."""
    genesis = LogGenesis(
        salt=secrets.token_bytes(limits.SALT_BYTES),
        claimed_at=clock().replace(microsecond=0),
        origin=config.origin,
        operator=config.operator,
        log_keys=tuple(map(str, keystore.log_keys(config.origin))),
        operator_keys=(keystore.operator.public_key,),
    )
    canonical = to_canonical(genesis)

    def first(session: Session) -> bytes | None:  # another process that starts may have come first
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
    """`c2pa-trust-list@2026-11-01.pem` is version 2026-11-01 of the list c2pa-trust-list."""
    try:
        pem = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialSettingsInvalid(f"the trust list {path.name} cannot be read: {error}") from error
    name, _, version = path.stem.partition("@")
    return TrustList(name=name, version=version or "unversioned", pem=pem, kind=kind)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other processes on this folder from making keys, and from sweeping the spool, at the same time."""
    try:
        with files.locked(folder / "starting", _START_SECONDS):
            yield
    except OSError as error:
        raise StoreUnavailable(f"the data folder {folder} cannot be used: {error}") from error


def read_policy(config: RegistryConfig) -> Policy | None:
    """The witness policy; None where there is none. Raises SettingsInvalid for one that can be neither read nor met."""
    if config.witness_policy is None:
        return None
    try:
        policy = Policy.parse(config.witness_policy.read_bytes())
    except (OSError, MalformedPolicy) as error:
        raise SettingsInvalid(f"the witness policy {config.witness_policy} cannot be used: {error}") from error
    for witness in policy.witnesses:
        if witness.url is not None and not witness.url.startswith(("http://", "https://")):
            raise SettingsInvalid(f"the witness policy gives {witness.name} the address {witness.url}, which is no URL")
    asked = [Cosigner(witness.key, 1) for witness in policy.witnesses if witness.url is not None]
    if not satisfied(policy, asked):
        raise SettingsInvalid("the quorum of the witness policy needs witnesses that it gives no address of")
    return policy


def read_timestamping(config: RegistryConfig, keystore: Keystore, clock: Clock) -> Timestamping | None:
    """The time-stamping authority and by what it is believed; None where there is none.

    Raises SettingsInvalid. Warns: DevelopmentTimestampWarning where the server stamps for itself.
    """
    if config.timestamp_url is None:
        return None
    if config.timestamp_url == DEVELOPMENT_STAMPS:
        anchor = TrustAnchor.from_pem("the development authority", keystore.development_authority.encode())
        authority = DevelopmentAuthority(keystore.development_stamper(), clock)
        return Timestamping(authority, (anchor,), config.timestamp_interval)
    if config.timestamp_anchors is None:
        raise SettingsInvalid("a time-stamping authority is named, and not by which certificates it is believed")
    path = config.timestamp_anchors
    try:
        anchor = TrustAnchor.from_pem(path.stem, path.read_bytes())
    except (OSError, UnusableKey) as error:
        raise SettingsInvalid(f"the certificates in {path} cannot be used: {error}") from error
    return Timestamping(RemoteAuthority(config.timestamp_url), (anchor,), config.timestamp_interval)
