"""What RabbitMQ can do to us: after each fault, every message is accounted for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
from asyncnotify_prove.rabbitmq_node import RabbitNode
from asyncnotify_prove.tcp_proxy import TcpProxy
from durable_queue.port import (
    Change,
    Enqueued,
    QueueUnavailable,
)
from testkit.rabbitmq_crew import Crew

pytestmark = pytest.mark.rabbitmq

LANE = "stage.normal"


@pytest.fixture
async def crew(rabbitmq_url: str) -> AsyncIterator[Crew]:
    async with Crew(rabbitmq_url) as crew:
        yield crew


@pytest.fixture
async def proxied(rabbitmq_url: str) -> AsyncIterator[tuple[Crew, TcpProxy]]:
    async with TcpProxy(rabbitmq_url) as proxy, Crew(proxy.url, direct_url=rabbitmq_url) as crew:
        yield crew, proxy


async def test_node_killed_and_started_again_loses_nothing(private_rabbitmq: RabbitNode) -> None:
    async with Crew(private_rabbitmq.url) as crew:
        crew.work(2)
        await crew.insist("first")
        # RabbitMQ 3.10 writes down late which queues it has: one that was declared less than three
        # seconds before a kill can't be consumed afterwards, ever.
        await asyncio.sleep(5)
        sending = asyncio.create_task(crew.send_many(150, pause=0.02))
        await asyncio.sleep(0.7)
        await asyncio.to_thread(private_rabbitmq.kill)
        with pytest.raises(QueueUnavailable):
            await crew.queue.ping()
        await asyncio.to_thread(private_rabbitmq.start)
        await sending
        await crew.finish()

        crew.check()


async def test_node_that_is_away_is_said_to_be(private_rabbitmq: RabbitNode) -> None:
    async with Crew(private_rabbitmq.url) as crew:
        await crew.queue.ping()
        await asyncio.to_thread(private_rabbitmq.kill)
        for _ in range(3):
            async with asyncio.timeout(60):
                with pytest.raises(QueueUnavailable):
                    await crew.send("m")
        await asyncio.to_thread(private_rabbitmq.start)

        assert await crew.insist("m") == Enqueued("m")


async def test_connections_cut_again_and_again(proxied: tuple[Crew, TcpProxy]) -> None:
    crew, proxy = proxied
    crew.work(3)
    sending = asyncio.create_task(crew.send_many(120, pause=0.02))
    for _ in range(4):
        await asyncio.sleep(0.5)
        proxy.close_all()
    await sending
    await crew.finish()

    crew.check()


async def test_lost_confirm_is_said_and_the_message_comes_once(
    proxied: tuple[Crew, TcpProxy],
) -> None:
    crew, proxy = proxied
    await crew.queue.ping()
    proxy.drop_replies()
    with pytest.raises(QueueUnavailable):
        await crew.send("m")
    proxy.heal()

    assert await crew.insist("m") == Enqueued("m")
    crew.work(1)
    await crew.finish()
    await asyncio.sleep(0.3)
    assert crew.handled == ["m"]


async def test_silent_network_is_noticed(proxied: tuple[Crew, TcpProxy]) -> None:
    crew, proxy = proxied
    crew.work(2)
    await crew.send_many(20)
    proxy.blackhole()
    with pytest.raises(QueueUnavailable):
        await crew.send("other")
    proxy.heal()
    await crew.insist("other")
    await crew.finish()

    crew.check()


async def test_channel_closed_by_the_broker_is_opened_again(crew: Crew) -> None:
    await crew.send("m1", "m2")
    [held, *_] = await crew.queue.receive([LANE], limit=1, wait=timedelta(seconds=5))
    assert crew.queue._intake.line
    channel = await crew.queue._intake.line._channel.get_underlay_channel()
    await channel.basic_ack(999_999)  # 406: unknown delivery tag
    await held.ack()
    crew.work(1)
    await crew.finish()

    assert crew.handled == ["m2"]


async def test_deleted_queue_is_declared_again_and_consumed(crew: Crew) -> None:
    crew.work(1)
    await crew.send_many(5)
    await crew.finish()
    async with await aio_pika.connect(crew.direct_url) as connection:
        channel = await connection.channel()
        await channel.queue_delete(crew.topology.lane_queue(LANE))

    await crew.insist("after")
    await crew.finish()

    assert crew.handled[-1] == "after"
    crew.check()


async def test_returned_message_makes_its_queue_come_back(crew: Crew) -> None:
    await crew.send("before")
    async with await aio_pika.connect(crew.direct_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(crew.topology.lane_queue(LANE), ensure=False)
        await queue.unbind(crew.topology.input, LANE)

    with pytest.raises(QueueUnavailable, match="returned"):
        await crew.send("m")
    assert await crew.insist("m") == Enqueued("m")
    crew.work(1)
    await crew.finish()
    crew.check()


async def send_for_ever(crew: Crew) -> None:
    while True:
        await crew.send(f"m{len(crew.accepted)}")


async def test_refused_message_is_in_doubt_and_comes_once(
    crew: Crew, rabbitmq_node: RabbitNode
) -> None:
    await crew.send("first")
    policy = (crew.topology.options.namespace, rf"^{crew.topology.lane_queue(LANE)}$")
    limit = '{"max-length": 1}'
    await asyncio.to_thread(
        rabbitmq_node.control, "set_policy", "--apply-to", "queues", *policy, limit
    )
    with pytest.raises(QueueUnavailable, match="did not take"):
        await asyncio.wait_for(send_for_ever(crew), 60)
    refused = f"m{len(crew.accepted)}"
    await asyncio.to_thread(rabbitmq_node.control, "clear_policy", policy[0])

    assert await crew.insist(refused) == Enqueued(refused)
    crew.work(2)
    await crew.finish()
    crew.check()


async def test_memory_alarm_refuses_at_once_and_passes(
    crew: Crew, rabbitmq_node: RabbitNode
) -> None:
    await crew.send("before")
    await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.00001")
    try:
        async with asyncio.timeout(60):
            for _ in range(3):
                with pytest.raises(QueueUnavailable):
                    await crew.send("m")
            with pytest.raises(QueueUnavailable):
                await crew.queue.ping()
    finally:
        await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.4")
    await crew.insist("m")
    crew.work(1)
    await crew.finish()

    crew.check()


async def test_dead_worker_is_taken_over_when_its_lease_is_over(crew: Crew) -> None:
    """The same claims, another process: the first one's connection dies with a message in hand."""
    await crew.send("m")
    [held] = await crew.queue.receive([LANE], limit=1, wait=timedelta(seconds=5))
    await held.start()
    await crew.queue._intake._link.close()
    other = crew.another()
    crew.work(1, on=other)
    await crew.finish()

    assert crew.handled == ["m"]
    assert Change.LEASE_LOST in crew.changes("m")


async def test_message_that_kills_its_worker_is_poison(crew: Crew) -> None:
    await crew.send("toxic", "m1", "m2")
    crew.fatal.add("toxic")
    crew.work(2)
    await crew.finish()

    assert crew.changes("toxic")[-1] is Change.POISONED
    assert sorted(crew.handled) == ["m1", "m2"]
    assert (await crew.dead_letters())["toxic"] == b"hello"


async def test_dead_letter_keeps_its_bytes_and_its_reason(crew: Crew) -> None:
    await crew.send("m", body=b"\xff\x00")
    [delivery] = await crew.queue.receive([LANE], limit=1, wait=timedelta(seconds=5))
    await delivery.dead_letter("undecodable: no use")

    assert await crew.dead_letters() == {"m": b"\xff\x00"}


async def test_what_is_due_comes_on_time_through_real_waiting_rooms(crew: Crew) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=7.3)
    await crew.send("m", due_at=due_at)
    [delivery] = await crew.queue.receive([LANE], limit=1, wait=timedelta(seconds=20))

    assert timedelta(seconds=-0.1) < datetime.now(UTC) - due_at < timedelta(seconds=3)
    await delivery.ack()
