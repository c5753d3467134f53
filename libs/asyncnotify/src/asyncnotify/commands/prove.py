"""`asyncnotify prove`: the proof that nothing is lost, on this machine."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from asyncnotify.commands.console import is_terminal, out
from asyncnotify.prove.faults import parse_faults, plan
from asyncnotify.prove.load import Load
from asyncnotify.prove.report import Outcome, write
from asyncnotify.prove.run import Watch, prove
from asyncnotify.prove.stage import Stage
from asyncnotify.supervisor import StartFailed

SHOWN_EVENTS = 8


def prove_it(
    notifications: Annotated[int, typer.Option("-n", "--notifications", min=1)] = 5000,
    seconds: Annotated[float, typer.Option(min=5, help="How long faults happen.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed makes the same plan.")] = 1,
    faults: Annotated[str, typer.Option(help="all, none, or a comma separated list.")] = "all",
    report: Annotated[Path, typer.Option(help="Folder for prove.md and prove.json.")] = Path(
        ".data/prove"
    ),
) -> None:
    """Send notifications while services are killed, and prove that none is lost.

    Starts a system of its own on free ports. Exits with 1 if any promise was broken.
    """
    try:
        planned = plan(parse_faults(faults), seconds, seed)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from error

    async def run() -> Outcome:
        with tempfile.TemporaryDirectory(prefix="asyncnotify-prove-") as folder:
            stage, watch, events = Stage(Path(folder), seed=seed), Watch(), list[str]()
            try:
                await stage.start()
                load = Load(stage.url, notifications, seconds, seed)
                with _progress(load, watch, events):
                    return await prove(
                        stage, load, planned, watch=watch, note=lambda line: _note(line, events)
                    )
            finally:
                await stage.stop()

    try:
        outcome = asyncio.run(run())
    except StartFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    markdown, document = write(outcome, report)
    typer.echo(outcome.as_markdown())
    typer.echo(f"written to {markdown} and {document}", err=True)
    raise typer.Exit(0 if outcome.is_kept else 1)


def _note(line: str, events: list[str]) -> None:
    events.append(line)
    if not is_terminal():
        typer.echo(line, err=True)


@contextlib.contextmanager
def _progress(load: Load, watch: Watch, events: list[str]) -> Iterator[None]:
    if not is_terminal():
        yield
        return

    def picture() -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_row("[bold]now[/bold]", watch.current)
        table.add_row("accepted", f"{len(load.promises)} of {load.count}")
        table.add_row("refused for now", str(sum(load.refusals.values())))
        table.add_row("faults done", str(len(watch.faults_over)))
        table.add_row("", "\n".join(events[-SHOWN_EVENTS:]))
        return table

    with Live(get_renderable=picture, console=out, refresh_per_second=8, transient=True):
        yield
