"""The client's side: status, list, watch, cancel."""

from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, shows_json
from asyncnotify.commands.global_options import said
from asyncnotify.commands.tables import cell, gathered, new_table, paint, show_items
from asyncnotify.commands.terminal import err, out
from asyncnotify.errors import AsyncNotifyError

SHOWN = (
    "reason",
    "user_id",
    "channel",
    "delivery_mode",
    "tags",
    "reference",
    "attempts",
    "created_at",
    "next_attempt_at",
)
COLUMNS = {
    "trace id": "trace_id",
    "status": "status",
    "reason": "reason",
    "user": "user_id",
    "channel": "channel",
    "reference": "reference",
    "created at": "created_at",
}


def status(trace_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show where a notification is, why, and everything that happened to it."""
    show(*ask(partial(look_up, trace_id)))


async def look_up(trace_id: str, client: AsyncNotify) -> tuple[JsonObject, str | None]:
    """Return the notification, and for people why it is where it is."""
    found = await client.status(trace_id)
    return found, (await client.explain(trace_id))["sentence"] if not shows_json() else None


def cancel(trace_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Withdraw a notification that was not sent yet."""
    cancelled = ask(lambda client: client.cancel(trace_id))
    show(cancelled)
    if cancelled["reason"] == "ambiguous":
        warning = "an earlier attempt may have reached the provider"
        typer.echo(f"warning: it is not sent again, but {warning}", err=True)


def list_notifications(
    status_name: Annotated[str | None, typer.Option("--status", help="Where they are.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why they are there.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only those on this channel.")] = None,
    user: Annotated[str | None, typer.Option(help="Only those to this user.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this label.")] = None,
    reference: Annotated[str | None, typer.Option(help="Only those with your own id.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Asked for at this time or later, RFC 3339.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Asked for before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List notifications, newest first: a table, or a line of JSON for each."""
    filters = {
        "status": status_name,
        "reason": reason,
        "channel": channel,
        "user_id": user,
        "tag": tag,
        "reference": reference,
        "since": since,
        "until": until,
    }

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return await gathered(client.iter_notifications(limit=limit, **filters))

    show_items(ask(talk), COLUMNS)


def watch(
    trace_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A trace id; without it, all of them.")
    ] = None,
    status_name: Annotated[
        str | None, typer.Option("--status", help="Only changes to this status.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only changes for this reason.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only those on this channel.")] = None,
    user: Annotated[str | None, typer.Option(help="Only those to this user.")] = None,
) -> None:
    """Print status changes as they happen: of one notification until it ends, or of all."""
    filters = {"status": status_name, "reason": reason, "channel": channel, "user_id": user}
    wanted = {name: value for name, value in filters.items() if value is not None}

    async def talk(client: AsyncNotify) -> None:
        async for change in client.changes(trace_id, on_reconnect=_say_that_it_goes_on):
            is_missed = change["event"] == "missed"
            if is_missed or all(change.get(name) == value for name, value in wanted.items()):
                _print_change(change)

    words = "".join(f", {name} {value}" for name, value in wanted.items())
    what = f"{trace_id or 'all notifications'}{words} at {said().gateway}"
    err.print(f"watching {what}; Ctrl-C ends it", highlight=False, markup=False)
    ask(talk)


def show(notification: JsonObject, sentence: str | None = None) -> None:
    """Print a notification: a table for people, JSON for programs."""
    if shows_json():
        print_json(notification)
        return
    status_text = paint(notification["status"])
    out.print(f"[bold]{notification['trace_id']}[/bold]  {status_text}", highlight=False)
    if sentence:
        out.print(f"  {sentence}", highlight=False, markup=False)
    for name in SHOWN:
        if (value := notification.get(name)) not in (None, []):
            text = ", ".join(value) if isinstance(value, list) else value
            out.print(f"  {name.replace('_', ' ')}: {text}", highlight=False, markup=False)
    table = new_table("at (UTC)", "status", "reason", "provider", "attempt", "ms", "detail")
    for entry in notification["timeline"]:
        table.add_row(*_row(entry, today=str(notification.get("created_at"))[:10]))
        for target in entry.get("targets") or ():
            table.add_row(*_target_row(target))
    out.print(table)


def _row(entry: dict[str, Any], today: str) -> list[str]:
    fields = ("status", "reason", "provider", "attempt", "duration_ms", "detail")
    day, _, clock = entry["at"].partition("T")
    at = clock[:12].rstrip("Z") if day == today else cell("at", entry["at"])
    return [at, *(cell(name, entry.get(name)) for name in fields)]


def _target_row(target: dict[str, Any]) -> list[str]:
    """Show what came of one of several addresses, below the entry that tells of all."""
    said = {name: escape(str(value)) for name, value in target.items() if value is not None}
    reason = ": ".join(said[name] for name in ("outcome", "reason") if name in said)
    provider, detail = said.get("provider", ""), said.get("detail", "")
    return ["", f"  {said.get('target', '')}", reason, provider, "", "", detail]


def _say_that_it_goes_on(error: AsyncNotifyError) -> None:
    err.print(f"reconnecting: {error}", highlight=False, markup=False)


def _print_change(change: JsonObject) -> None:
    if shows_json():
        print_json(change)
        return
    if change["event"] == "missed":
        out.print("[yellow]some changes were missed: they are no longer kept[/yellow]")
        return
    reason = f" ({escape(change['reason'])})" if change.get("reason") else ""
    line = f"[dim]{change['at']}[/dim] {change['trace_id']} {paint(change['status'])}{reason}"
    out.print(line, highlight=False)
