"""A message, a letter or a call at which something goes wrong takes no other along."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast

import aio_pika
import pytest
from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import Operation, Reply
from durable_queue.port import Change, Delivery, Message, QueueError, QueueUnavailable
from durable_queue.rabbitmq.claim_server import ClaimServer
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.remote_claim_store import RemoteClaimStore
from durable_queue.recorder import ChangeEvent
from service_kit.epoch import to_ms, utc_now
from testkit.clock import FrozenClock
from testkit.rabbitmq_harness import delete_queues
from testkit.rabbitmq_workers import LANE

pytestmark = pytest.mark.rabbitmq

SOON = timedelta(seconds=60)
LEASE = timedelta(seconds=60)


@pytest.fixture
async def options(rabbitmq_url: str) -> AsyncIterator[RabbitOptions]:
    options = RabbitOptions(
        namespace=f"o{secrets.token_hex(4)}", lanes=(LANE,), lease=LEASE, call_timeout=SOON
    )
    yield options
    await delete_queues(rabbitmq_url, options)


@pytest.fixture
async def queue(rabbitmq_url: str, options: RabbitOptions) -> AsyncIterator[RabbitQueue]:
    queue = RabbitQueue(rabbitmq_url, options=options)
    yield queue
    await queue.close()


async def put(
    url: str, options: RabbitOptions, copy: Envelope, headers: Mapping[str, Any], to: str = "work"
) -> None:
    """Put a copy into the broker as another release might."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(f"{options.namespace}.{to}", ensure=False)
        said = {**(copy.properties().headers or {}), **headers}
        await exchange.publish(aio_pika.Message(copy.body, headers=said), copy.lane)


async def taken(queue: RabbitQueue, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            await queue.tick([LANE])
            found += await queue.receive([LANE], limit=9, wait=timedelta(seconds=1))
    return found


class ForgetfulStore(InMemoryClaimStore):
    """Is away for the first that is handed back."""

    refuses = 0

    async def run_many(self, operations: Sequence[Operation]) -> list[Reply | QueueError]:
        if self.refuses and operations[0].name == "hand_back":
            self.refuses -= 1
            return [QueueUnavailable("away")] * len(operations)
        return await super().run_many(operations)


async def test_neighbours_of_a_suspect_that_could_not_be_handed_back_come_again(
    rabbitmq_url: str, options: RabbitOptions
) -> None:
    clock = FrozenClock()
    store = ForgetfulStore(ClaimStateMachine(now=lambda: to_ms(clock.steady())))
    queue = RabbitQueue(rabbitmq_url, options=options, claims=store, steady=clock.steady)
    for name in ("suspect", "a", "b"):
        await queue.send(Message(id=name, lane=LANE, body=b""))
    for _ in range(2):
        assert await queue.receive([LANE], limit=1, wait=SOON)
        clock.advance(LEASE)
        await queue.tick([LANE])
    store.refuses = 1

    [suspect] = await queue.receive([LANE], limit=9, wait=SOON)
    await suspect.ack()
    clock.advance(LEASE)

    assert store.refuses == 0
    assert sorted(each.id for each in await taken(queue, 2)) == ["a", "b"]
    await queue.close()


@pytest.mark.parametrize("expires_ms", [10**18, -(10**18)])
async def test_a_time_that_no_clock_shows_harms_no_neighbour(
    rabbitmq_url: str, options: RabbitOptions, queue: RabbitQueue, expires_ms: int
) -> None:
    odd = Envelope(id="odd", lane=LANE, body=b"")
    await queue.send(Message(id="before", lane=LANE, body=b""))
    await put(rabbitmq_url, options, odd, {"x-an-expires-ms": expires_ms})
    await queue.send(Message(id="after", lane=LANE, body=b""))

    assert {each.id for each in await taken(queue, 3)} == {"before", "odd", "after"}


async def test_a_letter_of_a_newer_release_keeps_no_other_from_the_records(
    rabbitmq_url: str, options: RabbitOptions
) -> None:
    events: list[ChangeEvent] = []
    queue = RabbitQueue(rabbitmq_url, options=options, recorder=events.append)
    await queue.ping()
    for name, change in (("odd", "invented"), ("plain", "exhausted")):
        letter = Envelope(id=name, lane=LANE, body=b"", error="no use", change=change)
        await put(rabbitmq_url, options, letter, {}, to="dlx")
    async with asyncio.timeout(60):
        mended = 0
        while mended < 2:
            mended += await queue.heal()

    assert {each.message_id: each.change for each in events} == {
        "odd": Change.DEAD,
        "plain": Change.EXHAUSTED,
    }
    await queue.close()


class NewerChange(StrEnum):
    INVENTED = "invented"


async def test_what_a_claim_server_does_not_understand_fails_alone(
    rabbitmq_url: str, options: RabbitOptions
) -> None:
    server = ClaimServer(rabbitmq_url, InMemoryClaimStore(ClaimStateMachine()), options)
    client = RemoteClaimStore(rabbitmq_url, options)
    await server.start()
    invented = ChangeEvent(
        change=cast(Change, NewerChange.INVENTED),
        message_id="m",
        lane=LANE,
        at=utc_now(),
        due_at=None,
        note=b"",
    )

    odd, plain = await client.run_many(
        [Operation("record", ("m",), (invented,)), Operation("recall", ("", ""))]
    )

    assert isinstance(odd, QueueUnavailable)
    assert plain == ["none"]
    await client.close()
    await server.stop()
