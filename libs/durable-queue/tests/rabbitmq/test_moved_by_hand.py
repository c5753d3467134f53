"""What an operator does to RabbitMQ's queues by hand: nothing vanishes, and the log says so."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from durable_queue.port import Change, ControlOutcome, Delivery
from testkit.logs import captured_logs
from testkit.queue_contract.rig import SOON
from testkit.rabbitmq_crew import LANE, NEXT, Crew

pytestmark = pytest.mark.rabbitmq


@pytest.fixture
async def crew(rabbitmq_url: str) -> AsyncIterator[Crew]:
    patient = timedelta(seconds=30)  # nothing here is about a broker that does not answer
    async with Crew(rabbitmq_url, dead_letters_at_once=8, call_timeout=patient) as crew:
        yield crew


async def moved(crew: Crew, lane: str, *, copies: int = 1) -> int:
    """Move all dead letters into a lane's queue, as a shovel and "Move messages" do."""
    async with await aio_pika.connect(crew.direct_url) as connection:
        channel = await connection.channel()
        queue = await crew.topology.declare_dead_queue(channel)
        await asyncio.sleep(0.1)
        count = 0
        while (letter := await queue.get(fail=False)) is not None:
            for _ in range(copies):
                await put(channel, crew.topology.lane_queue(lane), letter)
            await letter.ack()
            count += 1
    return count


async def put(
    channel: AbstractChannel, queue: str, letter: aio_pika.abc.AbstractIncomingMessage
) -> None:
    headers = {**letter.headers, "x-shovelled": True}
    copy = aio_pika.Message(letter.body, headers=headers, delivery_mode=2)
    await channel.default_exchange.publish(copy, queue)


async def purge(crew: Crew) -> None:
    async with await aio_pika.connect(crew.direct_url) as connection:
        queue = await crew.topology.declare_dead_queue(await connection.channel())
        await queue.purge()


async def take(crew: Crew, *lanes: str) -> Delivery:
    [delivery] = await crew.queue.receive(lanes or [LANE], limit=1, wait=SOON)
    return delivery


async def test_dead_letters_moved_into_a_lane_are_tried_again(crew: Crew) -> None:
    ids = {f"m{number}" for number in range(5)}
    await crew.kill(*ids)
    with captured_logs() as lines:
        assert await moved(crew, LANE) == 5
        crew.work(1)
        await crew.wait_for(lambda: set(crew.handled) == ids)
        said = [
            str(each["message_id"]) for each in lines() if "letter_put_back" in str(each["event"])
        ]

    assert sorted(said) == sorted(crew.handled) == sorted(ids)
    for message_id in ids:
        told = [(each.change, each.note) for each in crew.told if each.message_id == message_id]
        assert told[1:3] == [
            (Change.DEAD, b""),
            (Change.REPLAYED, b"put back into a lane by hand"),
        ]


async def test_attempts_count_anew_and_it_goes_where_it_died(crew: Crew) -> None:
    await crew.send("m", max_attempts=3)
    await (await take(crew)).forward(NEXT)
    await (await take(crew, NEXT)).retry(SOON * 0)
    await (await take(crew, NEXT)).dead_letter("no use")
    await moved(crew, LANE)
    assert await crew.queue.receive([LANE], limit=1, wait=SOON * 0) == []

    again = await take(crew, NEXT)

    assert (again.lane, again.attempt, again.max_attempts) == (NEXT, 1, 3)


async def test_moved_twice_or_copied_it_is_tried_once(crew: Crew) -> None:
    await crew.kill("m")
    with captured_logs() as lines:
        await moved(crew, LANE, copies=3)
        crew.work(2)
        await crew.wait_for(lambda: any("old_dead_letter" in str(each) for each in lines()))
        await crew.wait_for(lambda: Change.DONE in crew.changes("m"))

    assert crew.changes("m").count(Change.REPLAYED) == 1
    assert crew.handled == ["m"]


