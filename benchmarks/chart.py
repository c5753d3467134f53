"""Draws processor time per 1,000 as bars: accepting, and dispatching."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from results import Results

WIDTH: Final = 900
LABELS: Final = 270
ROW: Final = 30
STYLE: Final = """
.bg{fill:#fbfcfe;stroke:#d5dbe5}
.t{fill:#1a2233;font:600 15px system-ui,sans-serif}
.s{fill:#4a5873;font:13px system-ui,sans-serif}
.n{fill:#1a2233;font:13px system-ui,sans-serif}
.e{text-anchor:end}.b{font-weight:700}
.p0{fill:#2f5fb3}.p1{fill:#7c9fdc}.p2{fill:#d08a1d}
@media (prefers-color-scheme:dark){
.bg{fill:#0f1522;stroke:#2b3650}.t,.n{fill:#eef2fa}.s{fill:#b3bfd6}
.p0{fill:#7ea6ee}.p1{fill:#3f639f}.p2{fill:#e0a94a}}
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """A title and one bar for each competitor, made of parts: figure and its name in the legend."""

    title: str
    results: Results
    parts: Sequence[tuple[str, str]]

    def bars(self) -> dict[str, list[float]]:
        """Return each competitor's parts, the cheapest first."""
        bars = {
            name: [self.results.figure(name, figure) or 0.0 for figure, _ in self.parts]
            for name in self.results.rows
        }
        return dict(sorted(bars.items(), key=lambda bar: sum(bar[1])))


def draw(accept: Results, dispatch: Results) -> str:
    """Return the chart as SVG, for light and dark pages."""
    gateway = (("cpu gateway", "gateway"), ("cpu publisher", "publisher"), ("cpu redis", "Redis"))
    worker = (
        ("cpu worker", "worker"),
        ("cpu user-service", "user-service"),
        ("cpu broker", "Redis"),
    )
    panels = (
        Panel("Accept: CPU ms per 1,000 notifications", accept, gateway),
        Panel("Dispatch: CPU ms per 1,000; job queues do a no-op job", dispatch, worker),
    )
    drawn, y = [], 20
    for panel in panels:
        lines, y = _panel(panel, y)
        drawn += lines
    frame = f'<rect class="bg" x="1" y="1" width="{WIDTH - 2}" height="{y + 2}" rx="14"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 4}" role="img" '
        'aria-labelledby="t"><title id="t">Processor time of accepting and dispatching, '
        f"beside other stacks</title><style>{STYLE}</style>"
    )
    return "\n".join([head, frame, *drawn, "</svg>"]) + "\n"


def _panel(panel: Panel, y: int) -> tuple[list[str], int]:
    lines = [f'<text class="t" x="20" y="{y + 16}">{escape(panel.title)}</text>']
    x = WIDTH - 330
    for number, (_, name) in enumerate(panel.parts):
        lines.append(f'<rect class="{_part(number)}" x="{x}" y="{y + 5}" width="12" height="12"/>')
        lines.append(f'<text class="s" x="{x + 17}" y="{y + 16}">{name}</text>')
        x += 110
    y += 30
    bars = panel.bars()
    longest = max((sum(parts) for parts in bars.values()), default=1.0)
    scale = (WIDTH - LABELS - 90) / longest
    for name, parts in bars.items():
        lines += _bar(name, parts, y, scale)
        y += ROW
    return lines, y + 14


def _bar(name: str, parts: Sequence[float], y: int, scale: float) -> list[str]:
    weight = "n e b" if name.startswith("AsyncNotify") else "n e"
    lines = [f'<text class="{weight}" x="{LABELS - 10}" y="{y + 16}">{escape(name)}</text>']
    x = float(LABELS)
    for number, part in enumerate(parts):
        width = part * scale
        place = f'x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="18"'
        lines.append(f'<rect class="{_part(number)}" {place}/>')
        x += width
    lines.append(f'<text class="s" x="{x + 7:.1f}" y="{y + 16}">{sum(parts):,.0f}</text>')
    return lines


def _part(number: int) -> str:
    return f"p{number}"
