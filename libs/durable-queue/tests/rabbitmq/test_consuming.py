"""What a session does with what the broker has and brings."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

from aiormq.abc import DeliveredMessage
from durable_queue.port import QueueUnavailable
from durable_queue.rabbitmq.consumer_session import ConsumerSession, ReceivedCopy
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.incoming import IncomingMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from structlog.testing import capture_logs

LANE = "a"
PREFETCH = 8


class BusyBroker:
    """Has more messages each time that it is asked."""

    number = 1
    deliver: Callable[[DeliveredMessage], Awaitable[None]]

    def __init__(self) -> None:
        self._waiting = count()
        self.written: asyncio.Queue[Any] = asyncio.Queue()
        self.connection = SimpleNamespace(write_queue=self.written)

    async def declare_lane(self, _channel: object, lane: str) -> object:
        found = SimpleNamespace(message_count=next(self._waiting))
        return SimpleNamespace(name=lane, declaration_result=found)

    look_at_lane = declare_lane

    async def bind_lane(self, _queue: object, _lane: str) -> None:
        pass

    async def basic_consume(self, _name: str, deliver: Any) -> object:
        self.deliver = deliver
        return SimpleNamespace(consumer_tag="tag")


async def does_not_understand(*_: object) -> None:
    raise ValueError("a bug")


def session_on(broker: Any, examine: Any = does_not_understand) -> ConsumerSession:
    return ConsumerSession(broker, broker, broker, examine, PREFETCH)


def delivered(broker: Any) -> DeliveredMessage:
    deliver = Basic.Deliver("tag", delivery_tag=1, exchange="", routing_key="")
    return DeliveredMessage(deliver, ContentHeader(), b"", broker)


async def test_it_waits_no_longer_for_what_comes_all_the_time() -> None:
    async with asyncio.timeout(60):
        await session_on(BusyBroker()).fetch([LANE], within_s=0.05)


async def test_it_waits_for_no_more_than_may_be_here() -> None:
    session = session_on(BusyBroker())
    session.returns.held[LANE] = PREFETCH

    async with asyncio.timeout(60):
        await session.fetch([LANE], within_s=math.inf)


async def test_what_it_fails_to_look_at_goes_back_to_the_broker() -> None:
    broker: Any = BusyBroker()
    session = session_on(broker)
    await session.subscribe([LANE])
    await broker.deliver(delivered(broker))

    async with asyncio.timeout(60):
        await broker.written.get()

    assert session.returns.held[LANE] == 0


async def test_an_outage_does_not_count_against_what_comes_meanwhile() -> None:
    broker: Any = BusyBroker()
    looks: list[bool] = []

    async def is_away_at_first(
        lane: str, incoming: IncomingMessage, session: ConsumerSession
    ) -> ReceivedCopy:
        looks.append(incoming.is_redelivered)
        if len(looks) < 3:
            raise QueueUnavailable("away")
        return ReceivedCopy(
            envelope=Envelope(id="m", lane=lane, body=b""), incoming=incoming, session=session
        )

    session = session_on(broker, is_away_at_first)
    await session.subscribe([LANE])
    with capture_logs() as logs:
        await broker.deliver(delivered(broker))

    assert looks == [False, True, True]
    assert [each["event"] for each in logs] == ["queue.unavailable", "queue.available"]
    assert [each.envelope.id for each in session.take([LANE], limit=9)] == ["m"]
    await session.returns.tell()
    assert broker.written.empty()
