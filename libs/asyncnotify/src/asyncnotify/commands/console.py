"""What every command shares: the client, how answers and errors are shown, and exit codes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any, TypeVar

import typer
from rich.markup import escape

from asyncnotify.client import AsyncNotify
from asyncnotify.commands.global_options import said
from asyncnotify.commands.terminal import err, is_terminal
from asyncnotify.errors import (
    AsyncNotifyError,
    BadSetup,
    Forbidden,
    Refused,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
)
from asyncnotify.not_ended import NotEnded

RETRY_SECONDS = 5.0
"""Somebody waits at the terminal: long enough for a restart, short enough for a wrong address."""

T = TypeVar("T")


class ExitCode(IntEnum):
    """What a command's end says to a script."""

    DONE = 0
    REFUSED = 1
    """Refused, failed, or not all is well."""
    USAGE = 2
    """The command was asked wrongly, or its surroundings are not right; nothing was sent."""
    UNREACHABLE = 3
    """Nothing that is an AsyncNotify gateway answers."""
    NOT_ALLOWED = 4
    """There is no API key, or it may not do this."""
    NOT_ENDED = 5
    """What was waited for has not come in time."""
    INTERRUPTED = 130


def ask(call: Callable[[AsyncNotify], Awaitable[T]]) -> T:
    """Run one conversation with the gateway; exit with clear words if it fails."""
    options = said()

    async def talk() -> T:
        async with AsyncNotify(
            options.gateway, key=options.key, retry_seconds=RETRY_SECONDS
        ) as client:
            return await call(client)

    try:
        return asyncio.run(talk())
    except AsyncNotifyError as error:
        print_error(error)
        raise typer.Exit(exit_code(error)) from error
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def exit_code(error: AsyncNotifyError) -> ExitCode:
    """Return the code that tells a script what went wrong."""
    match error:
        case BadSetup():
            return ExitCode.USAGE
        case Unreachable() | UnexpectedAnswer():
            return ExitCode.UNREACHABLE
        case Unauthenticated() | Forbidden():
            return ExitCode.NOT_ALLOWED
        case NotEnded():
            return ExitCode.NOT_ENDED
    return ExitCode.REFUSED


def print_error(error: AsyncNotifyError) -> None:
    """Print an error: for people, with every bad field and what to do; or as JSON."""
    if said().as_json:
        typer.echo(json.dumps({"error": _document(error)}), err=True)
        return
    is_named = isinstance(error, Refused) and error.errors
    words = "the request is invalid" if is_named else str(error)
    err.print(f"[red]error:[/red] {escape(words)}", highlight=False)
    if isinstance(error, Refused):
        for fault in error.errors:
            line = f"  {fault['pointer'] or '/'}: {fault['message']}"
            err.print(line, highlight=False, markup=False)
    if hint := _hint(error):
        err.print(f"  → {hint}", highlight=False, markup=False)


def _document(error: AsyncNotifyError) -> dict[str, Any]:
    kind = {"kind": type(error).__name__, "detail": str(error)}
    if not isinstance(error, Refused):
        return kind
    return {
        **kind,
        "status": error.status,
        "code": error.code,
        "errors": list(error.errors),
        "request_id": error.request_id,
    }


def _hint(error: AsyncNotifyError) -> str:
    match error:
        case Unreachable():
            return "`asyncnotify doctor` says what is wrong, and what to do"
        case Unauthenticated():
            return "give a key: ASYNCNOTIFY_KEY, ASYNCNOTIFY_KEY_FILE, or --key -"
    return ""


def shows_json() -> bool:
    """Tell whether JSON is to be printed: it is asked for, or a program reads it."""
    return said().as_json or not is_terminal()


def print_json(document: object) -> None:
    """Print one JSON document, in one line."""
    typer.echo(json.dumps(document))


def tell(document: object, words: str) -> None:
    """Say what was done: in words, or as JSON if that is asked for."""
    if said().as_json:
        print_json(document)
    else:
        typer.echo(words)
