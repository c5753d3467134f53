"""`asyncnotify up`: the whole system on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def up(
    *,
    port: Annotated[int | None, typer.Option(help="The gateway's port.")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path(".data"),
    broker_url: Annotated[
        str | None, typer.Option(help="A broker to use instead of the embedded Redis.")
    ] = None,
    dispatchers: Annotated[int, typer.Option(min=1, max=64, help="How many workers.")] = 1,
    lab: Annotated[
        bool,
        typer.Option("--lab", help="Real providers' code, with the lab in the providers' place."),
    ] = False,
) -> None:
    """Run the whole system on this machine until Ctrl-C."""
    try:
        # The client alone is installed without what this needs.
        from asyncnotify.local.up import run_system  # noqa: PLC0415
    except ModuleNotFoundError as error:
        typer.echo(
            f"error: `asyncnotify up` needs more than the client ({error.name} is missing): "
            "pip install 'asyncnotify[local]'",
            err=True,
        )
        raise typer.Exit(1) from error
    raise typer.Exit(run_system(port, data_dir, broker_url, dispatchers, with_lab=lab))
