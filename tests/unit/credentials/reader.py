"""Reading credentials as of now."""

from datetime import UTC, datetime

from provenance.credentials import CredentialReport, TrustSettings
from provenance.credentials import read_credentials as read


def read_credentials(
    data: bytes,
    media_type: str,
    trust: TrustSettings,
    *,
    now: datetime | None = None,
    sidecar: bytes | None = None,
) -> CredentialReport:
    return read(data, media_type, trust, now=now or datetime.now(UTC), sidecar=sidecar)
