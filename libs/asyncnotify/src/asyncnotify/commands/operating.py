"""The operator's side: channels, and who carries the messages."""

from typing import Annotated

import typer

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, print_json, shows_json
from asyncnotify.commands.group import add, subcommands
from asyncnotify.commands.tables import show_items
from asyncnotify.commands.terminal import out

_CHANNEL_COLUMNS = {"channel": "channel", "paused": "is_paused", "since": "paused_at"}
_PROVIDER_COLUMNS = {
    "channel": "channel",
    "provider": "name",
    "kind": "scheme",
    "breaker": "breaker",
    "refuses": "reason",
    "paused until": "paused_until",
}

Channel = Annotated[str, typer.Argument(metavar="CHANNEL")]


def list_channels() -> None:
    """List channels, and which are paused: a table, or a line of JSON for each."""

    async def talk(client: AsyncNotify) -> list[JsonObject]:
        return [*(await client.channels())["items"]]

    show_items(ask(talk), _CHANNEL_COLUMNS)


def pause(channel: Channel) -> None:
    """Take up nothing more on a channel; what is accepted for it waits, and is not lost."""
    _show(ask(lambda client: client.pause_channel(channel)))


def resume(channel: Channel) -> None:
    """Send what waits on a paused channel."""
    _show(ask(lambda client: client.resume_channel(channel)))


def providers() -> None:
    """Show each channel's providers, in the order in which they are tried, and how they do."""
    answer = ask(lambda client: client.providers())
    if shows_json():
        print_json(answer)
        return
    out.print(f"DELIVERY is {answer['delivery']}", highlight=False, markup=False)
    each = [
        {"channel": channel["channel"], **provider}
        for channel in answer["channels"]
        for provider in channel["providers"]
    ]
    show_items(each, _PROVIDER_COLUMNS)


def _show(state: JsonObject) -> None:
    if shows_json():
        print_json(state)
        return
    how = f"paused since {state['paused_at']}" if state["is_paused"] else "not paused"
    out.print(f"{state['channel']} is {how}", highlight=False, markup=False)


channels = subcommands("Channels: list, pause, resume.")
add(channels, list_channels, "list")
add(channels, pause)
add(channels, resume)
