"""`asyncnotify prove`: the proof that nothing is lost, on this machine."""

import asyncio
import os
from collections.abc import Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from asyncnotify.commands.terminal import err
from asyncnotify.local.supervisor import StartFailed
from service_kit.private_files import MASK, make_private

from asyncnotify_prove.backing import Backing
from asyncnotify_prove.faults import Fault, parse_faults, plan
from asyncnotify_prove.report import Outcome, write


class Providers(StrEnum):
    """Who is sent to in a run."""

    FAKE = "fake"
    LAB = "lab"


Lease = Annotated[
    float,
    typer.Option(min=2, max=600, help="Seconds for which a silent worker keeps a notification."),
]
WhichProviders = Annotated[
    Providers, typer.Option(help="fake, or lab: real ones, and faults on their wires, too.")
]
BrokerUrl = Annotated[
    str,
    typer.Option(
        help="redis:// or amqp:// for one of its own, which is then killed, too; "
        "with a host, a broker that runs."
    ),
]


def prove_it(
    notifications: Annotated[int, typer.Option("-n", "--notifications", min=1)] = 5000,
    seconds: Annotated[float, typer.Option(min=5, help="How long faults happen.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed makes the same plan.")] = 1,
    broker_url: BrokerUrl = "redis://",
    ledger_url: Annotated[
        str | None,
        typer.Option(help="On RabbitMQ: redis:// (default), with or without a host, or memory://."),
    ] = None,
    providers: WhichProviders = Providers.FAKE,
    faults: Annotated[str, typer.Option(help="all, none, or a comma separated list.")] = "all",
    lease: Lease = 5,
    report: Annotated[Path, typer.Option(help="Folder for prove.md and prove.json.")] = Path(
        ".data/prove"
    ),
) -> None:
    """Send notifications while services are killed, and prove that none is lost.

    Starts a system of its own on free ports. In a broker that runs already, it uses names of its
    own, and removes them. Exits with 1 if any promise was broken.
    """
    # Imported here: the other commands need not wait for the libraries of the load.
    from asyncnotify_prove.session import RunOptions, run_session  # noqa: PLC0415

    backing = _backing(broker_url, ledger_url, providers)
    options = RunOptions(
        backing=backing,
        faults=plan(_faults(faults, backing), seconds, seed, backing.failpoints),
        notifications=notifications,
        seconds=seconds,
        seed=seed,
        lease=lease,
    )
    os.umask(MASK)
    outcome = _wait_for(run_session(options, err))
    make_private(report / "prove.md", report / "prove.json")
    markdown, document = write(outcome, report)
    typer.echo(outcome.as_markdown())
    typer.echo(f"written to {markdown} and {document}", err=True)
    raise typer.Exit(0 if outcome.is_kept else 1)


def _backing(broker_url: str, ledger_url: str | None, providers: Providers) -> Backing:
    try:
        return Backing.parse(broker_url, ledger_url, has_lab=providers is Providers.LAB)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--broker-url, --ledger-url") from error


def _faults(names: str, backing: Backing) -> list[Fault]:
    try:
        return backing.select(parse_faults(names, backing.possible()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from error


def _wait_for(session: Coroutine[Any, Any, Outcome]) -> Outcome:
    try:
        return asyncio.run(session)
    except (StartFailed, FileNotFoundError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
