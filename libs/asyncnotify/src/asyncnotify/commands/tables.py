"""Lists: a table for people, a line of JSON for each item for programs."""

import re
from collections.abc import AsyncIterable, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from asyncnotify.answers import JsonObject
from asyncnotify.commands.console import print_json, shows_json
from asyncnotify.commands.terminal import out

# As the API gives times: in UTC. Shortened, they are still taken by `--since` and the like.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_DAY_CHARS = len("2027-01-31")
COLOURS = {"sent": "green", "delivered": "green", "failed": "red", "retrying": "yellow"}


def show_items(items: Sequence[JsonObject], columns: Mapping[str, str]) -> None:
    """Print items; `columns` are headings and the fields under them."""
    if shows_json():
        for item in items:
            print_json(item)
        return
    # An empty column only takes room from the others.
    used = {
        heading: name
        for heading, name in columns.items()
        if not items or any(item.get(name) not in (None, []) for item in items)
    }
    rows = [[cell(name, item.get(name)) for name in used.values()] for item in items]
    table = new_table(*used)
    # What it is found by is copied from here: it is never cut, however narrow the terminal is.
    table.columns[0].min_width = max((len(row[0]) for row in rows), default=0)
    for column, name in zip(table.columns[1:], [*used.values()][1:], strict=True):
        if any(_TIME.fullmatch(str(item.get(name))) for item in items):
            column.min_width = _DAY_CHARS  # a time is broken between its day and its hour
    for row in rows:
        table.add_row(*row)
    out.print(table)
    if not items:
        out.print("[dim]none[/dim]")


def new_table(*headings: str) -> Table:
    """Return a table without frames, for what a person reads."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


async def gathered(items: AsyncIterable[JsonObject]) -> list[JsonObject]:
    """Return all items of a list that comes page by page."""
    return [item async for item in items]


def paint(status_name: str) -> str:
    """Return a status in its colour, as console markup."""
    colour = COLOURS.get(status_name, "cyan")
    return f"[{colour}]{escape(status_name)}[/{colour}]"


def cell(name: str, value: object) -> str:
    """Return the value of a field as people read it, as console markup."""
    if value is None:
        return ""
    if name == "status":
        return paint(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and (time := _TIME.fullmatch(value)):
        return f"{time[1]} {time[2]}Z"
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))
