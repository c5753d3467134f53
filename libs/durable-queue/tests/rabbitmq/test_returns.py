"""What the broker is told of the messages that it delivered."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pamqp.frame
from aiormq.abc import DeliveredMessage
from durable_queue.rabbitmq.incoming import IncomingMessage, Returns
from pamqp.commands import Basic
from pamqp.header import ContentHeader


class Broker:
    """Delivers messages by number, and reads what comes back."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[Any] = asyncio.Queue()
        channel: Any = SimpleNamespace(
            number=1, connection=SimpleNamespace(write_queue=self.written)
        )
        self.returns = Returns(channel)
        self._channel = channel

    def deliver(self, *tags: int, lane: str = "a") -> list[IncomingMessage]:
        return [IncomingMessage(self._message(tag), lane, self.returns) for tag in tags]

    async def told(self) -> list[tuple[str, int, bool]]:
        await self.returns.tell()
        found = []
        while not self.written.empty():
            payload = self.written.get_nowait().payload
            while payload:
                length, _, frame = pamqp.frame.unmarshal(payload)
                payload = payload[length:]
                multiple = isinstance(frame, Basic.Ack) and frame.multiple
                found.append((frame.name, frame.delivery_tag, multiple))
        return found

    def _message(self, tag: int) -> DeliveredMessage:
        deliver = Basic.Deliver("tag", delivery_tag=tag, exchange="", routing_key="")
        return DeliveredMessage(deliver, ContentHeader(), b"", self._channel)


async def test_all_of_one_turn_are_acknowledged_by_one_frame() -> None:
    broker = Broker()
    messages = broker.deliver(1, 2, 3)
    for message in reversed(messages):
        message.ack()

    assert await broker.told() == [("Basic.Ack", 3, True)]


async def test_none_is_acknowledged_with_others_that_is_still_worked_on() -> None:
    broker = Broker()
    first, second, third, fourth, fifth = broker.deliver(1, 2, 3, 4, 5)
    for message in (first, second, fourth, fifth):
        message.ack()

    assert await broker.told() == [
        ("Basic.Ack", 2, True),
        ("Basic.Ack", 4, False),
        ("Basic.Ack", 5, False),
    ]
    third.ack()
    assert await broker.told() == [("Basic.Ack", 3, True)]


async def test_none_is_acknowledged_with_others_that_never_got_here() -> None:
    broker = Broker()
    [first, third] = broker.deliver(1, 3)
    first.ack()
    third.ack()

    assert await broker.told() == [("Basic.Ack", 1, True), ("Basic.Ack", 3, False)]


async def test_what_is_given_back_is_not_acknowledged() -> None:
    broker = Broker()
    first, second, third = broker.deliver(1, 2, 3)
    second.give_back()
    second.ack()
    first.ack()
    third.ack()

    assert await broker.told() == [("Basic.Reject", 2, False), ("Basic.Ack", 3, True)]


async def test_what_is_here_and_what_is_worked_on_elsewhere_is_counted() -> None:
    broker = Broker()
    first, second = broker.deliver(1, 2)
    first.go_away()
    assert (broker.returns.held["a"], broker.returns.away["a"]) == (2, 1)
    first.ack()
    second.give_back()

    assert (broker.returns.held["a"], broker.returns.away["a"]) == (0, 0)
    await broker.told()
