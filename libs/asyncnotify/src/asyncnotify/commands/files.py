"""Many at once, from CSV files, with a progress bar; both can be stopped and started again."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from asyncnotify.api import CHANNELS
from asyncnotify.client import AsyncNotify
from asyncnotify.commands.console import ExitCode, exit_code, print_error, print_json
from asyncnotify.commands.global_options import said
from asyncnotify.commands.terminal import err
from asyncnotify.counted import counted
from asyncnotify.csv_file import BadFile, CsvRow
from asyncnotify.csv_job import CsvJob
from asyncnotify.errors import AsyncNotifyError, Refused

MESSAGE_COLUMNS = (
    "user_id",
    "message",
    "channel",
    "subject",
    "priority",
    "send_at",
    "expires_at",
    "html",
    "tags",
    "reference",
)
Handle = Callable[[AsyncNotify, Sequence[CsvRow]], Awaitable[Sequence[Refused | None]]]
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

    Rows that are done are skipped when it is run again; refused ones are written to a file.
    """
    columns = ("user_id", *CHANNELS, "preferred_channel")
    job = _job(file, ("user_id",), columns, multiline=multiline)

    async def store(client: AsyncNotify, rows: Sequence[CsvRow]) -> Sequence[Refused | None]:
        return [item.error for item in await client.put_users([row.cells for row in rows])]

    _work_through(job, store, again=again)


def send_many(file: CsvFile, again: Again = False, multiline: Multiline = False) -> None:
    """Send one notification per row of a CSV file: user_id, message, and the optional fields.

    Those are channel, subject, priority, send_at, expires_at, html, reference, and tags, which
    have spaces between them.

    Rows that are done are skipped when it is run again; refused ones are written to a file. A row
    is not accepted twice within 24 hours in any case: its content makes its idempotency key.
    """
    job = _job(file, ("user_id", "message"), MESSAGE_COLUMNS, multiline=multiline)

    def keyed(row: CsvRow) -> dict[str, object]:
        key = hashlib.sha256(json.dumps([file.name, row.key]).encode()).hexdigest()
        tags = row.cells.get("tags", "").replace(",", " ").split()
        asked: dict[str, object] = {**row.cells, "idempotency_key": f"send-many-{key}"}
        return {**asked, "tags": tags} if tags else asked

    async def send(client: AsyncNotify, rows: Sequence[CsvRow]) -> Sequence[Refused | None]:
        return [item.error for item in await client.send_batch([keyed(row) for row in rows])]

    _work_through(job, send, again=again)


def _job(file: Path, required: Sequence[str], allowed: Sequence[str], *, multiline: bool) -> CsvJob:
    return CsvJob(file, required, allowed, target=said().gateway, multiline=multiline)


def _work_through(job: CsvJob, handle: Handle, *, again: bool) -> None:
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
        raise typer.Exit(ExitCode.REFUSED) from error
    except AsyncNotifyError as error:
        print_error(error)
        _say_where_it_stopped(job)
        raise typer.Exit(exit_code(error)) from error
    except KeyboardInterrupt:
        _say_where_it_stopped(job)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _sum_up(job, skipped)
    raise typer.Exit(ExitCode.REFUSED if job.rejected else ExitCode.DONE)


def _say_where_it_stopped(job: CsvJob) -> None:
    err.print(f"stopped with {job.done} of {len(job.rows)} rows done; run it again to go on")


def _sum_up(job: CsvJob, skipped: int) -> None:
    rejected_file = str(job.rejected_file) if job.rejected else None
    if said().as_json:
        counts = {"rows": len(job.rows), "refused": job.rejected, "skipped": skipped}
        print_json({**counts, "rejected_file": rejected_file})
        return
    accepted = len(job.rows) - job.rejected
    earlier = f" ({skipped} by an earlier run)" if skipped else ""
    rows = counted(len(job.rows), "row")
    typer.echo(f"{rows}: {accepted} accepted, {job.rejected} refused{earlier}")
    if rejected_file:
        typer.echo(f"refused rows and why: {rejected_file}", err=True)


async def _run(job: CsvJob, handle: Handle) -> None:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[waits]}"),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("rows", total=len(job.rows), completed=job.done, waits="")
        reasons: set[str] = set()

        def say_why_it_waits(why: str) -> None:
            progress.update(task, waits=f"waiting: {escape(why)}")
            if progress.disable and why not in reasons:
                err.print(f"waiting: {why}", highlight=False, markup=False)
            reasons.add(why)

        job.on_progress = lambda done: progress.update(task, completed=done, waits="")
        job.on_wait = say_why_it_waits
        async with AsyncNotify(job.target, key=said().key) as client:
            await job.run(lambda rows: handle(client, rows))
