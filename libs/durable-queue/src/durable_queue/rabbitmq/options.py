"""What can be set of a queue on RabbitMQ."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

TIERS: Final = (
    timedelta(seconds=1),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
"""Delay queues, each for one period: quorum queues expire messages at their head only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitOptions:
    """Limits and periods; the defaults are those of production."""

    namespace: str = "an"
    lanes: tuple[str, ...] = ()
    """Lanes that are declared at once; others are when they are first used."""
    lease: timedelta = timedelta(seconds=60)
    max_waiting: int = 1_000_000
    """Waiting messages in a lane before `QueueFull`; soft by what is under way."""
    max_deliveries: int = 10
    """Deliveries without an outcome before a message counts as poison."""
    prefetch: int = 128
    """Messages of a lane that the broker hands to this process ahead of time; half of them may be
    worked on in another lane, into which they were advanced."""
    dead_letters_at_once: int = 20_000
    """Dead letters that are held at once to look through them; the next ones come in turn."""
    audits: bool = True
    """Whether `heal` makes claims and records agree with the dead letters: one process will do."""
    tiers: tuple[timedelta, ...] = TIERS
    call_timeout: timedelta = timedelta(seconds=1.5)
    """How long a call waits for RabbitMQ, connecting included."""
    watch_every: timedelta = timedelta(seconds=5)
    """How often a connection is asked whether it still lives."""

    @property
    def heartbeat(self) -> timedelta:
        """How often both ends say that they live; the broker gives up on us after two to three.

        Only then are a frozen process's messages given to another: that must be before its leases
        run out, but not so soon that a busy process is cut off.
        """
        return min(max(self.lease // 6, timedelta(seconds=1)), timedelta(seconds=10))
