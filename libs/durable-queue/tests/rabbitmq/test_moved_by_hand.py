"""What an operator does to RabbitMQ's queues by hand: nothing vanishes, and the log says so."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from durable_queue.port import Change, ControlOutcome, Delivery
from testkit.logs import captured_logs
from testkit.queue_contract.harness import SOON
from testkit.rabbitmq_workers import LANE, NEXT, RabbitWorkers, next_in

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
async def workers(rabbitmq_url: str) -> AsyncIterator[RabbitWorkers]:
    patient = timedelta(seconds=30)  # nothing here is about a broker that does not answer
    async with RabbitWorkers(rabbitmq_url, dead_letters_at_once=8, call_timeout=patient) as workers:
        yield workers


async def moved(workers: RabbitWorkers, lane: str, *, letters: int = 1, copies: int = 1) -> None:
    """Move so many dead letters into a lane's queue, as a shovel and "Move messages" do."""
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        queue = await workers.topology.declare_dead_queue(channel)
        for _ in range(letters):
            letter = await next_in(queue)
            for _ in range(copies):
                await put(channel, workers.topology.lane_queue(lane), letter)
            await letter.ack()


async def put(
    channel: AbstractChannel, queue: str, letter: aio_pika.abc.AbstractIncomingMessage
) -> None:
    headers = {**letter.headers, "x-shovelled": True}
    copy = aio_pika.Message(letter.body, headers=headers, delivery_mode=2)
    await channel.default_exchange.publish(copy, queue)


async def purge(workers: RabbitWorkers) -> None:
    async with await aio_pika.connect(workers.direct_url) as connection:
        queue = await workers.topology.declare_dead_queue(await connection.channel())
        await queue.purge()


async def take(workers: RabbitWorkers, *lanes: str) -> Delivery:
    [delivery] = await workers.queue.receive(lanes or [LANE], limit=1, wait=SOON)
    return delivery


async def test_dead_letters_moved_into_a_lane_are_tried_again(workers: RabbitWorkers) -> None:
    ids = {f"m{number}" for number in range(5)}
    await workers.kill(*ids)
    with captured_logs() as lines:
        await moved(workers, LANE, letters=5)
        workers.work(1)
        await workers.wait_for(lambda: set(workers.handled) == ids)
        said = [
            str(each["message_id"]) for each in lines() if "letter_put_back" in str(each["event"])
        ]

    assert sorted(said) == sorted(workers.handled) == sorted(ids)
    for message_id in ids:
        events = [
            (each.change, each.note) for each in workers.events if each.message_id == message_id
        ]
        assert events[1:3] == [
            (Change.DEAD, b""),
            (Change.REPLAYED, b"put back into a lane by hand"),
        ]


async def test_attempts_count_anew_and_it_goes_where_it_died(workers: RabbitWorkers) -> None:
    await workers.send("m", max_attempts=3)
    await (await take(workers)).forward(NEXT)
    await (await take(workers, NEXT)).retry(SOON * 0)
    await (await take(workers, NEXT)).dead_letter("no use")
    await moved(workers, LANE)
    assert await workers.queue.receive([LANE], limit=1, wait=SOON * 0) == []

    again = await take(workers, NEXT)

    assert (again.lane, again.attempt, again.max_attempts) == (NEXT, 1, 3)


async def test_moved_twice_or_copied_it_is_tried_once(workers: RabbitWorkers) -> None:
    await workers.kill("m")
    with captured_logs() as lines:
        await moved(workers, LANE, copies=3)
        workers.work(2)
        await workers.wait_for(lambda: any("old_dead_letter" in str(each) for each in lines()))
        await workers.wait_for(lambda: Change.DONE in workers.changes("m"))

    assert workers.changes("m").count(Change.REPLAYED) == 1
    assert workers.handled == ["m"]


async def test_what_the_broker_gave_up_can_be_moved_back(workers: RabbitWorkers) -> None:
    """It carries no word of why, and the audit has put it on record as a dead letter."""
    await workers.send("m")
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(workers.topology.lane_queue(LANE), ensure=False)
        await (await queue.get()).reject(requeue=False)
    await workers.until_dead(1)
    assert await workers.queue.heal() == 1
    await workers.queue._control.close()
    await moved(workers, LANE)
    workers.work(1)
    await workers.wait_for(lambda: workers.handled == ["m"])

    assert workers.changes("m")[1:3] == [Change.POISONED, Change.REPLAYED]


async def test_moved_ones_without_a_claim_are_tried_again(
    workers: RabbitWorkers,
) -> None:
    await workers.kill("m", note=b"why")
    queue = await workers.forget()
    await moved(workers, LANE)
    workers.work(1, on=queue)
    await workers.wait_for(lambda: workers.handled == ["m"])

    assert workers.changes("m")[:2] == [Change.DEAD, Change.REPLAYED]


async def test_moved_one_can_die_and_be_replayed_again(workers: RabbitWorkers) -> None:
    await workers.kill("m")
    await moved(workers, LANE)
    await (await take(workers)).dead_letter("still no use")

    assert await workers.queue.replay("m") is ControlOutcome.DONE
    assert (await take(workers)).id == "m"


async def test_one_that_was_deleted_meanwhile_is_dropped_and_the_log_says_so(
    workers: RabbitWorkers,
) -> None:
    await workers.kill("m")
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        letter = await (await workers.topology.declare_dead_queue(channel)).get()
        await letter.reject(requeue=True)
        assert await workers.queue.delete("m") is ControlOutcome.DONE
        with captured_logs() as lines:
            await put(channel, workers.topology.lane_queue(LANE), letter)
            workers.work(1)
            await workers.wait_for(lambda: any("old_dead_letter" in str(each) for each in lines()))

    assert workers.handled == []
    assert workers.changes("m")[-1] is Change.DELETED


async def test_one_of_a_newer_release_is_put_back_among_the_dead_letters(
    workers: RabbitWorkers,
) -> None:
    await workers.kill("m")
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        queue = await workers.topology.declare_dead_queue(channel)
        letter = await queue.get()
        letter.headers["x-an-schema"] = 2
        with captured_logs() as lines:
            await put(channel, workers.topology.lane_queue(LANE), letter)
            await letter.ack()
            workers.work(1)
            await workers.wait_for(lambda: any("not_understood" in str(each) for each in lines()))

    assert await workers.dead_letters(at_least=1) == {"m": b"hello"}
    assert workers.handled == []


async def test_purged_one_can_not_be_replayed_and_the_others_can(workers: RabbitWorkers) -> None:
    await workers.kill("gone")
    await purge(workers)
    others = [f"m{number}" for number in range(20)]
    await workers.kill(*others)

    outcomes = await asyncio.gather(*(workers.queue.replay(each) for each in ["gone", *others]))

    assert outcomes == [ControlOutcome.GONE] + [ControlOutcome.DONE] * 20
    assert Change.REPLAYED not in workers.changes("gone")
    workers.work(1)
    await workers.wait_for(lambda: set(workers.handled) == set(others))
    assert await workers.queue.replay("gone") is ControlOutcome.GONE


async def test_purged_one_can_be_deleted(workers: RabbitWorkers) -> None:
    await workers.kill("gone")
    await purge(workers)

    assert await workers.queue.delete("gone") is ControlOutcome.DONE
    assert workers.changes("gone")[-1] is Change.DELETED
    assert await workers.queue.delete("gone") is ControlOutcome.REFUSED
