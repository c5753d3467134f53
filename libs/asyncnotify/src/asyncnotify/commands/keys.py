"""API keys: create, list, rotate, revoke; and what was changed with them."""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, shows_json, tell
from asyncnotify.commands.global_options import said
from asyncnotify.commands.group import add, subcommands
from asyncnotify.commands.tables import gathered, show_items
from asyncnotify.models.keys import NewKey

_COLUMNS = {
    "prefix": "prefix",
    "name": "name",
    "kind": "kind",
    "scopes": "scopes",
    "channels": "channels",
    "active": "is_active",
    "last used": "last_used_at",
    "expires": "expires_at",
}
_AUDIT_COLUMNS = {
    "at": "at",
    "who": "who",
    "did": "action",
    "to": "target",
    "on": "count",
    "answer": "status",
}
_SPAN = re.compile(r"([1-9][0-9]{0,4})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}

Prefix = Annotated[str, typer.Argument(metavar="PREFIX", help="As `keys list` shows it.")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="At most so many; else the KEY_… settings say.")
]


def create(
    name: Annotated[str, typer.Argument(help="For people: who has it, and what for.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may do: send, read, operate, admin; may be given several times."
        ),
    ],
    kind: Annotated[
        str, typer.Option(help="live; or test: what is sent with it reaches nobody.")
    ] = "live",
    channel: Annotated[
        list[str] | None,
        typer.Option(help="It may send on this channel only; may be given several times."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: RFC 3339, or from now: 30d, 12h, 15m.")
    ] = None,
    requests_per_second: Limit = None,
    burst: Annotated[
        int | None, typer.Option(min=1, help="So many requests may come at once.")
    ] = None,
    notifications_per_day: Limit = None,
    streams: Annotated[
        int | None, typer.Option(min=1, help="At most so many event streams are open.")
    ] = None,
) -> None:
    """Make a key and print it. It is shown this once: it is stored as a hash."""
    limits = {
        "requests_per_second": requests_per_second,
        "burst": burst,
        "notifications_per_day": notifications_per_day,
        "streams": streams,
    }
    more = {
        "kind": kind,
        "channels": channel or None,
        "expires_at": _time(expires),
        "limits": {name: most for name, most in limits.items() if most} or None,
    }
    _show_new(ask(lambda client: client.create_key(name, scope, **more)))


def list_keys(limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50) -> None:
    """List keys, newest first, without their secrets: a table, or a line of JSON for each."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return await gathered(client.iter_keys(limit=limit))

    show_items(ask(talk), _COLUMNS)


def rotate(
    prefix: Prefix,
    grace: Annotated[
        int | None,
        typer.Option(min=0, metavar="SECONDS", help="So long the former one counts; else a day."),
    ] = None,
) -> None:
    """Replace a key by a new one, and print that. It is shown this once."""
    _show_new(ask(lambda client: client.rotate_key(prefix, grace_seconds=grace)))


def revoke(
    prefix: Prefix, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Let a key count no more, within 5 s on every gateway."""
    if sys.stdin.isatty() and not yes:
        typer.confirm(f"revoke {prefix}? Who uses it gets no answer then", abort=True, err=True)
    key = ask(lambda client: client.revoke_key(prefix))
    tell(key, f"{key['name']} ({prefix}) is revoked")


def audit(limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50) -> None:
    """List what was changed through the gateway, and by whose key, newest first."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return await gathered(client.iter_audit(limit=limit))

    entries = ask(talk)
    if not shows_json():
        entries = [{**each, "who": (each.get("actor") or {}).get("name")} for each in entries]
    show_items(entries, _AUDIT_COLUMNS)


def _show_new(key: NewKey) -> None:
    if said().as_json:
        print_json(key)
        return
    # The key alone, so that it can go straight into a file.
    typer.echo(key["key"])
    typer.echo(f"this is {key['name']} ({key['prefix']}); it is not shown again", err=True)


def _time(text: str | None) -> str | None:
    span = _SPAN.fullmatch(text or "")
    if span is None:
        return text
    return (datetime.now(UTC) + timedelta(**{_UNITS[span[2]]: int(span[1])})).isoformat()


app = subcommands("API keys, for a gateway with GATEWAY_AUTH=keys: create, list, rotate, revoke.")
add(app, create)
add(app, list_keys, "list")
add(app, rotate)
add(app, revoke)
