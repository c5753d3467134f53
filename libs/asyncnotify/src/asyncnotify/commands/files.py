"""Many at once, from CSV files, with a progress bar; both can be stopped and started again."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from asyncnotify.answers import JsonObject
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import err, tell
from asyncnotify.csv_job import BadFile, CsvJob, Row
from asyncnotify.errors import AsyncNotifyError
from asyncnotify.settings import ClientSettings

USER_COLUMNS = ("user_id", "email", "sms", "push", "preferred_channel")
MESSAGE_COLUMNS = (
    "user_id",
    "message",
    "channel",
    "subject",
    "priority",
    "send_at",
    "expires_at",
)
CsvFile = Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False)]


def import_users(file: CsvFile) -> None:
    """Store the users of a CSV file: user_id, email, sms, push, preferred_channel."""

    async def store(client: AsyncNotify, _: int, row: Row) -> JsonObject:
        contact = {name: cell for name, cell in row.items() if name != "user_id"}
        return await client.put_user(row.get("user_id", ""), contact)

    _work_through(CsvJob(file, required=("user_id",), allowed=USER_COLUMNS), store)


def send_many(file: CsvFile) -> None:
    """Send one notification per row of a CSV file: user_id, message, and the optional fields.

    A row is never accepted twice: its number and content make its idempotency key, for 24 hours.
    """

    async def send(client: AsyncNotify, number: int, row: Row) -> JsonObject:
        rest = {name: cell for name, cell in row.items() if name not in {"user_id", "message"}}
        key = hashlib.sha256(json.dumps([file.name, number, row], sort_keys=True).encode())
        return await client.send(
            row.get("user_id", ""),
            row.get("message", ""),
            idempotency_key=f"send-many-{key.hexdigest()}",
            **rest,
        )

    _work_through(CsvJob(file, required=("user_id", "message"), allowed=MESSAGE_COLUMNS), send)


def _work_through(
    job: CsvJob, handle: Callable[[AsyncNotify, int, Row], Awaitable[object]]
) -> None:
    try:
        job.load()
    except (BadFile, UnicodeDecodeError) as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    if job.done:
        err.print(f"going on after row {job.done}", highlight=False)
    try:
        asyncio.run(_run(job, handle))
    except AsyncNotifyError as error:
        tell(error)
        err.print(f"stopped after row {job.done} of {len(job.rows)}; run it again to go on")
        raise typer.Exit(1) from error
    typer.echo(f"{len(job.rows)} rows, {job.rejected} refused")
    if job.rejected:
        typer.echo(f"refused rows and why: {job.rejected_file}", err=True)
        raise typer.Exit(1)


async def _run(job: CsvJob, handle: Callable[[AsyncNotify, int, Row], Awaitable[object]]) -> None:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("rows", total=len(job.rows), completed=job.done)
        job.tell = lambda done: progress.update(task, completed=done)
        async with AsyncNotify(ClientSettings().asyncnotify_url) as client:
            await job.run(lambda number, row: handle(client, number, row))
