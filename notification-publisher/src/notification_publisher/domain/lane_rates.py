"""How fast messages leave each lane."""

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

PERIOD: Final = timedelta(seconds=10)
"""Over about so long a rate is taken."""

_SHORTEST_S: Final = 0.5

Left = Mapping[str, int | None]
"""How many messages have left each lane since some time in the past; None where nobody counts."""


class LaneRates:
    """Turns counts that are taken now and then into rates; None where there is no earlier count."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Left]] = deque()

    def observe(self, left: Left, at_s: float) -> Mapping[str, float | None]:
        """Return how many a second have left each lane since the earliest count of the period.

        `at_s` is by a clock that is never set.
        """
        while self._samples and self._samples[0][0] < at_s - PERIOD.total_seconds():
            self._samples.popleft()
        self._samples.append((at_s, left))
        since_s, before = self._samples[0]
        passed_s = at_s - since_s
        return {lane: _rate(before.get(lane), now, passed_s) for lane, now in left.items()}


def _rate(before: int | None, now: int | None, passed_s: float) -> float | None:
    if before is None or now is None or passed_s < _SHORTEST_S:
        return None
    # What its worker handed back untried may be counted twice.
    return round(max(now - before, 0) / passed_s, 1)
