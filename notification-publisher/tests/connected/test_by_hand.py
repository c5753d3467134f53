"""What the API says of dead letters that somebody moved or purged in RabbitMQ."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel, AbstractQueue
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.topology import Topology
from notification_contracts.lanes import validation_lane, validation_lanes
from notification_contracts.states import Priority
from notification_ledger.redis.claims import RedisClaimStore
from testkit.rabbitmq_harness import delete_queues
from testkit.rabbitmq_server import (  # noqa: F401 - fixtures
    rabbitmq_node,
    rabbitmq_url,
)

pytestmark = pytest.mark.rabbitmq

SOON = timedelta(seconds=60)


@pytest.fixture
def options() -> RabbitOptions:
    return RabbitOptions(namespace=f"p{secrets.token_hex(4)}", call_timeout=SOON)


@pytest.fixture
async def worker(
    rabbitmq_url: str,  # noqa: F811 - a fixture
    redis_url: str,
    options: RabbitOptions,
) -> AsyncIterator[RabbitQueue]:
    claims = RedisClaimStore(redis_url, namespace=options.namespace)
    queue = RabbitQueue(rabbitmq_url, claims=claims, options=options)
    yield queue
    await queue.close()
    await delete_queues(rabbitmq_url, options)


@pytest.fixture
async def client(
    publisher: object,
    rabbitmq_url: str,  # noqa: F811 - a fixture
    redis_url: str,
    options: RabbitOptions,
    worker: RabbitQueue,
) -> AsyncIterator[httpx.AsyncClient]:
    settings: Any = {"ledger_url": redis_url, "queue_namespace": options.namespace}
    async with publisher(  # `Publish`
        rabbitmq_url, allow_volatile=True, **settings
    ) as client:
        yield client


@pytest.fixture
async def channel(
    rabbitmq_url: str,  # noqa: F811 - a fixture
) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        yield await connection.channel()


async def insist(
    client: httpx.AsyncClient, method: str, path: str, body: object = None
) -> httpx.Response:
    """Ask until a broker on a busy machine answers in time, as clients do: under one key."""
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    async with asyncio.timeout(60):
        while (
            answer := await client.request(method, path, json=body, headers=headers)
        ).status_code == 503:
            await asyncio.sleep(0.2)
    return answer


async def give_up(client: httpx.AsyncClient, worker: RabbitQueue, count: int) -> list[str]:
    body = {"user_id": "user_test", "message": "hello"}
    for _ in range(count):
        assert (await insist(client, "POST", "/notifications", body)).status_code == 202
    given_up: list[str] = []
    while len(given_up) < count:
        found = await worker.receive(validation_lanes(), limit=count, wait=SOON)
        await asyncio.gather(*(each.dead_letter("no use") for each in found))
        given_up += [each.id for each in found]
    return given_up


async def dead_queue(channel: AbstractChannel, options: RabbitOptions, count: int) -> AbstractQueue:
    """Return the dead letters' queue once it holds so many: the broker takes its time."""
    async with asyncio.timeout(60):
        while True:
            queue = await Topology(options).declare_dead_queue(channel)
            if (queue.declaration_result.message_count or 0) >= count:
                return queue
            await asyncio.sleep(0.05)


async def test_one_purged_dead_letter_keeps_none_of_the_others_from_being_replayed(
    client: httpx.AsyncClient,
    worker: RabbitQueue,
    channel: AbstractChannel,
    options: RabbitOptions,
) -> None:
    [gone] = await give_up(client, worker, 1)
    await (await dead_queue(channel, options, 1)).purge()
    await give_up(client, worker, 120)

    answer = (await insist(client, "POST", "/dead-letters/replay", {"all": True})).json()

    assert (answer["matched"], answer["replayed"], answer["gone"]) == (121, 120, [gone])
    assert "no longer in the broker" in answer["warning"]


async def test_purged_one_can_be_deleted_and_not_replayed(
    client: httpx.AsyncClient,
    worker: RabbitQueue,
    channel: AbstractChannel,
    options: RabbitOptions,
) -> None:
    [gone] = await give_up(client, worker, 1)
    await (await dead_queue(channel, options, 1)).purge()

    replayed = await insist(client, "POST", f"/dead-letters/{gone}/replay")
    deleted = await insist(client, "DELETE", f"/dead-letters/{gone}")
    again = await insist(client, "DELETE", f"/dead-letters/{gone}")

    assert (replayed.status_code, replayed.json()["code"]) == (409, "not_a_dead_letter")
    assert "purged" in replayed.json()["detail"]
    assert (deleted.status_code, again.status_code) == (204, 204)
    assert (await client.get("/dead-letters")).json()["items"] == []


async def test_timeline_says_that_one_was_put_back_by_hand(
    client: httpx.AsyncClient,
    worker: RabbitQueue,
    channel: AbstractChannel,
    options: RabbitOptions,
) -> None:
    [moved] = await give_up(client, worker, 1)
    topology = Topology(options)
    letter = await (await dead_queue(channel, options, 1)).get()
    copy = aio_pika.Message(letter.body, headers=letter.headers, delivery_mode=2)
    lane = topology.lane_queue(validation_lane(Priority.HIGH))
    await channel.default_exchange.publish(copy, lane)
    await letter.ack()

    [again] = await worker.receive(validation_lanes(), limit=1, wait=SOON)

    notification = (await client.get(f"/notifications/{moved}")).json()
    last = notification["timeline"][-1]
    assert (again.id, again.lane, again.attempt) == (moved, validation_lane(Priority.NORMAL), 1)
    assert (notification["status"], last["detail"]) == ("queued", "put back into a lane by hand")
