"""Writes the tables of `docs/performance.md` and its chart from the kept results.

The document's words are written by hand; what is between `<!-- table NAME -->` and `<!-- end -->`
is made here.
"""

import re
import sys
from pathlib import Path
from typing import Final

from chart import draw
from results import FOLDER, Results, read_results
from targets import TARGETS, Figures

DOCUMENT: Final = Path(__file__).parents[1] / "docs/performance.md"
CHART: Final = Path(__file__).parents[1] / "img/performance.svg"
_PLACE: Final = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Columns = tuple[tuple[str, str], ...]
_WORKERS: Final = (
    ("sent or done a second", "rate"),
    ("CPU of the worker", "cpu worker"),
    ("of the broker", "cpu broker"),
    ("of the user-service", "cpu user-service"),
)
_OTHERS: Final = ("others had %", "others %")
COLUMNS: Final[dict[str, Columns]] = {
    "accept": (
        ("accepted a second", "rate"),
        ("p50 ms", "p50"),
        ("p99 ms", "p99"),
        ("CPU of the gateway", "cpu gateway"),
        ("of the publisher", "cpu publisher"),
        ("of Redis", "cpu redis"),
        ("in all", "cpu all"),
        _OTHERS,
    ),
    "steady": (
        ("p50 ms", "p50"),
        ("p99 ms", "p99"),
        ("CPU of the gateway", "cpu gateway"),
        ("of the publisher", "cpu publisher"),
        ("of Redis", "cpu redis"),
        ("of the dispatcher", "cpu dispatcher"),
        ("of the user-service", "cpu user-service"),
        ("in all", "cpu all"),
        _OTHERS,
    ),
    "dispatch": (*_WORKERS, _OTHERS),
    "rabbitmq": (
        *_WORKERS[:3],
        ("of Redis", "cpu redis"),
        ("of the user-service", "cpu user-service"),
        ("scripts on Redis", "scripts"),
        _OTHERS,
    ),
    "latency": (
        ("to 202: p50 ms", "answer p50"),
        ("p99 ms", "answer p99"),
        ("to the provider: p50 ms", "provider p50"),
        ("p99 ms", "provider p99"),
        ("commands a second", "commands/s"),
        ("CPU ms a second", "cpu all"),
    ),
    "slow": (
        ("sent a second", "rate"),
        ("most in flight", "most in flight"),
        ("deferred", "deferred"),
        ("CPU of the worker", "cpu worker"),
        _OTHERS,
    ),
    "scale": (*_WORKERS, _OTHERS),
    "growth": (
        ("sent", "sent"),
        ("p99 ms", "p99"),
        ("MB: gateway", "memory gateway"),
        ("publisher", "memory publisher"),
        ("dispatcher", "memory dispatcher"),
        ("user-service", "memory user-service"),
    ),
    "start": (("seconds", "seconds"), ("CPU ms", "cpu ms"), ("memory MB", "memory all")),
}


def write_report() -> None:
    """Write all that there are results for."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(filled(text), encoding="utf-8")
    CHART.write_text(_chart(), encoding="utf-8")


def _chart() -> str:
    return draw(read_results("accept"), read_results("dispatch"))


def filled(document: str) -> str:
    """Return the document with its tables made anew."""
    return _PLACE.sub(lambda place: f"{place[1]}{_table(place[2])}{place[3]}", document)


def _table(name: str) -> str:
    if name == "targets":
        return _targets()
    if name == "memory":
        return _memory()
    results = read_results(name)
    if not results.rows:
        return "Not measured here.\n"
    columns = COLUMNS[name]
    rows = [
        [competitor, *(readable(results.figure(competitor, each)) for _, each in columns)]
        for competitor in results.rows
        if any(results.figure(competitor, each) is not None for _, each in columns)
    ]
    return _markdown([_title(results), *(header for header, _ in columns)], rows)


def _title(results: Results) -> str:
    slowest, fastest = max(results.yardsticks), min(results.yardsticks)
    return f"{results.measured}, yardstick {fastest:.0f} to {slowest:.0f} ms"


def _targets() -> str:
    figures, rows = Figures(), []
    for target in TARGETS:
        value = target.figure(figures)
        verdict = "" if value is None else ("met" if target.is_met(value) else "**not met**")
        rows.append([target.work, target.unit, target.aim, readable(value), verdict])
    return _markdown(["what", "unit", "aim", "figure", ""], rows, words=2)


def _memory() -> str:
    """Show each service's memory, idle and at work."""
    figures, rows = Figures(), []
    for name in ("gateway", "publisher", "dispatcher", "user-service", "redis"):
        idle = figures.get("latency", "idle, one dispatcher", f"memory {name}")
        busy = figures.get("scale", "a notification", f"memory {name}")
        rows.append([name, readable(idle), readable(busy)])
    return _markdown(["MB", "idle", "while the large backlog drains"], rows)


def readable(value: float | None) -> str:
    """Write a figure with the digits that mean something."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _markdown(header: list[str], rows: list[list[str]], *, words: int = 1) -> str:
    """Write a table; so many of its first columns are words."""
    ruler = [*["---"] * words, *["--:"] * (len(header) - words)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, ruler, *rows))


def main() -> int:
    """Write it, or with `--check` say whether there is anything to write."""
    if "--check" not in sys.argv[1:]:
        write_report()
        return 0
    text = DOCUMENT.read_text(encoding="utf-8")
    is_current = filled(text) == text and _chart() == CHART.read_text(encoding="utf-8")
    print("current" if is_current else f"not made of {FOLDER}: make bench ONLY=report")
    return 0 if is_current else 1


if __name__ == "__main__":
    sys.exit(main())
