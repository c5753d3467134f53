"""Lists: a table for people, a line of JSON for each item for programs."""

from collections.abc import AsyncIterable, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from asyncnotify.answers import JsonObject
from asyncnotify.commands.console import print_json, shows_json
from asyncnotify.commands.terminal import out

COLOURS = {"sent": "green", "delivered": "green", "failed": "red", "retrying": "yellow"}


def show_items(items: Sequence[JsonObject], columns: Mapping[str, str]) -> None:
    """Print items; `columns` are headings and the fields under them."""
    if shows_json():
        for item in items:
            print_json(item)
        return
    rows = [[_cell(name, item.get(name)) for name in columns.values()] for item in items]
    table = new_table(*columns)
    # What it is found by is copied from here: it is never cut, however narrow the terminal is.
    table.columns[0].min_width = max((len(row[0]) for row in rows), default=0)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    if not items:
        out.print("[dim]none[/dim]")


def new_table(*headings: str) -> Table:
    """Return a table without frames, for what a person reads."""
    table = Table(box=None, pad_edge=False, padding=(0, 2))
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


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name == "status":
        return paint(str(value))
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))
