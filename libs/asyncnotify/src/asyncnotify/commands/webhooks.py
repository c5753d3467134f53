"""Who is told of status changes: list, create, delete, test, rotate, attempts, resend."""

import sys
from typing import Annotated

import typer

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, tell
from asyncnotify.commands.global_options import said
from asyncnotify.commands.group import add, subcommands
from asyncnotify.commands.tables import gathered, show_items
from asyncnotify.models.webhooks import WebhookWithSecret

_COLUMNS = {
    "id": "id",
    "url": "url",
    "enabled": "is_enabled",
    "why not": "disabled_reason",
    "failing since": "failing_since",
    "waiting": "waiting",
}
_ATTEMPT_COLUMNS = {
    "id": "id",
    "at": "at",
    "event": "type",
    "trace id": "trace_id",
    "try": "number",
    "outcome": "outcome",
    "status": "status_code",
    "error": "error",
    "next": "next_attempt_at",
}

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="As `webhooks list` shows it.")]
Several = "may be given several times"


def list_webhooks() -> None:
    """List who is told of what, and how it is doing: a table, or a line of JSON for each."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return [*(await client.webhooks())["items"]]

    show_items(ask(talk), _COLUMNS)


def create(
    url: Annotated[str, typer.Argument(help="Where events are posted to.")],
    event: Annotated[list[str] | None, typer.Option(help=f"Only these events; {Several}.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help=f"Only changes to this status; {Several}.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help=f"Only those on this channel; {Several}.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help=f"Only those with this label; {Several}.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
) -> None:
    """Have status changes posted to URL; prints the secret that signs them, this once."""
    more: dict[str, object] = {
        "events": event or None,
        "statuses": status or None,
        "channels": channel or None,
        "tags": tag or None,
        "description": description,
    }
    _show_secret(ask(lambda client: client.create_webhook(url, **more)))


def delete(
    webhook_id: WebhookId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a webhook, its history, and what waits for it."""
    if sys.stdin.isatty() and not yes:
        typer.confirm(f"forget {webhook_id} and what waits for it?", abort=True, err=True)
    ask(lambda client: client.delete_webhook(webhook_id))
    tell({"deleted": webhook_id}, f"{webhook_id} is forgotten")


def test(webhook_id: WebhookId) -> None:
    """Post a test event; `attempts` shows what came of it."""
    answer = ask(lambda client: client.test_webhook(webhook_id))
    tell(answer, f"event {answer['webhook_id']} is on its way")


def rotate(
    webhook_id: WebhookId,
    grace: Annotated[
        int | None,
        typer.Option(min=0, metavar="SECONDS", help="So long the former one signs, too."),
    ] = None,
) -> None:
    """Give a webhook a new secret, and print that, this once."""
    _show_secret(ask(lambda client: client.rotate_webhook(webhook_id, grace_seconds=grace)))


def attempts(
    webhook_id: WebhookId,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List what became of the attempts to tell a webhook, newest first."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return await gathered(client.iter_webhook_attempts(webhook_id, limit=limit))

    show_items(ask(talk), _ATTEMPT_COLUMNS)


def resend(
    webhook_id: WebhookId,
    attempt_id: Annotated[str, typer.Argument(metavar="ATTEMPT", help="As `attempts` shows it.")],
) -> None:
    """Post the event of an attempt once more."""
    answer = ask(lambda client: client.resend_webhook_attempt(webhook_id, attempt_id))
    tell(answer, f"event {answer['webhook_id']} is on its way")


def _show_secret(webhook: WebhookWithSecret) -> None:
    if said().as_json:
        print_json(webhook)
        return
    # The secret alone, so that it can go straight into a file.
    typer.echo(webhook["secret"])
    typer.echo(f"this signs for {webhook['id']}; it is not shown again", err=True)
    if warning := webhook.get("warning"):
        typer.echo(f"warning: {warning}", err=True)


app = subcommands(
    "Who is told of status changes: list, create, delete, test, rotate, attempts, resend."
)
add(app, list_webhooks, "list")
add(app, create)
add(app, delete)
add(app, test)
add(app, rotate)
add(app, attempts)
add(app, resend)
