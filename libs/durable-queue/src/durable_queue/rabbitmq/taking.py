"""From a copy that arrived to a delivery, or to whatever else it turns out to be."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from typing import Final

from aio_pika.abc import AbstractIncomingMessage
from service_kit.logs import get_logger

from durable_queue.claims.calls import Begun
from durable_queue.claims.store import State
from durable_queue.port import Change, QueueError
from durable_queue.rabbitmq.audit import reserve_name, reserve_new_name
from durable_queue.rabbitmq.burial import AMBIGUOUS, End, bury, not_understood, poison
from durable_queue.rabbitmq.delivery import LetGo, RabbitDelivery, put_in_front
from durable_queue.rabbitmq.envelope import Envelope, own_id
from durable_queue.rabbitmq.intake import Arrived, ConsumeLine
from durable_queue.rabbitmq.moves import Moves, bring_in
from durable_queue.rabbitmq.returned import take_back

log = get_logger(__name__)

_BUSY_ROOM_MS: Final = 5000
_GATED_S: Final = 0.01
_MISSED: Final = {State.RESERVED: Change.ENQUEUED, State.MOVING: Change.REPLAYED}
"""What a sender, or an operator, that died did not come to record."""


class Taking:
    """Takes copies up. Counts what it found due, and what had expired, for the next tick."""

    def __init__(self, moves: Moves, let_go: LetGo) -> None:
        self.promoted = 0
        self.expired = 0
        self.died = 0
        self._moves = moves
        self._let_go = let_go

    async def examine(
        self, lane: str, incoming: AbstractIncomingMessage, line: ConsumeLine
    ) -> Arrived | None:
        """Look at what was just delivered: what must not wait for a worker is dealt with."""
        envelope = Envelope.from_amqp(incoming.body, incoming.headers, lane)
        if envelope is None:
            await self._adopt(lane, incoming)
            return None
        arrived = Arrived(envelope=envelope, incoming=incoming, line=line)
        if envelope.is_dead_letter:
            await take_back(self._moves, arrived)
            return None
        if not envelope.is_understood:
            await self.begin(arrived)
            return None
        if not self._moves.is_due(envelope):
            await self._moves.put(envelope)
            await arrived.done()
            return None
        if self._moves.is_expired(envelope):
            await self.begin(arrived)
            return None
        arrived.was_delayed = envelope.due > 0
        self.promoted += arrived.was_delayed
        return arrived

    async def begin(self, arrived: Arrived) -> RabbitDelivery | None:
        """Take a copy up, if it is the one that counts and nobody holds it."""
        envelope, moves = arrived.envelope, self._moves
        begun = await moves.claims.begin(envelope.id, envelope.hop, is_uncertain=envelope.uncertain)
        arrived.note_uncertainty(begun.is_uncertain)
        match begun.code:
            case "go":
                return await self._take_up(arrived, begun)
            case "stale":
                # What the broker itself gave up, and somebody put back, says nothing of it.
                await take_back(moves, arrived)
            case "bury" | "poison" | "ambiguous":
                await self._give_up(arrived, begun)
            case "busy":
                # Another holds it, or did until it went silent: look again later.
                await moves.publisher.to_waiting_room(envelope, min(begun.number, _BUSY_ROOM_MS))
                await arrived.done()
            case _:  # whoever puts it into the broker has not finished
                await asyncio.sleep(_GATED_S)
                put_in_front(arrived)
        return None

    async def begin_all(self, arrivals: Sequence[Arrived]) -> list[RabbitDelivery]:
        """Take up what can be; of what is suspect only one, and that alone."""
        outcomes = await asyncio.gather(*map(self.begin, arrivals), return_exceptions=True)
        found = [outcome for outcome in outcomes if isinstance(outcome, RabbitDelivery)]
        failed = [error for error in outcomes if isinstance(error, BaseException)]
        for arrived, outcome in reversed(list(zip(arrivals, outcomes, strict=True))):
            if isinstance(outcome, BaseException) and arrived.line.is_live:
                arrived.line.buffers[arrived.envelope.lane].appendleft(arrived)
        if failed and not found:
            raise failed[0]
        company = list(takewhile(lambda each: not each.is_suspect, found)) or found[:1]
        with suppress(QueueError):  # leases run out
            await self.hand_back(found[len(company) :])
        return company

    async def lose(self, delivery: RabbitDelivery) -> bool:
        """Take a message back whose worker, in this process, went silent; tell if it was held."""
        arrived, claims = delivery.arrived, self._moves.claims
        lost = await claims.lose(delivery.id, delivery.token)
        arrived.note_uncertainty(lost.is_uncertain)
        if lost.code in {"poison", "ambiguous"}:
            await self._give_up(arrived, lost)
        elif lost.code == "waiting":
            await self._moves.record(Change.LEASE_LOST, arrived.envelope)
            put_in_front(arrived)
            return True
        else:
            # It was cancelled, or a verdict was not carried out: its claim says which, and when
            # whoever looks at it next may do so.
            put_in_front(arrived)
        return False

    async def hand_back(self, deliveries: Sequence[RabbitDelivery]) -> None:
        """Undo a receive that nobody waited for to its end."""
        for delivery in reversed(deliveries):
            await delivery.give_back()

    async def _take_up(self, arrived: Arrived, begun: Begun) -> RabbitDelivery | None:
        envelope, moves = arrived.envelope, self._moves
        if not envelope.is_understood:
            delivery = RabbitDelivery(arrived, begun, moves, self._let_go)
            await delivery.give_up("poison", not_understood(envelope.schema))
            self.died += 1
            return None
        if begun.was == State.LEASED:
            await moves.record(Change.LEASE_LOST, envelope)
        elif begun.was:
            await moves.record(_MISSED[State(begun.was)], envelope)
        if moves.is_expired(envelope):
            await self._expire(arrived, begun)
            return None
        if arrived.was_delayed:
            await moves.record(Change.PROMOTED, envelope)
        return RabbitDelivery(arrived, begun, moves, self._let_go)

    async def _expire(self, arrived: Arrived, begun: Begun) -> None:
        envelope, moves = arrived.envelope, self._moves
        tell = moves.told(Change.EXPIRED, replace(envelope, due=0))
        await moves.claims.finish(envelope.id, begun.token, envelope.hop, "expire", tell)
        await arrived.done()
        self.expired += envelope.due > 0

    async def _give_up(self, arrived: Arrived, begun: Begun) -> None:
        end = _end(begun)
        if begun.code != "bury":  # which is on record since it was decided
            await self._moves.record(end.change, arrived.envelope, end.note)
        await bury(self._moves, arrived, begun.token, end)
        self.died += 1

    async def _adopt(self, lane: str, incoming: AbstractIncomingMessage) -> None:
        """Give a foreign producer's message a name, and put it back as one of ours.

        Under a new copy, for only a message that carries its name is the same one after a crash.
        """
        named = await reserve_name(self._moves, incoming.body)
        if named is None and incoming.redelivered and own_id(incoming.body):
            # Whoever adopted it died before this.
            log.info("rabbitmq.adopted_before", message_id=own_id(incoming.body), lane=lane)
            await incoming.ack()
            return
        name, reserved = named or await reserve_new_name(self._moves)
        envelope = Envelope(
            id=name,
            lane=lane,
            body=incoming.body,
            hop=reserved.hop,
            max_attempts=self._moves.options.raw_max_attempts,
            since=self._moves.now_ms,
        )
        await bring_in(self._moves, envelope, reserved, Change.ADOPTED)
        await incoming.ack()


def _end(begun: Begun) -> End:
    if begun.code == "bury":
        return End.from_memo(begun.memo)
    if begun.code == "poison":
        return poison(begun.number)
    return End(change=Change.AMBIGUOUS, error=AMBIGUOUS)
