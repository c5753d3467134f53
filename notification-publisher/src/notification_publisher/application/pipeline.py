"""What waits where, and for how long."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from durable_queue.port import BrokerClock, LaneDepth
from notification_contracts.channels import ChannelName
from notification_contracts.lanes import all_lanes, parts_of
from notification_contracts.states import Priority, Status
from notification_ledger.reading import LedgerReader

from notification_publisher.application.channels import ChannelState, ShowChannels
from notification_publisher.domain.lane_rates import LaneRates, Left


class LaneDepths(BrokerClock, Protocol):
    """What is asked of the queue."""

    async def depths(self, lanes: Sequence[str]) -> Mapping[str, LaneDepth]:
        """Count the messages of each lane. Raises `QueueUnavailable`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A lane, and what is in it; None where the broker does not say."""

    stage: str
    channel: ChannelName | None
    priority: Priority
    waiting: int
    in_flight: int | None
    delayed: int | None
    oldest_seconds: float | None
    per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """How many notifications are where, at one moment."""

    at: datetime
    waiting: int
    in_flight: int
    retrying: int
    scheduled: int
    dead: int
    oldest_seconds: float | None
    lanes: Sequence[Lane]
    channels: Sequence[ChannelState]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPipeline:
    """Count what is in each lane, and the records of each status.

    `monotonic` is a clock that is never set, in seconds. Raises `QueueUnavailable` and
    `LedgerUnavailable`.
    """

    queue: LaneDepths
    ledger: LedgerReader
    channels: ShowChannels
    monotonic: Callable[[], float]
    rates: LaneRates = field(default_factory=LaneRates)

    async def __call__(self) -> Pipeline:
        at, depths, counts, channels = await asyncio.gather(
            self.queue.time(),
            self.queue.depths(all_lanes()),
            self.ledger.count_by_status(),
            self.channels(),
        )
        rates = self.rates.observe(_left(depths), self.monotonic())
        lanes = [_lane(name, depth, rates[name]) for name, depth in depths.items()]
        waiting, in_flight = _in_all(depths.values(), counts)
        ages = [lane.oldest_seconds for lane in lanes if lane.oldest_seconds is not None]
        return Pipeline(
            at=at,
            waiting=waiting,
            in_flight=in_flight,
            retrying=counts.get(Status.RETRYING, 0),
            scheduled=counts.get(Status.SCHEDULED, 0),
            dead=counts.get(Status.FAILED, 0),
            oldest_seconds=max(ages, default=None),
            lanes=lanes,
            channels=channels,
        )


def _left(depths: Mapping[str, LaneDepth]) -> Left:
    return {
        name: None if depth.entered is None else depth.entered - depth.waiting - depth.leased
        for name, depth in depths.items()
    }


def _in_all(depths: Collection[LaneDepth], counts: Mapping[Status, int]) -> tuple[int, int]:
    """Return how many wait, and how many workers hold.

    A broker that does not know what other processes hold is not asked, but the records.
    """
    if all(depth.is_complete for depth in depths):
        return sum(depth.waiting for depth in depths), sum(depth.leased for depth in depths)
    waiting = counts.get(Status.QUEUED, 0) + counts.get(Status.VALIDATED, 0)
    return waiting, counts.get(Status.SENDING, 0)


def _lane(name: str, depth: LaneDepth, rate: float | None) -> Lane:
    parts, is_known = parts_of(name), depth.is_complete
    has_age = is_known and depth.waiting > 0
    return Lane(
        stage=parts.stage,
        channel=parts.channel,
        priority=parts.priority,
        waiting=depth.waiting,
        in_flight=depth.leased if is_known else None,
        delayed=depth.delayed if is_known else None,
        oldest_seconds=round(depth.oldest_waiting.total_seconds(), 3) if has_age else None,
        per_second=rate,
    )
