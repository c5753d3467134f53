"""The adapter."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from service_kit.epoch import to_ms, utc_now

from durable_queue.claims.holding import LeaseTerms, is_ours
from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.operations import Claims, Reservation
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import ClaimStore
from durable_queue.clock import steady_now
from durable_queue.port import (
    Change,
    Conflict,
    ControlOutcome,
    Dedupe,
    Delivery,
    Duplicate,
    Durability,
    Enqueued,
    LaneDepth,
    Message,
    QueueError,
    QueueFull,
    QueueUnavailable,
    SendOutcome,
    TickReport,
)
from durable_queue.rabbitmq.acquirer import Acquirer
from durable_queue.rabbitmq.batches import RabbitBatches
from durable_queue.rabbitmq.consumer import Consumer
from durable_queue.rabbitmq.control import RabbitControl
from durable_queue.rabbitmq.delivery import RabbitDelivery
from durable_queue.rabbitmq.envelope import Envelope, ms_or_zero
from durable_queue.rabbitmq.lane_capacity import LaneCapacity
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.publisher import Publisher
from durable_queue.rabbitmq.routing import MessageRouter, publish_and_record
from durable_queue.rabbitmq.version_check import missing_features
from durable_queue.receiving import LaneOrder, Receives
from durable_queue.recorder import Recorder


class RabbitQueue(RabbitBatches):
    """A `Queue` on RabbitMQ 3.10 to 4.x. It connects when it is first used.

    What the broker can't know of a message is in `claims`: with a store that all processes share,
    fencing, cancelling and deduplication hold among all of them. It keeps the records, and the time
    of day. The default is this process's memory; what happens is then told to `recorder`, at `now`.
    """

    def __init__(
        self,
        url: str,
        *,
        recorder: Recorder | None = None,
        claims: ClaimStore | None = None,
        options: RabbitOptions | None = None,
        now: Callable[[], datetime] = utc_now,
        steady: Callable[[], datetime] = steady_now,
    ) -> None:
        options = options or RabbitOptions()
        terms = LeaseTerms(lease=options.lease, max_deliveries=options.max_deliveries)
        own = InMemoryClaimStore(ClaimStateMachine(now=lambda: to_ms(steady())), recorder, now=now)
        self._claims = Claims(claims or own, terms)
        self._publisher = Publisher(url, options)
        self._router = MessageRouter(self._publisher, self._claims, options, steady=steady)
        self._acquirer = Acquirer(self._router, self._stop_tracking)
        self._consumer = Consumer(url, options, self._acquirer.examine)
        self._capacity = LaneCapacity(self._publisher.count_all, options.max_waiting)
        self._control = RabbitControl(url, options, self._router)
        self._in_flight: dict[str, RabbitDelivery] = {}
        self._order = LaneOrder()
        self._receives = Receives(end=self._wake, give_back=self._acquirer.hand_back)
        self._url = url
        self._fit_version = ""

    async def send(self, message: Message) -> SendOutcome:
        """Store the message on a majority of nodes, then return."""
        reservation = await self._claims.reserve(message.id, message.dedupe)
        if not isinstance(reservation, Reservation):
            return reservation
        envelope = self._new(message, reservation)
        try:
            change = Change.SCHEDULED if envelope.due else Change.ENQUEUED
            async with self._capacity.reserve(message.lane):
                is_ours = await publish_and_record(
                    self._router, envelope, reservation, change, message.note
                )
        except QueueFull:
            await self._claims.free(message.id, reservation.token)
            raise
        except QueueError:
            await self._claims.doubt(message.id, reservation.token)
            raise
        if message.dedupe and not is_ours:
            return await self._in_its_place(message.id, message.dedupe)
        return Enqueued(message.id)

    async def _in_its_place(self, message_id: str, dedupe: Dedupe) -> SendOutcome:
        """Say which message counts, where another send under the key did not wait for this one."""
        found = await self._claims.recall(dedupe)
        if found is None:
            raise QueueUnavailable("another client is sending the same message")
        return Enqueued(message_id) if found.id == message_id else found

    async def recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        """Return what `send` would say to a repetition under this key; None if it knows none."""
        return await self._claims.recall(dedupe)

    async def body_of(self, message_id: str) -> bytes | None:
        """Return None: RabbitMQ gives messages out in turn, and finds none by its id."""
        return None

    async def receive(
        self, lanes: Sequence[str], *, limit: int, wait: timedelta
    ) -> Sequence[Delivery]:
        """Lease up to `limit` messages, those of earlier lanes first; wait if there are none."""
        return await self._receives.run(partial(self._receive, lanes, limit, wait))

    async def close(self) -> None:
        """Close connections; what no worker has taken up goes back to the broker at once."""
        await self._receives.close()
        await asyncio.gather(self._consumer.close(), self._publisher.close(), self._control.close())
        await self._claims.close()

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Extend the leases; return those deliveries whose claim is over.

        Those that could not be asked for stay held here, as long as somebody asks in time: from a
        worker that lives, only a broken session takes what it holds.
        """
        held = cast("Sequence[RabbitDelivery]", deliveries)
        before = [each.lease_until for each in held]
        for delivery in held:
            delivery.lease_until = self._router.lease_ends
        renew = self._claims.terms.renew
        asked = [renew(each.id, each.token, each.revision) for each in held]
        over: list[Delivery] = []
        error: QueueError | None = None
        for each, until, reply in zip(
            held, before, await self._claims.run_many(asked), strict=True
        ):
            if isinstance(reply, QueueError):
                error = reply
            elif not is_ours(reply):
                each.lease_until = until
                over.append(each)
        if error:
            raise error
        return over

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        """Take back what silent workers of this process hold; report what became due meanwhile.

        The rest of upkeep is the broker's, or the next receiver's.
        """
        await self._claims.read_time()
        acquirer = self._acquirer
        silent = [
            each
            for each in reversed(self._in_flight.values())
            if self._router.is_over(each.lease_until) and each.lane in lanes
        ]
        lost = 0
        for delivery in silent:
            self._stop_tracking(delivery)
            try:
                lost += await acquirer.lose(delivery)
            except BaseException:  # cancelled, too: its copy is still here, and nowhere else
                self._in_flight[delivery.token] = delivery
                raise
        report = TickReport(
            promoted=acquirer.promoted,
            leases_expired=lost,
            died=acquirer.died,
            expired=acquirer.expired,
        )
        acquirer.promoted = acquirer.died = acquirer.expired = 0
        return report

    async def leave(self, lanes: Sequence[str]) -> None:
        """Consume these lanes no more; what was fetched ahead goes back to the broker."""
        await self._consumer.leave(lanes)

    async def expire(self, lanes: Sequence[str]) -> int:
        """Return 0: RabbitMQ can't look into a queue. They end when the lane is received from."""
        return 0

    async def heal(self) -> int:
        """Make claims and records agree with the dead letters; return how many were repaired."""
        return await self._control.audit() if self._router.options.audits else 0

    async def depths(self, lanes: Sequence[str]) -> Mapping[str, LaneDepth]:
        """Count the messages of each lane that wait, and those that this process has leased.

        What other processes hold, and what is in the delay queues, which all lanes share, is not
        counted. How long the oldest has waited is known where this process consumes the lane.
        """
        counts = await asyncio.gather(*(self._publisher.count(lane) for lane in lanes))
        return {lane: self._depth(lane, count) for lane, count in zip(lanes, counts, strict=True)}

    async def cancel(self, message_id: str) -> ControlOutcome:
        """Withdraw a message that is not yet started; its copies are dropped when they arrive."""
        return await self._control.cancel(message_id)

    async def replay(self, message_id: str, delay: timedelta = timedelta(0)) -> ControlOutcome:
        """Put a dead letter back into its lane, attempts counted anew."""
        return await self._control.replay(message_id, delay)

    async def delete(self, message_id: str) -> ControlOutcome:
        """Forget a dead letter's bytes."""
        return await self._control.delete(message_id)

    async def durability(self) -> Durability:
        """Say whether this RabbitMQ is fit for quorum queues, and who keeps the claims is durable.

        Raises:
            UnsafeBroker: it has queues under our names that are none.
        """
        version, lost = await self._publisher.server_version(), await self._claims.faults()
        found: Sequence[str] = ()
        if version != self._fit_version:
            found = await missing_features(self._url, version, self._router.options)
            self._fit_version = "" if found else version
        return Durability(profile="quorum", faults=(*found, *lost))

    async def time(self) -> datetime:
        """Return the claim store's time."""
        await self._claims.read_time()
        return self._router.now()

    def now(self) -> datetime:
        """Return the claim store's time, as it was last seen."""
        return self._router.now()

    async def ping(self) -> None:
        """Check that the broker confirms, a queue answers and the claim store answers."""
        await self._publisher.ping()
        await self._claims.ping()

    def _new(self, message: Message, reservation: Reservation) -> Envelope:
        now_ms, due_ms = self._router.now_ms, ms_or_zero(message.due_at)
        return Envelope(
            id=message.id,
            lane=message.lane,
            body=message.body,
            revision=reservation.revision,
            max_attempts=message.max_attempts,
            expires=ms_or_zero(message.expires_at),
            due=due_ms if due_ms > now_ms else 0,
            since=now_ms,
        )

    def _stop_tracking(self, delivery: RabbitDelivery) -> bool:
        return self._in_flight.pop(delivery.token, None) is not None

    async def _receive(
        self, lanes: Sequence[str], limit: int, wait: timedelta
    ) -> list[RabbitDelivery]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait.total_seconds()
        order = self._order.next(lanes)
        await self._claims.learn_time()
        session, is_new = await self._consumer.consuming(lanes)
        if is_new or wait <= timedelta(0):
            await self._consumer.fetch(session, lanes)
        while True:
            found = await self._acquirer.begin_all(session.take(order, limit))
            self._in_flight.update((delivery.token, delivery) for delivery in found)
            left = deadline - loop.time()
            if found or not self._receives.is_wanted:
                return found
            if not any(session.buffers.get(lane) for lane in lanes):
                if left <= 0:
                    return []
                await session.wait(lanes, left)
            if not session.is_live:
                raise QueueUnavailable("the connection to RabbitMQ broke")

    async def _wake(self, _: object) -> None:
        if self._consumer.session is not None:
            self._consumer.session.announce()

    def _depth(self, lane: str, ready: int) -> LaneDepth:
        session = self._consumer.session
        here = session.buffers.get(lane, ()) if session else ()
        return LaneDepth(
            waiting=ready + len(here),
            leased=sum(delivery.lane == lane for delivery in self._in_flight.values()),
            oldest_waiting=self._router.age(here[0].envelope.since) if here else timedelta(0),
            is_complete=False,
        )
