"""What workers say of many messages: one script call for all of them."""

from collections.abc import Sequence
from typing import cast

from durable_queue.delivery import Delivery
from durable_queue.errors import QueueError
from durable_queue.redis_list.connections import Argument
from durable_queue.redis_list.delivery import (
    RedisDelivery,
    settled,
    start_fields,
    started,
    verdict_fields,
)
from durable_queue.redis_list.keys import checked_lane
from durable_queue.redis_list.runner import ScriptRunner
from durable_queue.verdicts import Advance, Start, Verdict

_FORWARDED = b"FORWARDED"


class RedisBatches:
    """`MessageBatches` by scripts that take a row for each message."""

    _runner: ScriptRunner

    async def start_all(
        self, starts: Sequence[tuple[Delivery, Start]]
    ) -> Sequence[QueueError | None]:
        """Start messages."""
        rows = [_row(delivery, *start_fields(start)) for delivery, start in starts]
        replies = await self._runner.run_many("start", rows)
        pairs = zip(replies, starts, strict=True)
        return [started(reply, delivery) for reply, (delivery, _) in pairs]

    async def settle_all(
        self, verdicts: Sequence[tuple[Delivery, Verdict]]
    ) -> Sequence[QueueError | None]:
        """Settle messages."""
        rows = [_row(delivery, *verdict_fields(verdict)) for delivery, verdict in verdicts]
        replies = await self._runner.run_many("settle", rows)
        pairs = zip(replies, verdicts, strict=True)
        return [settled(reply, delivery) for reply, (delivery, _) in pairs]

    async def advance_all(
        self, advances: Sequence[tuple[Delivery, Advance]]
    ) -> Sequence[Delivery | QueueError | None]:
        """Forward messages and start them."""
        rows = [_row(each, *_advance_fields(advance)) for each, advance in advances]
        replies = await self._runner.run_many("advance", rows)
        return [
            None
            if reply == _FORWARDED
            else started(reply, delivery)
            or cast(RedisDelivery, delivery).advanced(advance.lane, advance.start.progress)
            for reply, (delivery, advance) in zip(replies, advances, strict=True)
        ]


def _row(delivery: Delivery, *fields: Argument) -> tuple[Argument, ...]:
    return delivery.id, cast(RedisDelivery, delivery).token, *fields


def _advance_fields(advance: Advance) -> tuple[Argument, ...]:
    lane, note, start = advance
    return checked_lane(lane), note, *start_fields(start)
