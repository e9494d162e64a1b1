"""Metrics of the server, in Prometheus' text format.

Labels are route templates, methods and statuses: never an address, a digest or a name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from registry.registry import Registry
from registry.usecases.condition import condition

_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
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
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.working = Gauge(
            "countermark_working", "Pictures in hand, and other work that writes.", registry=self._registry
        )
        self.connections = Gauge("countermark_connections", "Open connections.", registry=self._registry)
        self.refused = Counter(
            "countermark_connections_refused",
            "Connections and bodies refused: too many in total or of an address; a head too large; too slow.",
            ("reason",),
            registry=self._registry,
        )
        self.work_refused = Counter(
            "countermark_work_refused",
            "Requests refused because of other work: too many pictures of a party, or in all; too long a wait.",
            ("reason",),
            registry=self._registry,
        )
        self.problems = Counter(
            "countermark_problems",
            "Requests answered with a problem, by its kind.",
            ("problem",),
            registry=self._registry,
        )
        self.stages = Histogram(
            "countermark_stage_seconds",
            "Seconds that each stage of a request took.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def watch(self, registry: Registry) -> None:
        """Tell of a registry's condition, and of its stages, from now on."""
        registry.stages.watch(lambda stage, seconds: self.stages.labels(stage).observe(seconds))
        self._registry.register(_ConditionCollector(registry))

    def observe(self, method: str, route: str, status: int, seconds: float, problem: str | None) -> None:
        """Counts one finished request. A status of 0 means that the client disconnected before the response.

        `problem`: the slug of the problem that it was answered with.
        """
        if problem is not None:
            self.problems.labels(problem).inc()
        known = method if method in {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} else "other"
        self.requests.labels(known, route, str(status or 499)).inc()
        self.seconds.labels(route).observe(seconds)

    def exposition(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self._registry)


class _ConditionCollector(Collector):
    """The condition of a registry at the moment at which it is asked for."""

    def __init__(self, registry: Registry) -> None:
        self._of = registry

    def collect(self) -> Iterator[Metric]:
        """Raises as `condition`."""
        now = condition(self._of)
        yield _gauge("log_entries", "Entries of the published log.", now.entries)
        if now.checkpoint_age is not None:
            age = now.checkpoint_age.total_seconds()
            yield _gauge("log_checkpoint_age_seconds", "Seconds since the newest checkpoint was signed.", age)
        cosigned = now.cosigned_entries or 0
        yield _gauge(
            "log_cosigned_entries", "Entries of the largest tree that a quorum of witnesses has cosigned.", cosigned
        )
        if now.witness_lag is not None:
            text = "Seconds since the oldest checkpoint was signed that waits for a quorum; 0 if none waits."
            yield _gauge("log_witness_lag_seconds", text, now.witness_lag.total_seconds())
        yield _gauge("registrations", "Public registrations.", now.registrations)
        indexed = [((name,), size) for name, size in now.indexed.items()]
        yield _labelled("index_registrations", "Registrations that a search goes over.", "index", indexed)
        yield _gauge("sandbox_waiting", "Jobs that wait for a worker.", now.waiting)
        yield _gauge("sandbox_workers", "Workers that can take a job.", now.workers)
        lost = CounterMetricFamily("countermark_sandbox_workers_lost", "Workers lost, by reason.", labels=["reason"])
        for reason, number in now.lost_workers.items():
            lost.add_metric([reason], number)
        yield lost
        held = self._of.sandbox.confinement
        layers = [] if held is None else [((name,), held) for name, held in asdict(held).items() if held is not None]
        yield _labelled("sandbox_layer", "Whether a layer of the sandbox holds.", "layer", layers)
        soonest = {each.kind: each.ends_at.timestamp() for each in reversed(now.endings)}
        ends = [((kind,), moment) for kind, moment in soonest.items()]
        yield _labelled("ends_timestamp_seconds", "When the first certificate or key of a kind ends.", "what", ends)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"countermark_{name}", text, value)


def _labelled(name: str, text: str, label: str, values: Iterable[tuple[tuple[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"countermark_{name}", text, labels=[label])
    for labels, value in values:
        family.add_metric(labels, value)
    return family
