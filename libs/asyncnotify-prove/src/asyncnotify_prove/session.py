"""A chaos run with its own system, and a picture of it on a terminal while it goes on."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.table import Table

from asyncnotify_prove.backing import Backing
from asyncnotify_prove.faults import Fault, PlannedFault
from asyncnotify_prove.harness import Harness
from asyncnotify_prove.load import Load
from asyncnotify_prove.report import Outcome
from asyncnotify_prove.requests import ASKABLE_CHANNELS, HELD_CHANNEL, LAB_HELD_CHANNELS, LAB_KINDS
from asyncnotify_prove.run import Run, Watch

SHOWN_EVENTS: Final = 8
LEASE_SECONDS: Final = 5.0


LAB_SETTINGS: Final = {
    "DELIVERY": "live",
    "PROVIDER_BREAKER_SECONDS": "2",
    "MAX_PER_ADDRESS_PER_HOUR": "sms=1000000",
    **{f"{channel.upper()}_ON_AMBIGUOUS": "hold" for channel in LAB_HELD_CHANNELS},
}


def settings(lease: float = LEASE_SECONDS) -> dict[str, str]:
    """Return the services' settings of a run, beside those that every harness has.

    Leases are short, so that a run of a minute sees lost ones end; few notifications are in hand at
    once, so that those that wait do so in the queues; half-sent requests can take all connections;
    one channel holds what is uncertain.
    """
    return {
        "LEASE_SECONDS": str(lease),
        "PROVIDER_TIMEOUT_SECONDS": str(min(10.0, lease * 0.8)),
        "DISPATCHER_CONCURRENCY": "16",
        "HTTP_HEAD_SECONDS": "3",
        "HTTP_BODY_SECONDS": "5",
        "MAX_CONNECTIONS": "300",
        f"{HELD_CHANNEL.upper()}_ON_AMBIGUOUS": "hold",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run: how many notifications, for how many seconds, with leases of how many."""

    backing: Backing
    faults: Sequence[PlannedFault]
    notifications: int
    seconds: float
    seed: int
    lease: float = LEASE_SECONDS

    def harness(self, folder: Path) -> Harness:
        """Return the system for it, not yet started."""
        return Harness(
            folder,
            seed=self.seed,
            backing=self.backing,
            environment=settings(self.lease) | (LAB_SETTINGS if self.backing.has_lab else {}),
            sets_clock=self.sets_clock,
        )

    def load(self, url: str) -> Load:
        """Return its clients, who send to a gateway."""
        load = Load(url, self.notifications, self.seconds, self.seed)
        if self.backing.has_lab:
            load.kinds, load.held, load.askable = LAB_KINDS, LAB_HELD_CHANNELS, ASKABLE_CHANNELS
        if self.sets_clock:
            load.kinds = [kind for kind in load.kinds if kind.is_untimed]
        return load

    @property
    def sets_clock(self) -> bool:
        """Whether the broker's clock will jump."""
        return any(each.fault is Fault.BROKER_CLOCK_JUMP for each in self.faults)


async def run_session(options: RunOptions, console: Console) -> Outcome:
    """Start a system, prove it, stop it.

    Raises:
        StartFailed: it does not start.
        FileNotFoundError: it is to run on a RabbitMQ of its own, and none is installed.
    """
    with tempfile.TemporaryDirectory(prefix="asyncnotify-prove-") as folder:
        harness, watch, events = options.harness(Path(folder)), Watch(), list[str]()

        def say(line: str) -> None:
            if not console.is_terminal:  # where it is one, the picture says it
                console.print(line, highlight=False)

        def note(line: str) -> None:
            events.append(line)
            say(line)

        try:
            say("starting a system")
            await harness.start()
            load = options.load(harness.url)
            run = Run(harness=harness, load=load, faults=options.faults, backing=options.backing)
            run.watch, run.note, run.say = watch, note, say
            with _progress(console, load, watch, events):
                return await run.prove()
        finally:
            await harness.stop()


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
