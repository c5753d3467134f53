"""What is counted about the notifications that a stage handles."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class StageMetrics:
    """How many notifications each stage has handled, with which verdict, and how long it took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = Counter(
            "dispatcher_notifications_total",
            "Notifications handled, by verdict.",
            ("stage", "verdict", "reason"),
            registry=registry,
        )
        self._seconds = Histogram(
            "dispatcher_handling_seconds",
            "Time from a notification's receipt from the queue to its verdict's settlement.",
            ("stage",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._children: dict[tuple[str, str, str], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def count(self, stage: str, verdict: str, reason: str, seconds: float) -> None:
        """Count one notification; `reason` is empty where there is none."""
        key = (stage, verdict, reason)
        # `labels()` takes a lock and builds a tuple of strings, for each notification.
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._handled.labels(*key)
            self._timers.setdefault(stage, self._seconds.labels(stage))
        child.inc()
        self._timers[stage].observe(seconds)
