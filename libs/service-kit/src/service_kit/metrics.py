"""Metrics: one Prometheus registry per application, so that many may live in one process.

`main.build` makes one with `new_registry`, hands it to whatever counts (a worker, a client), and
to `build_app`, which serves it as `/metrics`.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

# Seconds. From a hot route on an idle machine to the longest time-out of an upstream.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def new_registry() -> CollectorRegistry:
    """Make a registry that knows the process (CPU, memory, file descriptors) and the platform."""
    # A series of creation times beside each counter and histogram, which is not used.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library's own omission
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Render all metrics in the format that `accept` asks for; give body and content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class HttpMetrics:
    """Counts requests and their durations by route template, never by path."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self._service = service
        self._requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ("service", "method", "route", "status"),
            registry=registry,
        )
        self._duration = Histogram(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            ("service", "method", "route"),
            buckets=_BUCKETS,
            registry=registry,
        )
        # `labels()` takes a lock and builds a tuple of strings; a request needs neither twice.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is a template such as `/users/{user_id}`."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(self._service, method, route, str(status)),
                self._duration.labels(self._service, method, route),
            )
        children[0].inc()
        children[1].observe(seconds)
