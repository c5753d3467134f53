"""A chaos run with its own system, and a picture of it on a terminal while it goes on."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from asyncnotify.prove.backing import Backing
from asyncnotify.prove.faults import PlannedFault
from asyncnotify.prove.load import Load
from asyncnotify.prove.report import Outcome
from asyncnotify.prove.run import Watch, prove
from asyncnotify.prove.stage import Stage

SHOWN_EVENTS: Final = 8


async def run_session(
    backing: Backing,
    faults: Sequence[PlannedFault],
    *,
    notifications: int,
    seconds: float,
    seed: int,
    console: Console,
) -> Outcome:
    """Start a system, prove it, stop it.

    Raises:
        StartFailed: it does not start.
        FileNotFoundError: it is to run on a RabbitMQ of its own, and none is installed.
    """
    with tempfile.TemporaryDirectory(prefix="asyncnotify-prove-") as folder:
        stage, watch, events = Stage(Path(folder), seed=seed, backing=backing), Watch(), list[str]()

        def note(line: str) -> None:
            events.append(line)
            if not console.is_terminal:
                console.print(line, highlight=False)

        try:
            await stage.start()
            load = Load(stage.url, notifications, seconds, seed)
            with _progress(console, load, watch, events):
                return await prove(stage, load, faults, broker=backing.name, watch=watch, note=note)
        finally:
            await stage.stop()


@contextlib.contextmanager
def _progress(console: Console, load: Load, watch: Watch, events: list[str]) -> Iterator[None]:
    if not console.is_terminal:
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

    with Live(get_renderable=picture, console=console, refresh_per_second=8, transient=True):
        yield
