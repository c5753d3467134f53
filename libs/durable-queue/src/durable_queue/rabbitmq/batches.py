"""What workers say of many messages: one call of the claim store for all of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import cast

from durable_queue.delivery import Delivery
from durable_queue.errors import QueueError
from durable_queue.outcomes import outcomes_of
from durable_queue.rabbitmq.delivery import RabbitDelivery
from durable_queue.rabbitmq.publisher import Publisher
from durable_queue.rabbitmq.routing import MessageRouter
from durable_queue.rabbitmq.steps import ack_all, advance_all, start_all
from durable_queue.verdicts import Ack, Advance, Forward, Start, Verdict


class RabbitBatches:
    """`MessageBatches`. What moves through the broker goes by the deliveries' own methods."""

    _router: MessageRouter
    _publisher: Publisher

    async def start_all(
        self, starts: Sequence[tuple[Delivery, Start]]
    ) -> Sequence[QueueError | None]:
        """Start messages."""
        held = [(cast(RabbitDelivery, delivery), start) for delivery, start in starts]
        return await start_all(self._router, held)

    async def settle_all(
        self, verdicts: Sequence[tuple[Delivery, Verdict]]
    ) -> Sequence[QueueError | None]:
        """Settle messages."""
        acks = [
            (cast(RabbitDelivery, delivery), verdict)
            for delivery, verdict in verdicts
            if isinstance(verdict, Ack)
        ]
        acking = ack_all(self._router, acks)
        if len(acks) == len(verdicts):
            return await acking
        others = (each.settle(verdict) for each, verdict in verdicts if type(verdict) is not Ack)
        acked, settled = map(iter, await asyncio.gather(acking, outcomes_of(others)))
        return [next(acked if type(verdict) is Ack else settled) for _, verdict in verdicts]

    async def advance_all(
        self, advances: Sequence[tuple[Delivery, Advance]]
    ) -> Sequence[Delivery | QueueError | None]:
        """Forward messages and start them; forward those only that are not to go before others."""
        held = [(cast(RabbitDelivery, delivery), advance) for delivery, advance in advances]
        may_go = await self._may_go(held)
        going = [each for each, may in zip(held, may_go, strict=True) if may]
        waiting = [each for each, may in zip(held, may_go, strict=True) if not may]
        for each, _ in waiting:
            each.is_forwarding = True
        errors, forwarded = await asyncio.gather(
            advance_all(self._router, going),
            outcomes_of(each.settle(Forward(lane, note)) for each, (lane, note, _) in waiting),
        )
        gone = (error or each for error, (each, _) in zip(errors, going, strict=True))
        stays = iter(forwarded)
        return [next(gone) if may else next(stays) for may in may_go]

    async def _may_go(self, advances: Sequence[tuple[RabbitDelivery, Advance]]) -> list[bool]:
        asked: dict[str, bool] = {}
        away: Counter[str] = Counter()
        verdicts: list[bool] = []
        for held, (lane, *_) in advances:
            source, session = held.copy.incoming.lane, held.copy.session
            may_go = held.advancing_to == lane
            if not (may_go or held.is_forwarding) and session.has_room_away(source, away[source]):
                none_waits = session.knows_that_none_waits(lane)
                if none_waits is None:
                    if lane not in asked:
                        asked[lane] = await self._is_empty(lane)
                    none_waits = asked[lane]
                may_go = none_waits
                away[source] += may_go
            verdicts.append(may_go)
        return verdicts

    async def _is_empty(self, lane: str) -> bool:
        try:
            return not await self._publisher.count(lane)
        except QueueError:
            return False
