"""Many at once, from CSV files, with a progress bar; both can be stopped and started again."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from asyncnotify.answers import JsonObject
from asyncnotify.api import CHANNELS
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import err, print_error
from asyncnotify.csv_file import BadFile, Row
from asyncnotify.csv_job import CsvJob
from asyncnotify.errors import AsyncNotifyError
from asyncnotify.settings import gateway_url

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
Again = Annotated[bool, typer.Option("--again", help="Also do rows that an earlier run has done.")]

Multiline = Annotated[
    bool,
    typer.Option(
        "--multiline", help="Accept line breaks in cells, even if a line looks like a row."
    ),
]


def import_users(file: CsvFile, again: Again = False, multiline: Multiline = False) -> None:
    """Store the users of a CSV file: user_id, a column for each channel, preferred_channel.

    Rows that are done are skipped when it is run again.
    """
    columns = ("user_id", *CHANNELS, "preferred_channel")
    job = _job(file, ("user_id",), columns, multiline=multiline)

    async def store(client: AsyncNotify, _: int, row: Row) -> JsonObject:
        contact = {name: cell for name, cell in row.items() if name != "user_id"}
        return await client.put_user(row["user_id"], contact)

    _work_through(job, store, again=again)


def send_many(file: CsvFile, again: Again = False, multiline: Multiline = False) -> None:
    """Send one notification per row of a CSV file: user_id, message, and the optional fields.

    Rows that are done are skipped when it is run again. A row is not accepted twice within 24
    hours in any case: its content makes its idempotency key.
    """
    job = _job(file, ("user_id", "message"), MESSAGE_COLUMNS, multiline=multiline)

    async def send(client: AsyncNotify, number: int, row: Row) -> JsonObject:
        known = {"user_id", "message"}
        rest: dict[str, Any] = {name: cell for name, cell in row.items() if name not in known}
        key = hashlib.sha256(json.dumps([file.name, job.rows[number].key]).encode()).hexdigest()
        return await client.send(
            row["user_id"], row["message"], idempotency_key=f"send-many-{key}", **rest
        )

    _work_through(job, send, again=again)


def _job(file: Path, required: Sequence[str], allowed: Sequence[str], *, multiline: bool) -> CsvJob:
    target = gateway_url()
    return CsvJob(file, required, allowed, target=target, multiline=multiline)


def _work_through(
    job: CsvJob, handle: Callable[[AsyncNotify, int, Row], Awaitable[object]], *, again: bool
) -> None:
    try:
        job.load(again=again)
        skipped = job.done
        if skipped:
            err.print(
                f"{skipped} of {len(job.rows)} rows were done by an earlier run, and are skipped;"
                " --again starts over"
            )
        asyncio.run(_run(job, handle))
    except (BadFile, OSError) as error:
        err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    except AsyncNotifyError as error:
        print_error(error)
        err.print(f"stopped with {job.done} of {len(job.rows)} rows done; run it again to go on")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        err.print(f"stopped with {job.done} of {len(job.rows)} rows done; run it again to go on")
        raise typer.Exit(130) from None
    skipping = f", {skipped} skipped" if skipped else ""
    typer.echo(f"{len(job.rows)} rows, {job.rejected} refused{skipping}")
    if job.rejected:
        typer.echo(f"refused rows and why: {job.rejected_file}", err=True)
        raise typer.Exit(1)


async def _run(job: CsvJob, handle: Callable[[AsyncNotify, int, Row], Awaitable[object]]) -> None:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("rows", total=len(job.rows), completed=job.done)
        job.on_progress = lambda done: progress.update(task, completed=done)
        async with AsyncNotify(job.target) as client:
            await job.run(lambda number, row: handle(client, number, row))
