"""What several processes have counted, as if one had.

Counters and histograms are added up. Of gauges the largest counts: most say something about what
all processes share, such as a queue. Of the process itself, memory and open files are added up.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

Sample = tuple[str, dict[str, str], float]
Family = tuple[str, str, str, list[Sample]]
"""A metric's name, documentation and type, and its samples."""

Snapshot = list[Family]

_COUNTS: Final = frozenset({"counter", "histogram"})
_ADDED_GAUGES: Final = frozenset(
    {"process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds"}
)


def snapshot_of(registry: CollectorRegistry) -> Snapshot:
    """Return the present values of a registry."""
    return [
        (
            metric.name,
            metric.documentation,
            metric.type,
            [(each.name, each.labels, each.value) for each in metric.samples],
        )
        for metric in registry.collect()
    ]


def counts_of(snapshot: Snapshot) -> Snapshot:
    """Return what only ever grows."""
    return [family for family in snapshot if family[2] in _COUNTS]


def merged(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return the values of all."""
    families: dict[str, tuple[str, str, dict[tuple[str, ...], Sample]]] = {}
    for snapshot in snapshots:
        for name, documentation, kind, samples in snapshot:
            _, _, found = families.setdefault(name, (documentation, kind, {}))
            is_added = kind in _COUNTS or name in _ADDED_GAUGES
            for sample, labels, value in samples:
                place = (sample, *(text for pair in sorted(labels.items()) for text in pair))
                before = found.get(place, (sample, labels, value * (not is_added)))[2]
                found[place] = (sample, labels, before + value if is_added else max(before, value))
    return [
        (name, documentation, kind, list(samples.values()))
        for name, (documentation, kind, samples) in families.items()
    ]


class SummedMetrics(Collector):
    """A snapshot, in the form in which metrics are rendered."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """Give the metrics."""
        for name, documentation, kind, samples in self._snapshot:
            metric = Metric(name, documentation, kind)
            for sample, labels, value in samples:
                metric.add_sample(sample, labels, value)
            yield metric