async def test_what_the_broker_gave_up_can_be_moved_back(crew: Crew) -> None:
    """It carries no word of why, and the audit has put it on record as a dead letter."""
    await crew.send("m")
    async with await aio_pika.connect(crew.direct_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(crew.topology.lane_queue(LANE), ensure=False)
        await (await queue.get(timeout=5)).reject(requeue=False)
    assert await crew.queue.heal() == 1
    await crew.queue._operator.close()
    await moved(crew, LANE)
    crew.work(1)
    await crew.wait_for(lambda: crew.handled == ["m"])

    assert crew.changes("m")[1:3] == [Change.POISONED, Change.REPLAYED]


async def test_moved_ones_of_which_nobody_knows_any_more_are_tried_again(crew: Crew) -> None:
    await crew.kill("m", note=b"why")
    queue = await crew.forget()
    await moved(crew, LANE)
    crew.work(1, on=queue)
    await crew.wait_for(lambda: crew.handled == ["m"])

    assert crew.changes("m")[:2] == [Change.DEAD, Change.REPLAYED]


async def test_moved_one_can_die_and_be_replayed_again(crew: Crew) -> None:
    await crew.kill("m")
    await moved(crew, LANE)
    await (await take(crew)).dead_letter("still no use")

    assert await crew.queue.replay("m") is ControlOutcome.DONE
    assert (await take(crew)).id == "m"


async def test_one_that_was_deleted_meanwhile_is_dropped_and_the_log_says_so(crew: Crew) -> None:
    await crew.kill("m")
    async with await aio_pika.connect(crew.direct_url) as connection:
        channel = await connection.channel()
        letter = await (await crew.topology.declare_dead_queue(channel)).get(timeout=5)
        await letter.reject(requeue=True)
        assert await crew.queue.delete("m") is ControlOutcome.DONE
        with captured_logs() as lines:
            await put(channel, crew.topology.lane_queue(LANE), letter)
            crew.work(1)
            await crew.wait_for(lambda: any("old_dead_letter" in str(each) for each in lines()))

    assert crew.handled == []
    assert crew.changes("m")[-1] is Change.DELETED


async def test_one_of_a_newer_release_is_put_back_among_the_dead_letters(crew: Crew) -> None:
    await crew.kill("m")
    async with await aio_pika.connect(crew.direct_url) as connection:
        channel = await connection.channel()
        queue = await crew.topology.declare_dead_queue(channel)
        letter = await queue.get(timeout=5)
        letter.headers["x-an-schema"] = 2
        with captured_logs() as lines:
            await put(channel, crew.topology.lane_queue(LANE), letter)
            await letter.ack()
            crew.work(1)
            await crew.wait_for(lambda: any("not_understood" in str(each) for each in lines()))

    async with asyncio.timeout(60):
        while await crew.dead_letters() != {"m": b"hello"}:
            await asyncio.sleep(0.1)
    assert crew.handled == []


async def test_purged_one_can_not_be_replayed_and_the_others_can(crew: Crew) -> None:
    await crew.kill("gone")
    await purge(crew)
    others = [f"m{number}" for number in range(20)]
    await crew.kill(*others)

    outcomes = await asyncio.gather(*(crew.queue.replay(each) for each in ["gone", *others]))

    assert outcomes == [ControlOutcome.GONE] + [ControlOutcome.DONE] * 20
    assert Change.REPLAYED not in crew.changes("gone")
    crew.work(1)
    await crew.wait_for(lambda: set(crew.handled) == set(others))
    assert await crew.queue.replay("gone") is ControlOutcome.GONE


async def test_purged_one_can_be_deleted(crew: Crew) -> None:
    await crew.kill("gone")
    await purge(crew)

    assert await crew.queue.delete("gone") is ControlOutcome.DONE
    assert crew.changes("gone")[-1] is Change.DELETED
    assert await crew.queue.delete("gone") is ControlOutcome.REFUSED
