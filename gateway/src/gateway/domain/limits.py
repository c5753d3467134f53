"""How much of something a client may use in a time, and how much it has used.

Two kinds of policy: a bucket that fills up all the time (requests), and a day's worth that is there
again at midnight UTC (notifications). Times are seconds since 1970.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import Final

DAY: Final = 86_400
KEPT_SECONDS: Final = 2 * DAY
"""For so long it is known what was used up: longer than any policy's window."""
_NEARLY: Final = 1e-6
"""What is lost in the last digits of a time must not cost a whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """At most `quota` at once; `per_second` come back all the time, or else all at midnight."""

    name: str
    quota: int
    per_second: float | None = None

    @property
    def window(self) -> int:
        """How many seconds it takes until all of it is back."""
        return DAY if self.per_second is None else max(1, ceil(self.quota / self.per_second))

    @property
    def in_window(self) -> int:
        """How many there are in that time."""
        return self.quota if self.per_second is None else max(self.quota, ceil(self.per_second))

    def used_at(self, usage: "Usage", now: float) -> float:
        """Return how many are used up by now; a clock that went back gives nothing back."""
        if self.per_second is None:
            return usage.used if now // DAY <= usage.at // DAY else 0
        return max(0.0, usage.used - max(0.0, now - usage.at) * self.per_second)

    def wait_for(self, count: float, used: float, now: float) -> float:
        """Return in how many seconds there will be `count`."""
        missing = used + count - self.quota
        if missing <= 0:
            return 0
        return DAY - now % DAY if self.per_second is None else missing / self.per_second


@dataclass(frozen=True, slots=True)
class Usage:
    """How many were used up at a time."""

    used: float
    at: float


UNUSED: Final = Usage(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a gateway wants for a client's next calls, and gives back of what it had."""

    client: str
    policy: Policy
    wanted: int
    returned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What it gets; how many are left then, and in how many seconds there is another one."""

    granted: int
    left: int
    next_in: float


def settle(draw: Draw, usage: Usage, now: float) -> tuple[Usage, Drawn]:
    """Return how many are used up after a draw, and what the gateway gets."""
    policy = draw.policy
    used = max(0.0, policy.used_at(usage, now) - draw.returned)
    granted = max(0, min(draw.wanted, floor(policy.quota - used + _NEARLY)))
    used += granted
    left = max(0, floor(policy.quota - used + _NEARLY))
    drawn = Drawn(granted=granted, left=left, next_in=policy.wait_for(1, used, now))
    return Usage(used, max(now, usage.at)), drawn
