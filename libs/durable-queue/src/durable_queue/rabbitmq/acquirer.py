"""From a copy that arrived to a delivery, or to whatever else it turns out to be."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, Final

from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from durable_queue.claims.holding import BeginReply, begin_reply, finish
from durable_queue.claims.store import State
from durable_queue.messages import AMBIGUOUS_ERROR
from durable_queue.outcomes import outcomes_of
from durable_queue.port import Change, QueueError
from durable_queue.rabbitmq.consumer_session import ConsumerSession, ReceivedCopy
from durable_queue.rabbitmq.dead_lettering import (
    DeadLetterReason,
    move_to_dead_letters,
    poison,
    unsupported_schema,
)
from durable_queue.rabbitmq.delivery import RabbitDelivery
from durable_queue.rabbitmq.envelope import Envelope, own_id
from durable_queue.rabbitmq.held import StopTracking, requeue_in_front
from durable_queue.rabbitmq.incoming import IncomingMessage
from durable_queue.rabbitmq.manual_requeue import replay_requeued
from durable_queue.rabbitmq.reconciliation import reserve_new_id, reserve_own_id
from durable_queue.rabbitmq.routing import MessageRouter, publish_and_record

log = get_logger(__name__)

_BUSY_DELAY_MS: Final = 5000
_RESERVED_WAIT_S: Final = 0.01
_MISSED: Final = {State.RESERVED: Change.ENQUEUED, State.MOVING: Change.REPLAYED}
"""What a sender, or an operator, that died did not come to record."""


class Acquirer:
    """Takes copies up. Counts what it found due, and what had expired, for the next tick."""

    def __init__(self, router: MessageRouter, stop_tracking: StopTracking) -> None:
        self.promoted = 0
        self.expired = 0
        self.died = 0
        self._router = router
        self._stop_tracking = stop_tracking

    async def examine(
        self, lane: str, incoming: IncomingMessage, session: ConsumerSession
    ) -> ReceivedCopy | None:
        """Look at what was just delivered: what must not wait for a worker is dealt with."""
        envelope = Envelope.from_amqp(incoming.body, incoming.headers, lane)
        if envelope is None:
            await self._adopt(lane, incoming)
            return None
        copy = ReceivedCopy(envelope=envelope, incoming=incoming, session=session)
        if envelope.is_dead_letter:
            await replay_requeued(self._router, copy)
            return None
        if not envelope.is_schema_supported:
            await self.begin(copy)
            return None
        if not self._router.is_due(envelope):
            await self._router.put(envelope)
            copy.done()
            return None
        if self._router.is_expired(envelope):
            await self.begin(copy)
            return None
        copy.was_delayed = envelope.due > 0
        self.promoted += copy.was_delayed
        return copy

    async def begin(self, copy: ReceivedCopy) -> None:
        """Take up a copy that no worker is to have, for what else has to be done with it."""
        [begun] = await self._begun([copy])
        if isinstance(begun, QueueError):
            raise begun
        if delivery := await self._sort_out(copy, begun):  # the clock was set back meanwhile
            await delivery.give_back()

    async def begin_all(self, copies: Sequence[ReceivedCopy]) -> list[RabbitDelivery]:
        """Take up what can be; of what is suspect only one, and that alone."""
        outcomes = await self._outcomes(copies)
        found = [outcome for outcome in outcomes if isinstance(outcome, RabbitDelivery)]
        failed = [error for error in outcomes if isinstance(error, BaseException)]
        for copy, outcome in reversed(list(zip(copies, outcomes, strict=True))):
            if isinstance(outcome, BaseException) and copy.session.is_live:
                copy.session.put_in_front(copy)
        if failed and not found:
            raise failed[0]
        neighbours = list(takewhile(lambda each: not each.is_suspect, found)) or found[:1]
        await self.hand_back(found[len(neighbours) :])
        return neighbours

    async def _outcomes(
        self, copies: Sequence[ReceivedCopy]
    ) -> list[RabbitDelivery | BaseException | None]:
        try:
            begun = await self._begun(copies)
        except Exception as error:  # noqa: BLE001 - a bug: what it hit is looked at again
            return [error] * len(copies)
        outcomes: list[RabbitDelivery | BaseException | None] = [None] * len(copies)
        others: dict[int, Coroutine[Any, Any, RabbitDelivery | None]] = {}
        for place, (copy, reply) in enumerate(zip(copies, begun, strict=True)):
            if isinstance(reply, QueueError):
                outcomes[place] = reply
            elif reply.code == "go" and self._is_plain(copy, reply):
                outcomes[place] = self._delivery(copy, reply)
            else:
                others[place] = self._sort_out(copy, reply)
        sorted_out = await asyncio.gather(*others.values(), return_exceptions=True)
        for place, outcome in zip(others, sorted_out, strict=True):
            outcomes[place] = outcome
        return outcomes

    def _is_plain(self, copy: ReceivedCopy, begun: BeginReply) -> bool:
        """Tell whether nothing is left to do but to hand it out."""
        envelope = copy.envelope
        is_known = envelope.is_schema_supported and not begun.was
        return is_known and not copy.was_delayed and not self._router.is_expired(envelope)

    def _delivery(self, copy: ReceivedCopy, begun: BeginReply) -> RabbitDelivery:
        return RabbitDelivery(copy, begun, self._router, self._stop_tracking)

    async def _sort_out(self, copy: ReceivedCopy, begun: BeginReply) -> RabbitDelivery | None:
        envelope, router = copy.envelope, self._router
        if begun.lane:  # its worker had advanced it into another lane
            envelope = envelope.in_lane(begun.lane)
        match begun.code:
            case "go":
                return await self._take_up(copy, begun)
            case "stale":
                # What the broker itself gave up, and somebody put back, says nothing of it.
                await replay_requeued(router, copy)
            case "bury" | "poison" | "ambiguous":
                await self._give_up(copy, begun)
            case "busy":
                # Another holds it, or did until it went silent: look again later.
                await router.publisher.to_delay_queue(envelope, min(begun.number, _BUSY_DELAY_MS))
                copy.done()
            case "elsewhere":
                await router.publisher.to_lane(envelope)
                copy.done()
            case _:  # it is still being put into the broker
                await asyncio.sleep(_RESERVED_WAIT_S)
                requeue_in_front(copy)
        return None

    async def _begun(self, copies: Sequence[ReceivedCopy]) -> list[BeginReply | QueueError]:
        """Ask the claims of copies; they say, too, which may have had an effect already."""
        claims = self._router.claims
        tokens = [claims.new_token() for _ in copies]
        replies = await claims.run_many(
            [
                claims.terms.begin(
                    copy.envelope.id,
                    copy.envelope.revision,
                    token,
                    is_uncertain=copy.envelope.uncertain,
                    lane=copy.envelope.lane,
                )
                for copy, token in zip(copies, tokens, strict=True)
            ]
        )
        found: list[BeginReply | QueueError] = []
        for copy, token, reply in zip(copies, tokens, replies, strict=True):
            outcome = reply if isinstance(reply, QueueError) else begin_reply(token, reply)
            if isinstance(outcome, BeginReply):
                copy.mark_uncertain(outcome.is_uncertain)
            found.append(outcome)
        return found

    async def lose(self, delivery: RabbitDelivery) -> bool:
        """Take a message back whose worker, in this process, went silent; tell if it was held."""
        copy, claims = delivery.copy, self._router.claims
        lost = await claims.lose(delivery.id, delivery.token)
        copy.mark_uncertain(lost.is_uncertain)
        if lost.code in {"poison", "ambiguous"}:
            await self._give_up(copy, lost)
        elif lost.code == "waiting":
            # The reply that it had been advanced may have been lost.
            envelope = copy.envelope.in_lane(lost.lane) if lost.lane else copy.envelope
            await self._router.record(Change.LEASE_LOST, envelope)
            requeue_in_front(copy)
            return True
        else:
            # It was cancelled, or a verdict was not carried out: its claim says which, and when
            # the next worker may do so.
            requeue_in_front(copy)
        return False

    async def hand_back(self, deliveries: Sequence[RabbitDelivery]) -> None:
        """Undo a receive whose caller did not wait; where that fails, the lease runs out."""
        await outcomes_of(each.give_back() for each in reversed(deliveries))

    async def _take_up(self, copy: ReceivedCopy, begun: BeginReply) -> RabbitDelivery | None:
        envelope, router = copy.envelope, self._router
        if not envelope.is_schema_supported:
            delivery = self._delivery(copy, begun)
            await delivery.give_up("poison", unsupported_schema(envelope.schema))
            self.died += 1
            return None
        if begun.was == State.LEASED:
            await router.record(Change.LEASE_LOST, envelope)
        elif begun.was:
            await router.record(_MISSED[State(begun.was)], envelope)
        if router.is_expired(envelope):
            await self._expire(copy, begun)
            return None
        if copy.was_delayed:
            await router.record(Change.PROMOTED, envelope)
        return self._delivery(copy, begun)

    async def _expire(self, copy: ReceivedCopy, begun: BeginReply) -> None:
        envelope, router = copy.envelope, self._router
        event = router.event(Change.EXPIRED, replace(envelope, due=0))
        ending = finish(envelope.id, begun.token, envelope.revision, "expire", event)
        [outcome] = await router.claims.run_many([ending])
        if isinstance(outcome, QueueError):
            raise outcome
        copy.done()
        self.expired += envelope.due > 0

    async def _give_up(self, copy: ReceivedCopy, begun: BeginReply) -> None:
        end, router, envelope = _end(begun), self._router, copy.envelope
        if begun.code != "bury":  # which is on record since it was decided
            event = router.event(end.change, replace(envelope, due=0), end.note)
            if not await router.claims.explain(envelope.id, begun.token, end.memo, event):
                requeue_in_front(copy)  # another finder took it over; its claim says what is left
                return
            await afailpoint("queue.after_decide")
        await move_to_dead_letters(self._router, copy, begun.token, end)
        self.died += 1

    async def _adopt(self, lane: str, incoming: IncomingMessage) -> None:
        """Give a foreign producer's message an id, and publish it in this queue's format.

        Under a new copy, for only a message that carries its name is the same one after a crash.
        """
        named = await reserve_own_id(self._router, incoming.body)
        if named is None and incoming.is_redelivered and own_id(incoming.body):
            # The process that adopted it died before this.
            log.info("rabbitmq.adopted_before", message_id=own_id(incoming.body), lane=lane)
            incoming.ack()
            return
        name, reservation = named or await reserve_new_id(self._router)
        envelope = Envelope(
            id=name,
            lane=lane,
            body=incoming.body,
            revision=reservation.revision,
            since=self._router.now_ms,
        )
        await publish_and_record(self._router, envelope, reservation, Change.ADOPTED)
        incoming.ack()


def _end(begun: BeginReply) -> DeadLetterReason:
    if begun.code == "bury":
        return DeadLetterReason.from_memo(begun.memo)
    if begun.code == "poison":
        return poison(begun.number)
    return DeadLetterReason(change=Change.AMBIGUOUS, error=AMBIGUOUS_ERROR)
