"""What RabbitMQ can do to us: after each fault, every message is accounted for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity
from asyncnotify_prove.rabbitmq_node import RabbitNode
from asyncnotify_prove.tcp_proxy import TcpProxy
from durable_queue.port import (
    Change,
    Enqueued,
    QueueUnavailable,
)
from testkit.rabbitmq_workers import RabbitWorkers

pytestmark = pytest.mark.rabbitmq

LANE = "stage.normal"


@pytest.fixture
def call_timeout() -> timedelta:
    """Say how long a call waits: long, unless a test is about a broker that is silent."""
    return timedelta(seconds=30)


@pytest.fixture
async def workers(rabbitmq_url: str, call_timeout: timedelta) -> AsyncIterator[RabbitWorkers]:
    async with RabbitWorkers(rabbitmq_url, call_timeout=call_timeout) as workers:
        await workers.connect()
        yield workers


@pytest.fixture
async def proxied(rabbitmq_url: str) -> AsyncIterator[tuple[RabbitWorkers, TcpProxy]]:
    async with (
        TcpProxy(rabbitmq_url) as proxy,
        RabbitWorkers(proxy.url, direct_url=rabbitmq_url) as workers,
    ):
        await workers.connect()
        yield workers, proxy


async def test_node_killed_and_started_again_loses_nothing(private_rabbitmq: RabbitNode) -> None:
    async with RabbitWorkers(private_rabbitmq.url) as workers:
        workers.work(2)
        await workers.insist("first")
        # RabbitMQ 3.10 writes down late which queues it has: one that was declared less than three
        # seconds before a kill can't be consumed afterwards, ever.
        await asyncio.sleep(5)
        sending = asyncio.create_task(workers.send_many(150, pause=0.02))
        await asyncio.sleep(0.7)
        await asyncio.to_thread(private_rabbitmq.kill)
        with pytest.raises(QueueUnavailable):
            await workers.queue.ping()
        await asyncio.to_thread(private_rabbitmq.start)
        await sending
        await workers.finish()

        workers.check()


async def test_node_that_is_away_is_said_to_be(private_rabbitmq: RabbitNode) -> None:
    async with RabbitWorkers(private_rabbitmq.url) as workers:
        await workers.connect()
        await asyncio.to_thread(private_rabbitmq.kill)
        for _ in range(3):
            async with asyncio.timeout(60):
                with pytest.raises(QueueUnavailable):
                    await workers.send("m")
        await asyncio.to_thread(private_rabbitmq.start)

        assert await workers.insist("m") == Enqueued("m")


async def test_connections_cut_again_and_again(proxied: tuple[RabbitWorkers, TcpProxy]) -> None:
    workers, proxy = proxied
    workers.work(3)
    sending = asyncio.create_task(workers.send_many(120, pause=0.02))
    for _ in range(4):
        await asyncio.sleep(0.5)
        proxy.close_all()
    await sending
    await workers.finish()

    workers.check()


async def test_lost_confirm_is_said_and_the_message_comes_once(
    proxied: tuple[RabbitWorkers, TcpProxy],
) -> None:
    workers, proxy = proxied
    await workers.queue.ping()
    proxy.drop_replies()
    with pytest.raises(QueueUnavailable):
        await workers.send("m")
    proxy.heal()

    assert await workers.insist("m") == Enqueued("m")
    workers.work(1)
    await workers.finish()
    await workers.insist("after")  # a second copy would come before it
    await workers.finish()
    assert workers.handled == ["m", "after"]


async def test_silent_network_is_noticed(proxied: tuple[RabbitWorkers, TcpProxy]) -> None:
    workers, proxy = proxied
    workers.work(2)
    await workers.send_many(20)
    proxy.blackhole()
    with pytest.raises(QueueUnavailable):
        await workers.send("other")
    proxy.heal()
    await workers.insist("other")
    await workers.finish()

    workers.check()


async def test_channel_closed_by_the_broker_is_opened_again(workers: RabbitWorkers) -> None:
    await workers.send("m1", "m2")
    [held, *_] = await workers.queue.receive([LANE], limit=1, wait=timedelta(seconds=60))
    assert workers.queue._consumer.session
    channel = await workers.queue._consumer.session._channel.get_underlay_channel()
    await channel.basic_ack(999_999)  # 406: unknown delivery tag
    await held.ack()
    workers.work(1)
    await workers.finish()

    assert workers.handled == ["m2"]


async def test_deleted_queue_is_declared_again_and_consumed(workers: RabbitWorkers) -> None:
    workers.work(1)
    await workers.send_many(5)
    await workers.finish()
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(workers.topology.lane_queue(LANE))

    await workers.insist("after")
    await workers.finish()

    assert workers.handled[-1] == "after"
    workers.check()


async def test_who_counts_does_not_declare_what_was_deleted(workers: RabbitWorkers) -> None:
    """Its consumers hear of it later, and would be taken for the new one's, but get nothing."""
    await workers.send("before")
    name = workers.topology.lane_queue(LANE)
    async with await aio_pika.connect(workers.direct_url) as connection:
        await (await connection.channel()).queue_delete(name)

        with pytest.raises(QueueUnavailable):
            await workers.queue.depths([LANE])

        with pytest.raises(ChannelNotFoundEntity):
            await (await connection.channel()).declare_queue(name, passive=True)
    assert await workers.insist("after") == Enqueued("after")


