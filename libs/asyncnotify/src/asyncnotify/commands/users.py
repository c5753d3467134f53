"""Users and their addresses: get, put, list, delete; addresses that get nothing."""

import sys
from typing import Annotated

import typer

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, shows_json, tell
from asyncnotify.commands.group import add, subcommands
from asyncnotify.commands.tables import gathered, show_items
from asyncnotify.commands.terminal import out

_ADDRESS_COLUMNS = {
    "channel": "channel",
    "address": "address",
    "label": "label",
    "health": "health",
    "last used at": "last_used_at",
}
_SUPPRESSION_COLUMNS = {
    "channel": "channel",
    "address": "address",
    "reason": "reason",
    "since": "since",
    "until": "until",
    "evidence": "evidence",
}

UserId = Annotated[str, typer.Argument(metavar="USER")]
Limit = Annotated[int, typer.Option(min=1, help="At most this many.")]


def get(user_id: UserId) -> None:
    """Show a user's addresses, and whether they are sent to."""
    _show(ask(lambda client: client.user(user_id)))


def put(
    user_id: UserId,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CHANNEL=ADDRESS]...",
            help="email=ada@example.com sms=+4915112345678; a channel may have several.",
        ),
    ] = None,
    preferred_channel: Annotated[
        str | None, typer.Option(help="Where to send what names no channel.")
    ] = None,
) -> None:
    """Store a user's addresses, in place of those that were there."""
    contact: dict[str, object] = {**_by_channel(addresses or [])}
    if preferred_channel is not None:
        contact["preferred_channel"] = preferred_channel
    _show(ask(lambda client: client.put_user(user_id, contact)))


def list_users(limit: Limit = 50) -> None:
    """List users, by id: a table, or a line of JSON for each."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return await gathered(client.iter_users(limit=limit))

    found = ask(talk)
    channels = list(found[0].get("addresses", {})) if found else []
    names = [channel for channel in channels if any(user.get(channel) for user in found)]
    columns = {"user": "user_id", **{name: name for name in names}, "prefers": "preferred_channel"}
    show_items(found, columns)


def delete(
    user_id: UserId, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Forget a user with all addresses."""
    if sys.stdin.isatty() and not yes:
        typer.confirm(f"forget {user_id} with all addresses?", abort=True, err=True)
    ask(lambda client: client.delete_user(user_id))
    tell({"deleted": user_id}, f"{user_id} is forgotten")


def list_suppressions(
    channel: Annotated[str | None, typer.Option(help="Only those of this channel.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="opt_out, complaint, gone, bounce or soft_bounce.")
    ] = None,
    limit: Limit = 50,
) -> None:
    """List addresses that get nothing, and why: a table, or a line of JSON for each."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        found = client.iter_suppressions(limit=limit, channel=channel, reason=reason)
        return await gathered(found)

    show_items(ask(talk), _SUPPRESSION_COLUMNS)


def delete_suppression(
    channel: Annotated[str, typer.Argument()], address: Annotated[str, typer.Argument()]
) -> None:
    """Let an address get messages again."""
    ask(lambda client: client.release(channel, address))
    tell({"deleted": {"channel": channel, "address": address}}, f"{address} gets messages again")


def _by_channel(addresses: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in addresses:
        channel, equals, address = each.partition("=")
        if not equals or not channel or not address:
            raise typer.BadParameter(f"{each!r} is not CHANNEL=ADDRESS, as email=ada@example.com")
        found.setdefault(channel, []).append(address)
    return found


def _show(user: JsonObject) -> None:
    if shows_json():
        print_json(user)
        return
    prefers = user.get("preferred_channel") or "nothing"
    out.print(f"{user['user_id']}  prefers {prefers}", highlight=False, markup=False)
    listed = user.get("addresses", {})
    each = [{"channel": channel, **one} for channel, many in listed.items() for one in many]
    show_items(each, _ADDRESS_COLUMNS)


users = subcommands("Users, and where they are reached: get, put, list, delete.")
add(users, get)
add(users, put)
add(users, list_users, "list")
add(users, delete)

suppressions = subcommands("Addresses that get nothing, because of what came back: list, delete.")
add(suppressions, list_suppressions, "list")
add(suppressions, delete_suppression, "delete")
