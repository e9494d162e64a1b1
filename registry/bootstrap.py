"""Opening a registry; on the first start, making its keys, its genesis entry and its first publisher."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from provenance import limits
from provenance.credentials.probe import probe
from provenance.credentials.trust import ListKind, TrustList, TrustSettings
from provenance.errors import (
    Conflict,
    CredentialSettingsInvalid,
    MalformedPolicy,
    SettingsInvalid,
    StoreCorrupt,
    StoreUnavailable,
    UnusableKey,
)
from provenance.statement.keys import Algorithm
from provenance.statement.record import LogGenesis, parse_record, to_canonical
from provenance.statement.statement import sign_statement
from provenance.transparency.checkpoint import Cosigner, SignedCheckpoint
from provenance.transparency.policy import Policy, satisfied
from provenance.transparency.timestamp import TrustAnchor
from registry import files
from registry.attestation import Attestation
from registry.blobs import Blobs
from registry.development_stamps import DEVELOPMENT_STAMPS, DevelopmentAuthority
from registry.enrolment import enrol_publisher
from registry.index import SimilarityIndex
from registry.proofs import Proofs
from registry.registry import Clock, Registry, RegistryConfig, utc_now
from registry.sandbox import Sandbox
from registry.scan import NearestScan
from registry.sequencer import Sequencer
from registry.served_log import ServedLog
from registry.signers import Keystore
from registry.spool import own_folder
from registry.store import Session, Store, entries
from registry.timestamping import RemoteAuthority, Timestamping

DEFAULT_PUBLISHER = "newsroom"
"""Id of the publisher that a first start enrols under the operator's name, so that one can register at once."""

_START_SECONDS = 30.0
"""Seconds that one starting process waits for another to have made its keys, which takes about two."""


def open_registry(config: RegistryConfig, clock: Clock = utc_now) -> Registry:
    """Open the data folder, making what a first start needs. Whatever was opened is closed again on failure.

    Raises:
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
        with _one_at_a_time(config.folder):
            keystore = Keystore.open(config.folder, config.passphrase, clock, name=config.operator[:64])
            spooling = opened.enter_context(ExitStack())
            spool = spooling.enter_context(own_folder(config.spool or config.folder / "spool"))
        sandbox = Sandbox(config.workers, modules=("registry.examination",))
        opened.callback(sandbox.close)
        blobs = Blobs.open(config.objects or config.folder / "objects")
        sequencer = Sequencer(store, blobs.objects, keystore.log, config.origin, clock, high_water=config.high_water)
        opened.callback(sequencer.close)
        policy = _policy(config)
        timestamping = _timestamping(config, keystore, clock)
        authorities = timestamping.anchors if timestamping else ()
        attestation = Attestation(store, sequencer, clock, policy=policy, timestamping=timestamping)
        opened.callback(attestation.close)
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
            scan=NearestScan(),
            trust=_trust(config, keystore),
            spool=spool,
            sweep_spool=spooling.close,
            policy=policy,
            attestation=attestation,
        )
        if sequencer.size == 0:
            _append_genesis(registry)
        _check_genesis(registry)
        if sequencer.size == 1:  # also when the first start was cut off between the two entries
            with suppress(Conflict):  # another process that starts has done it
                enrol_publisher(registry, publisher=DEFAULT_PUBLISHER, name=config.operator, algorithm=Algorithm.ES256)
        probe(registry.trust, keystore.claim_signer())
        opened.pop_all()
        return registry


def _append_genesis(registry: Registry) -> None:
    """Index 0 names the log and its keys."""
    operator = registry.keystore.operator
    genesis = LogGenesis(
        salt=secrets.token_bytes(limits.SALT_BYTES),
        claimed_at=registry.now(),
        origin=registry.config.origin,
        operator=registry.config.operator,
        log_keys=(str(registry.sequencer.key),),
        operator_keys=(operator.public_key,),
    )
    canonical = to_canonical(genesis)

    def first(session: Session) -> bytes | None:  # another process that starts may have come first
        return entries.get(session, 0).record_id if entries.size(session) else None

    registry.sequencer.append(sign_statement(canonical, operator), canonical, existing=first).result()


def _check_genesis(registry: Registry) -> None:
    with registry.store.read() as session:
        genesis = parse_record(entries.record(session, entries.get(session, 0).record_id).canonical)
    if not isinstance(genesis, LogGenesis):
        raise StoreCorrupt("the first entry of the log is no genesis record")
    if genesis.origin != registry.config.origin:
        raise StoreCorrupt(
            f"this data folder holds the log {genesis.origin!r}, and the settings name {registry.config.origin!r}: "
            "set COUNTERMARK_ORIGIN to the former, or use another folder"
        )
    if str(registry.sequencer.key) not in genesis.log_keys:
        raise StoreCorrupt("the log key in the keys folder is not the one that the genesis record names")


def _policy(config: RegistryConfig) -> Policy | None:
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


def _timestamping(config: RegistryConfig, keystore: Keystore, clock: Clock) -> Timestamping | None:
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
