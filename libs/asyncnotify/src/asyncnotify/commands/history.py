"""The operator's side: what has ended."""

import sys
from typing import Annotated

import typer

from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ask, tell
from asyncnotify.counted import counted


def forget(
    before: Annotated[str, typer.Option(help="Those that ended before this time, RFC 3339.")],
    *,
    dry_run: Annotated[bool, typer.Option(help="Only count them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget notifications that ended before a time. Dead letters stay."""
    is_sure = yes or not sys.stdin.isatty()
    if dry_run or not is_sure:
        count = ask(lambda client: client.forget(before, dry_run=True))["forgotten"]
        if dry_run:
            _tell(count, "would be forgotten", dry_run=True)
            return
        ended = counted(count, "notification")
        typer.confirm(f"forget {ended} that ended before {before}?", abort=True)

    async def talk(client: AsyncNotify) -> int:
        answer = await client.forget(before)
        count = int(answer["forgotten"])
        while answer["more"]:
            answer = await client.forget(before)
            count += int(answer["forgotten"])
        return count

    _tell(ask(talk), "forgotten", dry_run=False)


def _tell(count: int, words: str, *, dry_run: bool) -> None:
    tell({"forgotten": count, "dry_run": dry_run}, f"{count} {words}")
