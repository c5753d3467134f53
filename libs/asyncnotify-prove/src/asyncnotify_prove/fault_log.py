"""What was done to the system, and when, as far as it excuses something. Times are since 1970."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

Span = tuple[float, float]


@dataclass(slots=True)
class FaultLog:
    """Spans are from when until when.

    `deaths` are of dispatchers that ended with work in hand, `frozen` those of single ones;
    `standstills` are the times in which no dispatcher ran, `jumps` those in which the
    broker's clock was wrong, `slow` those in which a dispatcher took its time with what it had
    received. `stops` are from each SIGTERM to its process's end, `shut_out` the
    times when a client got no answer while others held connections, `held_open` those in which a
    half-sent request was kept open.
    """

    deaths: list[float] = field(default_factory=list)
    frozen: list[Span] = field(default_factory=list)
    standstills: list[Span] = field(default_factory=list)
    jumps: list[Span] = field(default_factory=list)
    slow: list[Span] = field(default_factory=list)
    stops: list[Span] = field(default_factory=list)
    shut_out: list[Span] = field(default_factory=list)
    held_open: list[Span] = field(default_factory=list)

    def note_death(self) -> None:
        """A dispatcher has just been found dead."""
        self.deaths.append(time.time())

    def silences(self, since: float, until: float) -> list[float]:
        """List the moments between in which a worker fell silent with messages in flight."""
        frozen = [start for start, end in self.frozen if start <= until and end >= since]
        deaths = [at for at in self.deaths if since <= at <= until]
        # When its clock has been set, the broker lets all leases run anew.
        jumped = [at for span in self.jumps for at in span if since <= at <= until]
        return sorted(deaths + frozen + jumped)

    def was_frozen(self, since: float, until: float) -> bool:
        """Tell whether any dispatcher stood still in between."""
        return _overlaps(self.frozen, since, until)

    def was_slow(self, since: float, until: float) -> bool:
        """Tell whether any dispatcher that takes its time was at work in between."""
        return _overlaps(self.slow, since, until)


def _overlaps(spans: Iterable[Span], since: float, until: float) -> bool:
    return any(start <= until and end >= since for start, end in spans)
