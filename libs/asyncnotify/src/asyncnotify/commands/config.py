"""`asyncnotify config`: which settings are in effect, and where each comes from."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from asyncnotify.commands.console import print_json
from asyncnotify.commands.global_options import said


def config(
    changed: Annotated[bool, typer.Option(help="Only what is not as by default.")] = False,
) -> None:
    """Show the services' settings, as this environment and .env have them; secrets are masked.

    Where neither says it, `asyncnotify up` gives its services a broker and a database of its own.
    """
    try:
        # The client alone is installed without what this needs.
        from asyncnotify.local.effective_settings import (  # noqa: PLC0415
            DEFAULT,
            effective_settings,
        )
        from asyncnotify.local.settings import read_dotenv  # noqa: PLC0415
    except ModuleNotFoundError as error:
        words = f"`asyncnotify config` needs more than the client ({error.name} is missing)"
        typer.echo(f"error: {words}: pip install 'asyncnotify[local]'", err=True)
        raise typer.Exit(1) from error
    found = effective_settings(os.environ, read_dotenv(Path(".env")))
    shown = [each for each in found if not changed or each.origin != DEFAULT]
    if said().as_json:
        print_json({"settings": [asdict(each) for each in shown]})
        return
    for each in shown:
        typer.echo(f"{each.service}: {each.name}={each.value}  ({each.origin})")
