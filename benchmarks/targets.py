"""The targets, and how each figure follows from the results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import accept
import dispatch
import growth
import latency
import scale
import slow
import start
import steady
from results import Results, read_results

KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Target:
    """One row. `figure` may be None: not measured. `most` or `least` is the limit."""

    section: str
    work: str
    unit: str
    figure: Callable[["Figures"], float | None]
    most: float | None = None
    least: float | None = None

    def is_met(self, value: float) -> bool:
        """Tell whether a figure keeps the limit."""
        return (self.most is None or value <= self.most) and (
            self.least is None or value >= self.least
        )

    @property
    def limit(self) -> str:
        """Say what the limit is."""
        return f"≤ {self.most:,g}" if self.most is not None else f"≥ {self.least:,g}"


class Figures:
    """The medians of all sections."""

    def __init__(self) -> None:
        self._sections: dict[str, Results] = {}

    def section(self, name: str) -> Results:
        """Return what a section measured."""
        return self._sections.setdefault(name, read_results(name))

    def get(self, section: str, competitor: str, *names: str) -> float | None:
        """Return the sum of some figures; None if one is missing."""
        found = [self.section(section).figure(competitor, name) for name in names]
        known = [each for each in found if each is not None]
        return sum(known) if len(known) == len(found) else None

    def most(self, section: str, competitor: str, prefix: str, *but: str) -> float | None:
        """Return the highest of the figures whose name begins so."""
        row = self.section(section).rows.get(competitor, {})
        names = [name for name in row if name.startswith(prefix) and name not in but]
        return max((self.get(section, competitor, name) or 0.0 for name in names), default=None)


def ratio(value: float | None, base: float | None) -> float | None:
    """Divide, where both are known."""
    return value / base if value is not None and base else None


_IN_ALL: Final = ("cpu worker", "cpu broker", "cpu user-service")


def _fastest_peer(f: Figures) -> float | None:
    rows = f.section("dispatch").rows
    peers = [name for name in rows if not name.startswith((dispatch.PRODUCT, "minimal"))]
    return max((f.get("dispatch", name, "rate") or 0.0 for name in peers), default=None)


def _idle_commands(f: Figures) -> float | None:
    with_it = f.get("latency", latency.IDLE, "commands/s")
    without = f.get("latency", latency.NO_DISPATCHER, "commands/s")
    return None if with_it is None or without is None else max(with_it - without, 0.0)


def _start(f: Figures) -> float | None:
    whole = f.get("start", start.PRODUCT, "seconds")
    redis = f.get("start", start.REDIS, "seconds")
    imports = f.get("start", start.IMPORTS, "seconds")
    return None if whole is None or redis is None else ratio(whole - redis, imports)


def _growth(f: Figures) -> float | None:
    names = [f"memory {name}" for name in ("gateway", "publisher", "dispatcher", "user-service")]
    after = [f.get("growth", f"after {minutes} min", *names) for minutes in (2, growth.MINUTES)]
    return ratio(after[1], after[0])


def _beside(section: str, ours: str, theirs: str, name: str) -> Callable[[Figures], float | None]:
    return lambda f: ratio(f.get(section, ours, name), f.get(section, theirs, name))


def _plain(section: str, competitor: str, name: str) -> Callable[[Figures], float | None]:
    return lambda f: f.get(section, competitor, name)


MINIMAL_WORKER: Final = "minimal worker"
TARGETS: Final = (
    Target(
        "accept",
        "accept: CPU of gateway, publisher and Redis",
        "times the minimal stack",
        _beside("accept", accept.PRODUCT, accept.MINIMAL, "cpu all"),
        most=1.0,
    ),
    Target(
        "accept",
        "accept: CPU of Redis",
        "ms per 1,000",
        _plain("accept", accept.PRODUCT, "cpu redis"),
        most=50,
    ),
    Target(
        "steady",
        "accept at 200 a second: p99",
        "times the minimal stack",
        _beside("steady", steady.ACCEPT_ONLY, steady.MINIMAL_ACCEPTS, "p99"),
        most=3,
    ),
    Target(
        "dispatch",
        "dispatch: CPU of the worker",
        "times FastStream streams",
        _beside("dispatch", dispatch.PRODUCT, "FastStream streams", "cpu worker"),
        most=0.35,
    ),
    Target(
        "dispatch",
        "dispatch: CPU of Redis",
        "times the minimal worker",
        _beside("dispatch", dispatch.PRODUCT, MINIMAL_WORKER, "cpu broker"),
        most=1.3,
    ),
    Target(
        "dispatch",
        "dispatch: rate of one dispatcher",
        "times the fastest job queue",
        lambda f: ratio(f.get("dispatch", dispatch.PRODUCT, "rate"), _fastest_peer(f)),
        least=3,
    ),
    Target(
        "dispatch",
        "dispatch: each user once, CPU of all",
        "times the same 500 users",
        lambda f: ratio(
            f.get("dispatch", dispatch.EACH_USER_ONCE, *_IN_ALL),
            f.get("dispatch", dispatch.PRODUCT, *_IN_ALL),
        ),
        most=1.3,
    ),
    Target(
        "rabbitmq",
        "RabbitMQ: CPU of the worker",
        "times FastStream rabbit",
        _beside("rabbitmq", dispatch.PRODUCT, "FastStream rabbit", "cpu worker"),
        most=2,
    ),
    Target(
        "rabbitmq",
        "RabbitMQ: scripts on Redis",
        "per notification",
        _plain("rabbitmq", dispatch.PRODUCT, "scripts"),
        most=3,
    ),
    Target(
        "steady",
        "whole path at 200 a second: CPU of all processes",
        "times the minimal stack's accepting",
        lambda f: ratio(
            f.get("steady", steady.WHOLE_PATH, "cpu all"),
            f.get("steady", steady.MINIMAL_ACCEPTS, "cpu all"),
        ),
        most=2,
    ),
    Target(
        "latency",
        "idle system: request to provider, p50",
        "ms",
        _plain("latency", latency.PRODUCT, "provider p50"),
        most=10,
    ),
    Target(
        "latency",
        "idle system: request to provider, p99",
        "ms",
        _plain("latency", latency.PRODUCT, "provider p99"),
        most=30,
    ),
    Target(
        "latency",
        "idle system: commands to Redis",
        "a second and dispatcher",
        _idle_commands,
        most=3,
    ),
    Target(
        "slow",
        "provider of 200 ms, `DISPATCHER_CONCURRENCY=1000`: in flight",
        "at once",
        _plain("slow", slow.AT_1000, "most in flight"),
        least=1000,
    ),
    Target(
        "slow",
        "provider of 200 ms: deferred because it was busy",
        "notifications",
        _plain("slow", slow.AT_1000, "deferred"),
        most=0,
    ),
    Target(
        "slow",
        "provider of 200 ms, `DISPATCHER_CONCURRENCY=1000`: rate",
        "times a fast provider's",
        _beside("slow", slow.AT_1000, slow.FAST, "rate"),
        least=0.8,
    ),
    Target(
        "scale",
        "large backlog: rate",
        "times a small backlog's",
        _beside("scale", scale.LARGE, scale.small(1), "rate"),
        least=0.85,
    ),
    Target(
        "scale",
        "two dispatchers: rate, where processors are free",
        "times one",
        _beside("scale", scale.small(2), scale.small(1), "rate"),
        least=1.7,
    ),
    Target(
        "scale",
        "eight dispatchers: CPU of all",
        "times one",
        lambda f: ratio(
            f.get("scale", scale.small(8), *_IN_ALL), f.get("scale", scale.small(1), *_IN_ALL)
        ),
        most=1.2,
    ),
    Target(
        "latency",
        "memory of the largest service, idle",
        "MB",
        lambda f: f.most("latency", latency.IDLE, "memory", "memory redis"),
        most=80,
    ),
    Target(
        "scale",
        "memory of the largest service, most while the large backlog drains",
        "MB",
        lambda f: f.most("scale", scale.EACH, "memory", "memory redis"),
        most=150,
    ),
    Target(
        "growth",
        "memory of the services after ten minutes of 200 a second",
        "times that after two",
        _growth,
        most=1.02,
    ),
    Target(
        "scale",
        "memory of a waiting notification in Redis",
        "bytes",
        _plain("scale", scale.EACH, "bytes waiting"),
        most=KEPT,
    ),
    Target(
        "scale",
        "memory of an ended notification in Redis",
        "bytes",
        _plain("scale", scale.EACH, "bytes ended"),
        most=410,
    ),
    Target(
        "start",
        "second start, without the time Redis takes to start",
        "times `import fastapi, redis`",
        _start,
        most=2.5,
    ),
)
