"""What is aimed at, and how each figure follows from the results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import accept
import dispatch
import growth
import latency
import scale
import start
import steady
from results import Results, read_results

KEPT: Final = 1024


@dataclass(frozen=True, slots=True)
class Target:
    """One row: `figure` may be None, where it was not measured. `most` or `least` is the limit."""

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
    def aim(self) -> str:
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


SKELETON: Final = "lean skeleton"
_IN_ALL: Final = ("cpu worker", "cpu broker", "cpu user-service")


def _fastest_peer(f: Figures) -> float | None:
    rows = f.section("dispatch").rows
    peers = [name for name in rows if not name.startswith((dispatch.PRODUCT, "hand"))]
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


LIMIT: Final = "hand-written limit"
_AT_1000: Final = "DISPATCHER_CONCURRENCY=1000"
TARGETS: Final = (
    Target(
        "accept: CPU of gateway, publisher and Redis",
        "times the skeleton",
        _beside("accept", accept.PRODUCT, SKELETON, "cpu all"),
        most=1.0,
    ),
    Target(
        "accept: CPU of Redis",
        "ms per 1,000",
        _plain("accept", accept.PRODUCT, "cpu redis"),
        most=50,
    ),
    Target(
        "accept at 200 a second: p99",
        "times the skeleton",
        _beside("steady", steady.ACCEPT_ONLY, steady.SKELETON_ACCEPTS, "p99"),
        most=3,
    ),
    Target(
        "dispatch: CPU of the worker",
        "times FastStream streams",
        _beside("dispatch", dispatch.PRODUCT, "FastStream streams", "cpu worker"),
        most=0.35,
    ),
    Target(
        "dispatch: CPU of Redis",
        "times the limit",
        _beside("dispatch", dispatch.PRODUCT, LIMIT, "cpu broker"),
        most=1.3,
    ),
    Target(
        "dispatch: rate of one dispatcher",
        "times the fastest job queue",
        lambda f: ratio(f.get("dispatch", dispatch.PRODUCT, "rate"), _fastest_peer(f)),
        least=3,
    ),
    Target(
        "dispatch: each user once, CPU of all",
        "times the same 500 users",
        lambda f: ratio(
            f.get("dispatch", dispatch.EACH_USER_ONCE, *_IN_ALL),
            f.get("dispatch", dispatch.PRODUCT, *_IN_ALL),
        ),
        most=1.3,
    ),
    Target(
        "RabbitMQ: CPU of the worker",
        "times FastStream rabbit",
        _beside("rabbitmq", dispatch.PRODUCT, "FastStream rabbit", "cpu worker"),
        most=2,
    ),
    Target(
        "RabbitMQ: scripts on Redis",
        "per notification",
        _plain("rabbitmq", dispatch.PRODUCT, "scripts"),
        most=3,
    ),
    Target(
        "whole path at 200 a second: CPU of all processes",
        "times the skeleton's accepting",
        lambda f: ratio(
            f.get("steady", steady.WHOLE_PATH, "cpu all"),
            f.get("steady", steady.SKELETON_ACCEPTS, "cpu all"),
        ),
        most=2,
    ),
    Target(
        "idle system: request to provider, p50",
        "ms",
        _plain("latency", latency.PRODUCT, "provider p50"),
        most=10,
    ),
    Target(
        "idle system: request to provider, p99",
        "ms",
        _plain("latency", latency.PRODUCT, "provider p99"),
        most=30,
    ),
    Target("idle system: commands to Redis", "a second and dispatcher", _idle_commands, most=3),
    Target(
        "provider of 200 ms, `DISPATCHER_CONCURRENCY=1000`: in flight",
        "at once",
        _plain("slow", _AT_1000, "most in flight"),
        least=1000,
    ),
    Target(
        "the same: deferred though merely busy",
        "notifications",
        _plain("slow", _AT_1000, "deferred"),
        most=0,
    ),
    Target(
        "the same: rate",
        "times a fast provider's",
        lambda f: ratio(
            f.get("slow", _AT_1000, "rate"), f.get("dispatch", dispatch.PRODUCT, "rate")
        ),
        least=0.8,
    ),
    Target(
        "large backlog: rate",
        "times a small backlog's",
        _beside("scale", scale.LARGE, scale.small(1), "rate"),
        least=0.85,
    ),
    Target(
        "two dispatchers: rate, where processors are free",
        "times one",
        _beside("scale", scale.small(2), scale.small(1), "rate"),
        least=1.7,
    ),
    Target(
        "eight dispatchers: CPU of all",
        "times one",
        lambda f: ratio(
            f.get("scale", scale.small(8), *_IN_ALL), f.get("scale", scale.small(1), *_IN_ALL)
        ),
        most=1.2,
    ),
    Target(
        "memory of the largest service, idle",
        "MB",
        lambda f: f.most("latency", latency.IDLE, "memory", "memory redis"),
        most=80,
    ),
    Target(
        "memory of the largest service, while a backlog drains",
        "MB",
        lambda f: f.most("scale", scale.EACH, "memory", "memory redis"),
        most=150,
    ),
    Target(
        "memory of the services after ten minutes of 200 a second",
        "times that after two",
        _growth,
        most=1.02,
    ),
    Target(
        "memory of a waiting notification in Redis",
        "bytes",
        _plain("scale", scale.EACH, "bytes waiting"),
        most=KEPT,
    ),
    Target(
        "memory of an ended notification in Redis",
        "bytes",
        _plain("scale", scale.EACH, "bytes ended"),
        most=0.4 * KEPT,
    ),
    Target("second start, less that of Redis", "times `import fastapi, redis`", _start, most=2.5),
)
