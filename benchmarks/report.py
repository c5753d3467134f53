"""Writes the tables of `docs/performance.md` and its chart from the kept results.

The document's words are written by hand; what is between `<!-- table NAME -->` and `<!-- end -->`
is made here.
"""

import re
import sys
from pathlib import Path
from typing import Final

import latency
import scale
import steady
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
_OTHERS: Final = ("used by other processes, %", "others %")
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
        ("accepted a second", "rate"),
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
        ("CPU ms per 1,000", "cpu all"),
        ("Redis commands a second", "commands/s"),
        ("CPU ms a second", "cpu ms/s"),
        _OTHERS,
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
        ("waiting", "waiting"),
        ("p99 ms", "p99"),
        ("MB: gateway", "memory gateway"),
        ("publisher", "memory publisher"),
        ("dispatcher", "memory dispatcher"),
        ("user-service", "memory user-service"),
        ("Redis", "memory redis"),
    ),
    "start": (
        ("seconds", "seconds"),
        ("CPU ms", "cpu ms"),
        ("memory MB", "memory all"),
        _OTHERS,
    ),
}


PACED: Final = {"steady": steady.RATE, "latency": latency.RATE, "growth": steady.RATE}
"""Requests a second in sections that ask at a rate."""
KEEPS_UP: Final = 0.9


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
    table = _markdown([results.measured, *(header for header, _ in columns)], rows)
    return f"{table}\n{_how_much(results)}{_behind(results)}\n"


def _how_much(results: Results) -> str:
    """Say how much was measured, and how fast the machine was."""
    said = []
    if options := results.options:
        said.append(f"{options.rounds} round{'s' if options.rounds > 1 else ''}")
        said[0] += f" of {options.count:,}" if options.count > 1 else ""
        if results.section == "scale":
            said.append(f"a large backlog of {options.backlog:,}")
    slowest, fastest = max(results.yardsticks), min(results.yardsticks)
    span = f"{fastest:.0f}" if slowest - fastest < 1 else f"{fastest:.0f} to {slowest:.0f}"
    said.append(f"a million additions in Python took {span} ms")
    text = ", ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _behind(results: Results) -> str:
    """Say where the system, or the machine, did not keep up with a rate that was asked for."""
    rate = PACED.get(results.section)
    behind = [
        name
        for name in results.rows
        if rate
        and (
            (results.figure(name, "rate") or rate) < KEEPS_UP * rate
            or (results.figure(name, "waiting") or 0) > rate
        )
    ]
    return f" **Did not keep up with {rate} a second: {', '.join(behind)}.**" if behind else ""


def _targets() -> str:
    figures, rows = Figures(), []
    for target in TARGETS:
        value = target.figure(figures)
        verdict = "" if value is None else ("met" if target.is_met(value) else "**not met**")
        measured = f"`{target.section}`, {figures.section(target.section).measured}"
        rows.append([target.work, target.unit, measured, target.limit, readable(value), verdict])
    return _markdown(["what", "unit", "section, date", "target", "figure", ""], rows, words=3)


def _memory() -> str:
    """Show each service's memory, idle and at work."""
    figures, rows = Figures(), []
    for name in ("gateway", "publisher", "dispatcher", "user-service", "redis"):
        idle = figures.get("latency", latency.IDLE, f"memory {name}")
        busy = figures.get("scale", scale.EACH, f"memory {name}")
        rows.append([name, readable(idle), readable(busy)])
    return _markdown(["MB", "idle", "most while the large backlog drains"], rows)


def readable(value: float | None) -> str:
    """Write a figure with the digits that mean something."""
    if value is None:
        return ""
    if value == 0:
        return "0"
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
