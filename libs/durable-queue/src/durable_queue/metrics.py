"""What workers and upkeep count, for Prometheus."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from durable_queue.port import LaneDepth, TickReport


class QueueMetrics:
    """The queue's metrics in one registry. Make one per registry; workers are told by label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = Counter(
            "queue_messages_handled",
            "Messages that a worker has settled, by outcome.",
            ["worker", "outcome"],
            registry=registry,
        )
        # `labels()` takes a lock and builds a tuple of strings, for each message.
        self._children: dict[tuple[str, str], Counter] = {}
        self._in_flight = Gauge(
            "queue_in_flight", "Messages that a worker is handling.", ["worker"], registry=registry
        )
        self._last_poll_age = Gauge(
            "queue_last_poll_age_seconds",
            "Time since the queue last answered a worker's request for messages.",
            ["worker"],
            registry=registry,
        )
        self._depth = Gauge(
            "queue_depth", "Messages of a lane by state.", ["lane", "state"], registry=registry
        )
        self._oldest = Gauge(
            "queue_oldest_waiting_seconds",
            "How long the first message of a lane has waited.",
            ["lane"],
            registry=registry,
        )
        self._promoted = _count("queue_promoted", "Delayed messages that became due.", registry)
        self._leases_expired = _count(
            "queue_leases_expired", "Messages whose worker went silent.", registry
        )
        self._reissued = _count(
            "queue_reissued", "Messages that were lost on their way to a worker.", registry
        )
        self._died = _count(
            "queue_died_silent", "Messages given up as poison or ambiguous.", registry
        )
        self._expired = _count("queue_expired", "Delayed messages that expired.", registry)
        self._mended = _count("queue_mended", "Index entries that the audit repaired.", registry)

    def watch(
        self, worker: str, *, in_flight: Callable[[], float], last_poll_age: Callable[[], float]
    ) -> None:
        """Read a worker's gauges whenever the registry is scraped."""
        self._in_flight.labels(worker).set_function(in_flight)
        self._last_poll_age.labels(worker).set_function(last_poll_age)

    def count_handled(self, worker: str, outcome: str) -> None:
        """Count one message that a worker is done with."""
        child = self._children.get((worker, outcome))
        if child is None:
            child = self._children[worker, outcome] = self._handled.labels(worker, outcome)
        child.inc()

    def count_tick(self, report: TickReport) -> None:
        """Count what one round of upkeep moved."""
        self._promoted.inc(report.promoted)
        self._leases_expired.inc(report.leases_expired)
        self._reissued.inc(report.reissued)
        self._died.inc(report.died)
        self._expired.inc(report.expired)

    def count_mended(self, mended: int) -> None:
        """Count what one audit put right."""
        self._mended.inc(mended)

    def show_depths(self, depths: Mapping[str, LaneDepth]) -> None:
        """Show how many messages each lane holds."""
        for lane, depth in depths.items():
            self._depth.labels(lane, "waiting").set(depth.waiting)
            self._depth.labels(lane, "leased").set(depth.leased)
            self._depth.labels(lane, "delayed").set(depth.delayed)
            self._oldest.labels(lane).set(depth.oldest_waiting.total_seconds())


def _count(name: str, documentation: str, registry: CollectorRegistry) -> Counter:
    return Counter(name, documentation, registry=registry)