async def test_returned_message_makes_its_queue_come_back(workers: RabbitWorkers) -> None:
    await workers.send("before")
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(workers.topology.lane_queue(LANE), ensure=False)
        await queue.unbind(workers.topology.input, LANE)

    with pytest.raises(QueueUnavailable, match="returned"):
        await workers.send("m")
    assert await workers.insist("m") == Enqueued("m")
    workers.work(1)
    await workers.finish()
    workers.check()


async def send_for_ever(workers: RabbitWorkers) -> None:
    while True:
        await workers.send(f"m{len(workers.accepted)}")


async def test_refused_message_is_in_doubt_and_comes_once(
    workers: RabbitWorkers, rabbitmq_node: RabbitNode
) -> None:
    await workers.send("first")
    policy = (workers.topology.options.namespace, rf"^{workers.topology.lane_queue(LANE)}$")
    limit = '{"max-length": 1}'
    await asyncio.to_thread(
        rabbitmq_node.control, "set_policy", "--apply-to", "queues", *policy, limit
    )
    with pytest.raises(QueueUnavailable, match="did not take"):
        await asyncio.wait_for(send_for_ever(workers), 60)
    refused = f"m{len(workers.accepted)}"
    await asyncio.to_thread(rabbitmq_node.control, "clear_policy", policy[0])

    assert await workers.insist(refused) == Enqueued(refused)
    workers.work(2)
    await workers.finish()
    workers.check()


@pytest.mark.parametrize("call_timeout", [timedelta(seconds=1.5)])
async def test_memory_alarm_refuses_at_once_and_passes(
    workers: RabbitWorkers, rabbitmq_node: RabbitNode
) -> None:
    await workers.send("before")
    await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.00001")
    try:
        async with asyncio.timeout(60):
            for _ in range(3):
                with pytest.raises(QueueUnavailable):
                    await workers.send("m")
            with pytest.raises(QueueUnavailable):
                await workers.queue.ping()
    finally:
        await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.4")
    await workers.insist("m")
    workers.work(1)
    await workers.finish()

    workers.check()


async def test_dead_worker_is_taken_over_when_its_lease_is_over(workers: RabbitWorkers) -> None:
    """The same claims, another process: the first one's connection dies with a message in hand."""
    await workers.send("m")
    [held] = await workers.queue.receive([LANE], limit=1, wait=timedelta(seconds=60))
    await held.start()
    await workers.queue._consumer._connection.close()
    other = workers.another()
    workers.work(1, on=other)
    await workers.finish()

    assert workers.handled == ["m"]
    assert Change.LEASE_LOST in workers.changes("m")


async def test_message_that_kills_its_worker_is_poison(workers: RabbitWorkers) -> None:
    await workers.send("toxic", "m1", "m2")
    workers.fatal.add("toxic")
    workers.work(2)
    await workers.finish()

    assert workers.changes("toxic")[-1] is Change.POISONED
    assert sorted(workers.handled) == ["m1", "m2"]
    assert (await workers.dead_letters(at_least=1))["toxic"] == b"hello"


async def test_dead_letter_keeps_its_bytes_and_its_reason(workers: RabbitWorkers) -> None:
    await workers.send("m", body=b"\xff\x00")
    [delivery] = await workers.queue.receive([LANE], limit=1, wait=timedelta(seconds=60))
    await delivery.dead_letter("undecodable: no use")

    assert await workers.dead_letters(at_least=1) == {"m": b"\xff\x00"}


async def test_what_is_due_comes_on_time_through_real_waiting_rooms(workers: RabbitWorkers) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=7.3)
    await workers.send("m", due_at=due_at)
    [delivery] = await workers.queue.receive([LANE], limit=1, wait=timedelta(seconds=60))

    assert timedelta(seconds=-0.1) < datetime.now(UTC) - due_at
    await delivery.ack()


async def test_a_process_that_leaves_a_lane_gives_what_it_fetched_ahead_to_others(
    workers: RabbitWorkers,
) -> None:
    names = [f"m{number}" for number in range(20)]
    await workers.send(*names)
    held = await workers.queue.receive([LANE], limit=1, wait=timedelta(seconds=60))

    await workers.queue.leave([LANE])

    other, found = workers.another(), list[str]()
    async with asyncio.timeout(60):
        while len(found) < len(names) - 1:
            more = await other.receive([LANE], limit=20, wait=timedelta(seconds=1))
            found += [each.id for each in more]
    assert [held[0].id, *found] == names
