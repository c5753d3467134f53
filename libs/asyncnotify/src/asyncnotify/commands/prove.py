"""`asyncnotify prove`: the proof that nothing is lost, on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from asyncnotify.commands.console import err
from asyncnotify.prove.faults import parse_faults, plan
from asyncnotify.prove.report import write
from asyncnotify.supervisor import StartFailed


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
    # Imported here: the other commands need not wait for the libraries of the load.
    from asyncnotify.prove.session import run_session  # noqa: PLC0415

    try:
        planned = plan(parse_faults(faults), seconds, seed)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from error
    session = run_session(
        planned, notifications=notifications, seconds=seconds, seed=seed, console=err
    )
    try:
        outcome = asyncio.run(session)
    except StartFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    markdown, document = write(outcome, report)
    typer.echo(outcome.as_markdown())
    typer.echo(f"written to {markdown} and {document}", err=True)
    raise typer.Exit(0 if outcome.is_kept else 1)
