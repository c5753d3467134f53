"""Durations and tables of a benchmark with limits, and how fast the machine is."""

import json
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Laps:
    """Durations in milliseconds, as they come."""

    ms: list[float] = field(default_factory=list)

    async def time(self, work: Awaitable[T]) -> T:
        """Await `work` and keep how long it took."""
        began = time.perf_counter()
        outcome = await work
        self.ms.append((time.perf_counter() - began) * 1000)
        return outcome

    @property
    def median(self) -> float:
        """Return the median."""
        return median(self.ms)

    @property
    def p99(self) -> float:
        """Return the time that one in a hundred exceeds."""
        return sorted(self.ms)[int(len(self.ms) * 0.99)]

    @property
    def longest(self) -> float:
        """Return the longest time."""
        return max(self.ms)


def yardstick_ms() -> float:
    """Return what a fixed piece of Python takes here and now: how fast this machine is."""
    began, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return (time.process_time() - began) * 1000


@dataclass(slots=True)
class Sheet:
    """Figures by name, and which of them broke a limit. Shown as a table in Markdown."""

    title: str
    figures: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    _rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str = "", *, limit: float | None = None) -> None:
        """Note a figure. `limit` is the most that it may be."""
        self.figures[name] = round(value, 4)
        verdict = ""
        if limit is not None:
            verdict = f"≤ {limit:g}, kept" if value <= limit else f"≤ {limit:g}, BROKEN"
            if value > limit:
                self.broken.append(name)
        self._rows.append((name, f"{_readable(value)} {unit}".strip(), verdict))

    def show(self) -> None:
        """Print it."""
        rows = [(self.title, "figure", "limit"), *self._rows]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        rows.insert(1, ("-" * widths[0], "-" * (widths[1] - 1) + ":", "-" * widths[2]))
        for name, figure, limit in rows:
            print(f"| {name:<{widths[0]}} | {figure:>{widths[1]}} | {limit:<{widths[2]}} |")

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        document = {"title": self.title, "figures": self.figures, "broken": self.broken}
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _readable(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
