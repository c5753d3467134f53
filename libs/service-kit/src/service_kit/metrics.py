"""Metrics: one Prometheus registry per application, so that many may live in one process.

`main.build` makes one with `new_registry`, hands it to whatever counts (a worker, a client), and
to `build_app`, which serves it as `/metrics`.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import (
    CollectorRegistry,
    Metric,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

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


def exposition(registry: CollectorRegistry | Collector, accept: str) -> tuple[bytes, str]:
    """Render all metrics in the format that `accept` asks for; give body and content type."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class HttpMetrics(Collector):
    """Counts requests and their durations by route template, never by path.

    Plain numbers, which the event loop alone changes: the library's own counters take a lock for
    each of the three that a request changes.
    """

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self._service = service
        self._durations: dict[tuple[str, str], _Durations] = {}
        # By status as well: what a request changes is found by one look-up.
        self._counts: dict[tuple[str, str, int], _Count] = {}
        registry.register(self)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is a template such as `/users/{user_id}`."""
        count = self._counts.get((method, route, status)) or self._new(method, route, status)
        count.requests += 1
        durations = count.durations
        durations.sum += seconds
        durations.buckets[bisect_left(_BUCKETS, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """Give both metrics as they stand."""
        requests = CounterMetricFamily(
            "http_requests_total",
            "Requests answered.",
            labels=("service", "method", "route", "status"),
        )
        for (method, route, status), count in list(self._counts.items()):
            requests.add_metric((self._service, method, route, str(status)), count.requests)
        yield requests
        duration = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            labels=("service", "method", "route"),
        )
        for (method, route), each in list(self._durations.items()):
            bounds = (*map(floatToGoString, _BUCKETS), "+Inf")
            buckets = list(zip(bounds, accumulate(each.buckets), strict=True))
            duration.add_metric((self._service, method, route), buckets, each.sum)
        yield duration

    def _new(self, method: str, route: str, status: int) -> "_Count":
        durations = self._durations.setdefault((method, route), _Durations())
        count = self._counts[method, route, status] = _Count(durations)
        return count


class _Durations:
    """How long requests took: their sum, and how many in each bucket."""

    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        self.sum = 0.0
        self.buckets = [0] * (len(_BUCKETS) + 1)


class _Count:
    """How many requests had this answer, and where the durations of their route are."""

    __slots__ = ("durations", "requests")

    def __init__(self, durations: _Durations) -> None:
        self.requests = 0
        self.durations = durations
