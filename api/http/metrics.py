"""Metrics of the server, in Prometheus' text format.

Labels are route templates, methods and statuses: never an address, a digest or a name.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"


class Metrics:
    """The metrics of one application, in a registry of its own: nothing is global."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "countermark_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "countermark_request_seconds",
            "Seconds until a request was answered.",
            ("route",),
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self._registry,
        )
        self.working = Gauge(
            "countermark_working", "Registrations and verifications in progress.", registry=self._registry
        )
        self.connections = Gauge("countermark_connections", "Open connections.", registry=self._registry)
        self.refused = Counter(
            "countermark_connections_refused",
            "Connections and bodies refused: too many in total or of an address; a head too large; too slow.",
            ("reason",),
            registry=self._registry,
        )
        self.sandbox_layer = Gauge(
            "countermark_sandbox_layer", "Whether a layer of the sandbox holds.", ("layer",), registry=self._registry
        )
        self.log_size = Gauge("countermark_log_entries", "Entries of the published log.", registry=self._registry)
        self.searched = Gauge(
            "countermark_local_features_registrations",
            "Registrations that a search by local features goes over: all that have any, once the index is made.",
            registry=self._registry,
        )
        self.cosigned_size = Gauge(
            "countermark_log_cosigned_entries",
            "Entries of the largest tree that a quorum of witnesses has cosigned.",
            registry=self._registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one finished request. A status of 0 means that the client disconnected before the response."""
        known = method if method in {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} else "other"
        self.requests.labels(known, route, str(status or 499)).inc()
        self.seconds.labels(route).observe(seconds)

    def exposition(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self._registry)
