"""The operator's side: what was given up, and what becomes of it."""

import sys
from typing import Annotated

import typer

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, shows_json, tell
from asyncnotify.commands.global_options import said
from asyncnotify.commands.group import add, subcommands
from asyncnotify.commands.notifications import show
from asyncnotify.commands.tables import show_items
from asyncnotify.commands.terminal import out
from asyncnotify.counted import counted

SHOWN_IDS = 10
COLUMNS = {
    "trace id": "trace_id",
    "reason": "reason",
    "channel": "channel",
    "attempts": "attempts",
    "given up at": "updated_at",
}

GROUP_COLUMNS = {
    "reason": "reason",
    "channel": "channel",
    "count": "count",
    "first": "oldest_at",
    "last": "newest_at",
}

Reason = Annotated[str | None, typer.Option(help="Only those given up for this reason.")]
Channel = Annotated[str | None, typer.Option(help="Only those of this channel.")]


def list_dead_letters(
    reason: Reason = None,
    channel: Channel = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the last page ended.")] = None,
    groups: Annotated[
        bool, typer.Option("--groups", help="Count them by reason, channel.")
    ] = False,
) -> None:
    """List what was given up, newest first."""
    if groups:
        if reason or channel or cursor:
            raise typer.BadParameter("--groups counts all of them: it excludes filters")
        found = ask(lambda client: client.dead_letter_groups())
        show_items(found["items"], GROUP_COLUMNS)
        if not found["is_complete"]:
            typer.echo("these are the newest; there are more", err=True)
        return
    page = ask(
        lambda client: client.dead_letters(
            reason=reason, channel=channel, limit=limit, cursor=cursor
        )
    )
    if shows_json():
        print_json(page)
        return
    show_items(page["items"], COLUMNS)
    if page["next_cursor"]:
        out.print(f"more: --cursor {page['next_cursor']}", highlight=False)


def show_dead_letter(trace_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show one of them, with everything that happened to it."""
    show(ask(lambda client: client.status(trace_id)))


def replay(
    trace_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None,
    reason: Reason = None,
    channel: Channel = None,
    since: Annotated[
        str | None, typer.Option(help="Given up at this time or later, RFC 3339.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Given up before this time, RFC 3339.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most this many, newest first.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them; required if there is no filter.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Only list them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Queue again: one by its ID, those that a filter names, or all."""
    filters = {"reason": reason, "channel": channel, "since": since, "until": until}
    has_filter = any(value is not None for value in filters.values())
    if trace_id is not None:
        if has_filter or limit or everything or dry_run:
            raise typer.BadParameter("an ID excludes filters, --all and --dry-run")
        replayed = ask(lambda client: client.replay(trace_id))
        _tell(replayed, f"{trace_id} is queued again")
        return
    if not (has_filter or everything or dry_run):
        raise typer.BadParameter(
            "say which: an ID, a filter (--reason, --channel, --since, --until), or --all"
        )
    request = {**filters, "limit": limit, "all": True if everything else None}
    if dry_run:
        _show_matches(ask(lambda client: client.replay_many(**request, dry_run=True)))
        return
    if sys.stdin.isatty() and not yes:
        _confirm(request)
    answer = ask(lambda client: client.replay_many(**request))
    _tell(answer, f"{answer['replayed']} of {answer['matched']} queued again")


def _confirm(request: JsonObject) -> None:
    answer = ask(lambda client: client.replay_many(**request, dry_run=True))
    _warn(answer)
    letters = counted(answer["matched"], "dead letter")
    typer.confirm(f"queue {letters} again?", abort=True, err=True)


def _show_matches(answer: JsonObject) -> None:
    if said().as_json:
        print_json(answer)
        return
    _warn(answer)
    count = answer["matched"]
    typer.echo(f"{count} would be queued again{':' if count else ''}")
    for each in answer["trace_ids"][:SHOWN_IDS]:
        typer.echo(f"  {each}")
    if count > SHOWN_IDS:
        typer.echo(f"  and {count - SHOWN_IDS} more")


def _tell(answer: JsonObject, words: str) -> None:
    if not said().as_json:
        _warn(answer)
    tell(answer, words)


def delete_dead_letter(trace_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Forget one of them for good."""

    async def talk(client: AsyncNotify) -> None:
        await client.delete_dead_letter(trace_id)

    ask(talk)
    _tell({"deleted": trace_id}, f"{trace_id} is deleted")


def _warn(answer: JsonObject) -> None:
    if warning := answer.get("warning"):
        typer.echo(f"warning: {warning}", err=True)


app = subcommands("Dead letters, which were given up: list, show, replay, delete.")
add(app, list_dead_letters, "list")
add(app, show_dead_letter, "show")
add(app, replay)
add(app, delete_dead_letter, "delete")
