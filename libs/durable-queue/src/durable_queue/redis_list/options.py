"""What can be set of a queue on Redis."""

from dataclasses import dataclass
from datetime import timedelta

BLPOP_SLICE = timedelta(seconds=15)
"""The longest that one BLPOP blocks, and nothing is heard of a Redis that is there no more."""

CLAIM_LIMIT = 128
"""The most messages that one claim leases: they keep Redis from all else for some 3 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisListOptions:
    """Limits and periods; the defaults are those of production."""

    namespace: str = "an"
    lease: timedelta = timedelta(seconds=60)
    retention: timedelta = timedelta(days=30)
    """How long an ended message is remembered."""
    max_waiting: int = 1_000_000
    """Messages in a lane that wait for their turn or time, before `QueueFull`."""
    max_deliveries: int = 10
    """Deliveries without an outcome before a message counts as poison."""
    ticket_grace: timedelta = timedelta(seconds=2)
    """How long a popped ticket may stay unclaimed before it is issued again."""
    tick_limit: int = 500
    """Messages of each kind that one script of upkeep moves: 500 take about 5 ms of Redis."""
    call_timeout: timedelta = timedelta(seconds=1.5)
    """How long a call waits for Redis, connecting included."""
