"""The client's side: send, status, watch, cancel."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, shows_json
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
COLOURS = {"sent": "green", "delivered": "green", "failed": "red", "retrying": "yellow"}


def send(
    user: str,
    message: str,
    channel: Annotated[
        list[str] | None, typer.Option(help="The channel; may be given several times.")
    ] = None,
    subject: str | None = None,
    priority: str | None = None,
    send_at: Annotated[
        str | None, typer.Option(help="Send not before this time, RFC 3339.")
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="Do not send after this time, RFC 3339.")
    ] = None,
    html: Annotated[
        str | None, typer.Option(help="The message as HTML, for e-mail; @FILE reads a file.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A JSON object that an app gets; @FILE reads a file.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A label of yours; may be given several times.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Your own id for it.")] = None,
    idempotency_key: str | None = None,
) -> None:
    """Tell USER this MESSAGE; prints one trace id per channel."""
    fields: dict[str, Any] = {
        "subject": subject,
        "priority": priority,
        "send_at": send_at,
        "expires_at": expires_at,
        "html": _text_of("--html", html),
        "data": _object_of("--data", data),
        "tags": tag or None,
        "reference": reference,
    }
    for trace_id in ask(partial(_send_to_each, user, message, channel, fields, idempotency_key)):
        typer.echo(trace_id)


async def _send_to_each(
    user: str,
    message: str,
    channels: list[str] | None,
    fields: dict[str, Any],
    idempotency_key: str | None,
    client: AsyncNotify,
) -> list[str]:
    several = channels and len(channels) > 1
    accepted = []
    names: list[str | None] = [*channels] if channels else [None]
    for name in names:
        key = f"{idempotency_key}:{name}" if idempotency_key and several else idempotency_key
        answer = await client.send(user, message, idempotency_key=key, channel=name, **fields)
        accepted.append(answer["trace_id"])
    return accepted


def _text_of(option: str, given: str | None) -> str | None:
    if given is None or not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{given[1:]}: {error}", param_hint=option) from error


def _object_of(option: str, given: str | None) -> JsonObject | None:
    text = _text_of(option, given)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"is not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise typer.BadParameter("must be a JSON object", param_hint=option)
    return found


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


def watch(trace_id: Annotated[str | None, typer.Argument(metavar="[ID]")] = None) -> None:
    """Print status changes as they happen: of one notification until it ends, or of all."""

    async def talk(client: AsyncNotify) -> None:
        async for change in client.changes(trace_id, on_reconnect=_say_that_it_goes_on):
            _print_change(change)

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
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for heading in ("at", "status", "reason", "provider", "attempt", "ms", "detail"):
        table.add_column(heading, style="dim" if heading == "at" else "")
    for entry in notification["timeline"]:
        table.add_row(*_row(entry))
        for target in entry.get("targets") or ():
            table.add_row(*_target_row(target))
    out.print(table)


def paint(status_name: str) -> str:
    """Return a status in its colour, as console markup."""
    colour = COLOURS.get(status_name, "cyan")
    return f"[{colour}]{escape(status_name)}[/{colour}]"


def _row(entry: dict[str, Any]) -> list[str]:
    fields = ("reason", "provider", "attempt", "duration_ms", "detail")
    rest = ["" if entry.get(name) is None else escape(str(entry[name])) for name in fields]
    return [entry["at"], paint(entry["status"]), *rest]


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
