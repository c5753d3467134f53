"""What every command shares: the terminal, the client, and how errors are shown."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from asyncnotify.client import AsyncNotify
from asyncnotify.errors import AsyncNotifyError, Refused
from asyncnotify.settings import gateway_url

RETRY_SECONDS = 5.0
"""Somebody waits at the terminal: long enough for a restart, short enough for a wrong address."""

T = TypeVar("T")
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def ask(call: Callable[[AsyncNotify], Awaitable[T]]) -> T:
    """Run one conversation with the gateway; exit with 1 and clear words if it fails."""

    async def talk() -> T:
        url = gateway_url()
        async with AsyncNotify(url, retry_seconds=RETRY_SECONDS) as client:
            return await call(client)

    try:
        return asyncio.run(talk())
    except AsyncNotifyError as error:
        print_error(error)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def print_error(error: AsyncNotifyError) -> None:
    """Print an error for people, with every bad field."""
    err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
    if isinstance(error, Refused):
        for fault in error.errors:
            line = f"  {fault['pointer'] or '/'}: {fault['message']}"
            err.print(line, highlight=False, markup=False)


def is_terminal() -> bool:
    """Tell whether a person is watching."""
    return sys.stdout.isatty()
