"""`asyncnotify lab`: providers to try things out with, on this machine."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

_PORT = {"min": 1, "max": 65535}


def lab(
    http_port: Annotated[int, typer.Option(help="HTTP, and the lab's own API.", **_PORT)] = 8025,
    https_port: Annotated[int, typer.Option(help="HTTP/2 over TLS.", **_PORT)] = 8026,
    smtp_port: Annotated[int, typer.Option(help="SMTP, with STARTTLS.", **_PORT)] = 1025,
    smtps_port: Annotated[int, typer.Option(help="SMTP over TLS.", **_PORT)] = 1465,
    data_dir: Annotated[
        Path, typer.Option(help="Where certificates, and what arrived, are kept.")
    ] = Path(".data/lab"),
) -> None:
    """Run the wires of e-mail, SMS, push and chat providers until Ctrl-C; nothing leaves here."""
    # Imported here: the other commands need not wait for its servers' libraries.
    from asyncnotify_lab.lab import Lab  # noqa: PLC0415
    from asyncnotify_lab.provider_urls import LabPorts  # noqa: PLC0415

    async def run() -> None:
        running = Lab(data_dir.absolute())
        ports = LabPorts(smtp=smtp_port, smtps=smtps_port, http=http_port, https=https_port)
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        try:
            await running.start(ports)
            _say_where(running.describe())
            await stopping.wait()
        finally:
            await running.stop()

    try:
        asyncio.run(run())
    except OSError as error:
        typer.echo(f"error: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


def _say_where(lab: dict[str, Any]) -> None:
    typer.echo(f"HTTP    {lab['http_url']}")
    typer.echo(f"HTTPS   {lab['https_url']}  (trust {lab['ca_file']})")
    typer.echo(f"SMTP    127.0.0.1:{lab['smtp_port']}, over TLS 127.0.0.1:{lab['smtps_port']}")
    for channel, urls in lab["provider_urls"].items():
        typer.echo(f"{channel.upper()}_PROVIDERS='{','.join(urls)}'")
    typer.echo(f"what arrived: curl {lab['http_url']}/lab/messages")
