"""What clients have used up, in memory: for one gateway, and while the store is away."""

from collections.abc import Callable, Sequence
from time import time

from gateway.domain.limits import KEPT_SECONDS, UNUSED, Draw, Drawn, Usage, settle


class InMemoryUsage:
    """A `UsageStore` of this process alone."""

    def __init__(self, now: Callable[[], float] = time) -> None:
        self._now = now
        self._usage: dict[tuple[str, str], Usage] = {}

    async def draw(self, draws: Sequence[Draw]) -> Sequence[Drawn]:
        """See `UsageStore`."""
        return [self._settle(each) for each in draws]

    async def forget(self) -> None:
        """See `UsageStore`."""
        before = self._now() - KEPT_SECONDS
        self._usage = {place: each for place, each in self._usage.items() if each.at >= before}

    def _settle(self, draw: Draw) -> Drawn:
        place = draw.client, draw.policy.name
        usage, drawn = settle(draw, self._usage.get(place, UNUSED), self._now())
        self._usage[place] = usage
        return drawn
