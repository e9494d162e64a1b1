"""Attesters: the witnesses and the time-stamping authority that an operator names."""

from provenance.errors import MalformedPolicy, SettingsInvalid, UnusableKey
from provenance.transparency.checkpoint import Cosigner
from provenance.transparency.policy import Policy, satisfied
from provenance.transparency.timestamp import TrustAnchor
from registry.attesting import DEVELOPMENT_STAMPS
from registry.attesting.development_stamps import DevelopmentAuthority
from registry.attesting.timestamping import RemoteAuthority, Timestamping
from registry.keys.keystore import Keystore
from registry.registry import Clock, RegistryConfig


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
