"""How to audit."""

import os
from dataclasses import dataclass, field
from typing import Any, Literal

from countermark.audit.items import can_decode
from countermark.audit.policy import AuditPolicy
from countermark.audit.sources import Sources

Send = Literal["never", "unsettled", "all"]


@dataclass(frozen=True)
class Options:
    """How to audit.

    Attributes:
        url: of the service.
        send: which pictures may be sent: those that digests do not settle, all, or none.
        jobs: worker processes.
        in_flight: requests at a time.
        policy: whom the auditor trusts.
        pictures: decode here, for digests of pixels and fingerprints.
        private: fetch addresses of private networks too.
        receipts: fetch and check them.
        full: keep whole reports.
        cluster: address of a Dask scheduler, in place of worker processes.
        restart: forget an earlier run in the folder.
        api_key: sent with each request; not needed.
    """

    url: str
    send: Send = "never"
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    in_flight: int = 4
    policy: AuditPolicy = field(default_factory=AuditPolicy)
    pictures: bool = field(default_factory=can_decode)
    private: bool = False
    receipts: bool = True
    full: bool = False
    cluster: str | None = None
    restart: bool = False
    api_key: str | None = None

    def purpose(self, sources: Sources) -> dict[str, Any]:
        """What makes a further run the same audit."""
        counts = self.policy.counts
        return {
            "url": self.url,
            "send": self.send,
            "pictures": self.pictures,
            "sources": sources.described(),
            "publishers": sorted(counts.publishers),
            "trust_lists": sorted(counts.trust_lists),
        }
