"""What every command shares: the terminal, the client, and how errors are told."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from rich.console import Console

from asyncnotify.client import AsyncNotify
from asyncnotify.errors import AsyncNotifyError, Refused
from asyncnotify.settings import ClientSettings

T = TypeVar("T")
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def ask(call: Callable[[AsyncNotify], Awaitable[T]]) -> T:
    """Run one conversation with the gateway; exit with 1 and clear words if it fails."""

    async def talk() -> T:
        async with AsyncNotify(ClientSettings().asyncnotify_url) as client:
            return await call(client)

    try:
        return asyncio.run(talk())
    except AsyncNotifyError as error:
        tell(error)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def tell(error: AsyncNotifyError) -> None:
    """Print an error for people, with every bad field."""
    err.print(f"[red]error:[/red] {error}", highlight=False)
    if isinstance(error, Refused):
        for fault in error.errors:
            err.print(f"  {fault['pointer'] or '/'}: {fault['message']}", highlight=False)


def is_terminal() -> bool:
    """Tell whether a person is watching."""
    return sys.stdout.isatty()
