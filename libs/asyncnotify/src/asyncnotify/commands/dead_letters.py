"""The operator's side: what was given up, and what becomes of it."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, is_terminal, out
from asyncnotify.commands.notifications import show

app = typer.Typer(help="Dead letters: list, show, replay, delete.", no_args_is_help=True)
Reason = Annotated[str | None, typer.Option(help="Only those given up for this reason.")]
Channel = Annotated[str | None, typer.Option(help="Only those of this channel.")]


@app.command("list")
def list_dead_letters(
    reason: Reason = None,
    channel: Channel = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the last page ended.")] = None,
) -> None:
    """List what was given up, newest first."""
    page = ask(
        lambda client: client.dead_letters(
            reason=reason, channel=channel, limit=limit, cursor=cursor
        )
    )
    if not is_terminal():
        typer.echo(json.dumps(page))
        return
    out.print(_table(page["items"]))
    if page["next_cursor"]:
        out.print(f"more: --cursor {page['next_cursor']}", highlight=False)


@app.command("show")
def show_dead_letter(trace_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one of them, with everything that happened to it."""
    show(ask(lambda client: client.status(trace_id)))


@app.command()
def replay(
    trace_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    reason: Reason = None,
    channel: Channel = None,
    since: Annotated[str | None, typer.Option(help="Given up at or after, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="Given up before, RFC 3339.")] = None,
    limit: Annotated[int | None, typer.Option(min=1)] = None,
    dry_run: Annotated[bool, typer.Option(help="Only tell which they are.")] = False,
) -> None:
    """Queue again: one by its ID, or all that the filter names."""
    filters = {"reason": reason, "channel": channel, "since": since, "until": until}
    given = [name for name, value in filters.items() if value is not None]
    if trace_id and (given or limit or dry_run):
        raise typer.BadParameter("an ID and a filter exclude each other")
    if trace_id:
        ask(lambda client: client.replay(trace_id))
        typer.echo(f"{trace_id} is queued again")
        return
    answer = ask(lambda client: client.replay_many(**filters, limit=limit, dry_run=dry_run))
    for each in answer["trace_ids"]:
        typer.echo(each)
    done = "would be" if dry_run else "are"
    count = answer["matched"] if dry_run else answer["replayed"]
    typer.echo(f"{count} of {answer['matched']} {done} queued again", err=True)


@app.command()
def delete(trace_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Forget one of them for good."""

    async def talk(client: AsyncNotify) -> None:
        await client.delete_dead_letter(trace_id)

    ask(talk)
    typer.echo(f"{trace_id} is deleted")


def _table(items: list[JsonObject]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in ("trace id", "reason", "channel", "attempts", "given up at"):
        table.add_column(heading)
    for item in items:
        row = (item["trace_id"], item["reason"], item["channel"], item["attempts"])
        table.add_row(
            *("" if cell is None else escape(str(cell)) for cell in row), item["updated_at"]
        )
    return table
