"""Figures of several rounds by competitor, and the file that keeps them."""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from figures import yardstick_ms

FOLDER: Final = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Options:
    """How much is measured: so many rounds of so many notifications, and the large backlog."""

    rounds: int = 1
    count: int = 5_000
    backlog: int = 20_000

    def each(self, count: int) -> "Options":
        """Return the same with another number for each round."""
        return replace(self, count=count)


@dataclass(slots=True)
class Results:
    """What one section measured: for each competitor and figure, a value for each round."""

    section: str
    options: Options | None = None
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    yardsticks: list[float] = field(default_factory=list)
    measured: str = ""

    def add(self, competitor: str, figures: dict[str, Any]) -> None:
        """Note one round's figures, and say them."""
        row = self.rows.setdefault(competitor, {})
        for name, value in figures.items():
            row.setdefault(name, []).append(round(float(value), 3))
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"  {competitor}: {shown}", flush=True)

    def begin_round(self, number: int) -> None:
        """Measure how fast the machine is just now."""
        self.yardsticks.append(round(yardstick_ms(), 1))
        print(f"{self.section}, round {number + 1}: yardstick {self.yardsticks[-1]} ms", flush=True)

    def figure(self, competitor: str, name: str) -> float | None:
        """Return the median of a figure; None where it was not measured."""
        values = self.rows.get(competitor, {}).get(name)
        return median(values) if values else None

    def write(self) -> None:
        """Keep it for the report."""
        document = {
            "section": self.section,
            "measured": time.strftime("%Y-%m-%d"),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "options": asdict(self.options) if self.options else None,
            "yardsticks": self.yardsticks,
            "rows": self.rows,
        }
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.section}.json"
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_results(section: str) -> Results:
    """Read what was kept; nothing if it was never measured."""
    path = FOLDER / f"{section}.json"
    if not path.exists():
        return Results(section)
    kept = json.loads(path.read_text(encoding="utf-8"))
    options = Options(**kept["options"]) if kept["options"] else None
    return Results(section, options, kept["rows"], kept["yardsticks"], kept["measured"])
