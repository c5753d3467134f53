"""`asyncnotify doctor`: what is wrong, in the words of who refuses, and what to do about it."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from asyncnotify.checkup import Checkup
from asyncnotify.commands.console import print_error, print_json
from asyncnotify.commands.global_options import said
from asyncnotify.commands.terminal import out
from asyncnotify.errors import AsyncNotifyError
from asyncnotify.findings import Finding
from asyncnotify.free_space import DATA_DIR

_STDIN = "-"


def doctor(
    provider: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Try this provider, without a running system; - reads its URL from stdin.",
        ),
    ] = None,
    provider_file: Annotated[
        Path | None,
        typer.Option(help="The same, with URLs from a file: passwords stay out of the history."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Send it a test message, really.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="The provider's channel, if its URL can be for several.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=600, help="Seconds that a provider may take.")
    ] = 30,
    data_dir: Annotated[
        Path, typer.Option(help="Where the system keeps its data: this disk is looked at.")
    ] = DATA_DIR,
) -> None:
    """Look at the running system, or try one provider; say what is wrong, and what to do.

    Exits with 0 if all is well, with 1 if something is not, with 2 if it was asked wrongly.
    """
    as_json = said().as_json
    if provider is None and provider_file is None:
        if to is not None or channel is not None:
            raise typer.BadParameter("--to and --channel go with --provider or --provider-file")
        findings = _of_the_system(data_dir, as_json=as_json)
    else:
        text = _given(provider, provider_file)
        findings = _of_providers(text, channel, to, timeout, as_json=as_json)
    is_ok = all(each.is_ok for each in findings)
    if as_json:
        found = {"is_ok": is_ok, "findings": [asdict(each) for each in findings]}
        print_json(found)
    raise typer.Exit(0 if is_ok else 1)


def _of_the_system(data_dir: Path, *, as_json: bool) -> list[Finding]:
    try:
        with Checkup(said().gateway, key=said().any_key, data_dir=data_dir) as checkup:
            return _shown(checkup.findings(), as_json=as_json)
    except AsyncNotifyError as error:
        print_error(error)
        raise typer.Exit(2) from error


def _given(provider: str | None, file: Path | None) -> str:
    if provider is not None and file is not None:
        raise typer.BadParameter("give --provider or --provider-file, not both")
    try:
        if file is not None:
            return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} can't be read: {type(error).__name__}") from error
    return sys.stdin.read() if provider == _STDIN else provider or ""


def _of_providers(
    text: str, channel: str | None, to: str | None, timeout: float, *, as_json: bool
) -> list[Finding]:
    try:
        # The client alone is installed without what this needs.
        from asyncnotify.local.provider_checks import (  # noqa: PLC0415
            InvalidProvider,
            check_providers,
        )
    except ModuleNotFoundError as error:
        words = f"trying a provider needs more than the client ({error.name} is missing)"
        typer.echo(f"error: {words}: pip install 'asyncnotify[local]'", err=True)
        raise typer.Exit(2) from error

    async def check() -> list[Finding]:
        limit = timedelta(seconds=timeout)
        found: list[Finding] = []
        async for each in check_providers(text, channel, to, limit):
            found += _shown([each], as_json=as_json)
        return found

    try:
        return asyncio.run(check())
    except InvalidProvider as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


def _shown(findings: Iterable[Finding], *, as_json: bool) -> list[Finding]:
    """Print each finding for people, as it comes; return them all."""
    seen = []
    for each in findings:
        seen.append(each)
        if as_json:
            continue
        mark = "[green]ok[/green]  " if each.is_ok else "[red]wrong[/red]"
        out.print(f"{mark} {escape(each.name)}: {escape(each.words)}", highlight=False)
        if each.advice:
            out.print(f"      → {escape(each.advice)}", highlight=False)
    return seen
