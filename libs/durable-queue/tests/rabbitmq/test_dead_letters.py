"""Dead letters on RabbitMQ: none is lost, invisible, or there twice."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
from aio_pika.abc import HeadersType
from durable_queue.port import Change, ControlOutcome
from service_kit.failpoints import armed
from testkit.rabbitmq_workers import RabbitWorkers

pytestmark = pytest.mark.rabbitmq

LANE = "stage.normal"
SOON = timedelta(seconds=60)


@pytest.fixture
async def workers(rabbitmq_url: str) -> AsyncIterator[RabbitWorkers]:
    patient = timedelta(seconds=30)  # nothing here is about a broker that does not answer
    async with RabbitWorkers(rabbitmq_url, dead_letters_at_once=8, call_timeout=patient) as workers:
        yield workers


async def rejected_by_a_stranger(workers: RabbitWorkers) -> None:
    """Have the broker itself give up what waits first."""
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(workers.topology.lane_queue(LANE), ensure=False)
        incoming = await queue.get()
        await incoming.reject(requeue=False)
    await workers.until_dead(1)


async def test_letters_outlive_who_knew_of_them(workers: RabbitWorkers) -> None:
    began = datetime.now(UTC)
    await workers.kill("m1", "m2", note=b"why")
    after = datetime.now(UTC)
    await asyncio.sleep(0.2)
    queue = await workers.forget()

    assert await queue.heal() == 2
    assert {each.message_id: each.note for each in workers.events} == {"m1": b"why", "m2": b"why"}
    assert {each.change for each in workers.events} == {Change.DEAD}
    assert all(began - timedelta(seconds=0.1) < each.at <= after for each in workers.events)
    assert await queue.heal() == 0
    assert await queue.replay("m1") is ControlOutcome.DONE
    workers.work(1, on=queue)
    await workers.wait_for(lambda: workers.handled == ["m1"])


async def test_what_the_broker_gives_up_is_known(workers: RabbitWorkers) -> None:
    await workers.send("m")
    await rejected_by_a_stranger(workers)

    assert await workers.queue.heal() == 1
    assert workers.changes("m")[-1] is Change.POISONED
    assert await workers.queue.replay("m") is ControlOutcome.DONE
    workers.work(1)
    await workers.wait_for(lambda: workers.handled == ["m"])


async def test_what_has_no_name_gets_one_and_keeps_its_bytes(workers: RabbitWorkers) -> None:
    await workers.queue.depths([LANE])
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(workers.topology.input, ensure=False)
        await exchange.publish(aio_pika.Message(b"\xff\x00 what?"), LANE)
    await rejected_by_a_stranger(workers)

    assert await workers.queue.heal() == 1
    assert [each.change for each in workers.events] == [Change.ADOPTED, Change.POISONED]
    name = workers.events[0].message_id
    await workers.queue.close()
    assert await workers.dead_letters(at_least=1) == {name: b"\xff\x00 what?"}


async def test_what_a_newer_release_wrote_is_kept_as_it_is(workers: RabbitWorkers) -> None:
    await workers.queue.depths([LANE])
    headers: HeadersType = {"x-an-schema": 2, "x-an-event": "m", "x-an-stage": LANE, "x-an-hop": 0}
    later: HeadersType = headers | {"x-an-event": "l", "x-an-due-ms": 1 << 50}
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(workers.topology.input, ensure=False)
        await exchange.publish(aio_pika.Message(b"\xff new", headers=headers), LANE)
        await exchange.publish(aio_pika.Message(b"later", headers=later), LANE)
    workers.work(1)
    await workers.wait_for(
        lambda: workers.changes("m") == workers.changes("l") == [Change.POISONED]
    )
    await workers.queue.close()

    assert await workers.dead_letters(at_least=2) == {"m": b"\xff new", "l": b"later"}
    assert workers.handled == []


async def test_letter_of_a_message_that_moved_on_is_dropped(workers: RabbitWorkers) -> None:
    await workers.kill("m")
    await published_again(workers)
    await workers.queue.replay("m")
    workers.work(1)
    await workers.wait_for(lambda: workers.handled == ["m"])

    assert await workers.queue.heal() == 0
    await workers.queue.close()
    assert await workers.dead_letters() == {}


async def test_replay_takes_the_letter_that_counts(workers: RabbitWorkers) -> None:
    """A letter was left behind, its message was replayed, and died again."""
    await workers.kill("m")
    await published_again(workers)
    for _ in range(2):
        assert await workers.queue.replay("m") is ControlOutcome.DONE
        [again] = await workers.queue.receive([LANE], limit=1, wait=SOON)
        await again.dead_letter("still no use")

    assert await workers.queue.replay("m") is ControlOutcome.DONE
    [again] = await workers.queue.receive([LANE], limit=1, wait=SOON)
    await again.ack()
    assert await workers.queue.heal() == 0


async def published_again(workers: RabbitWorkers) -> None:
    """Leave a second copy of each letter, as a crash between publishing and acknowledging does."""
    async with await aio_pika.connect(workers.direct_url) as connection:
        channel = await connection.channel()
        queue = await workers.topology.declare_dead_queue(channel)
        dead = await channel.get_exchange(workers.topology.dead, ensure=False)
        incoming = await queue.get()
        copy = aio_pika.Message(incoming.body, headers=incoming.headers, delivery_mode=2)
        await dead.publish(copy, "any")
        await incoming.reject(requeue=True)


async def test_letters_underneath_are_found(workers: RabbitWorkers) -> None:
    ids = [f"m{number}" for number in range(30)]
    await workers.kill(*ids)

    for message_id in (ids[29], ids[0], ids[17]):
        assert await workers.queue.replay(message_id) is ControlOutcome.DONE
    assert await workers.queue.heal() == 0

    await workers.queue.close()
    assert set(await workers.dead_letters(at_least=27)) == set(ids) - {"m29", "m0", "m17"}


async def test_all_letters_are_looked_at_when_there_are_many(workers: RabbitWorkers) -> None:
    await workers.kill(*(f"m{number}" for number in range(30)))

    assert await (await workers.forget()).heal() == 30


async def test_one_process_at_a_time_looks_through_them(workers: RabbitWorkers) -> None:
    await workers.kill("m1", "m2")
    other = workers.another()
    assert await workers.queue.replay("m1") is ControlOutcome.DONE

    assert await other.heal() == 0
    assert await other.replay("m2") is ControlOutcome.DONE


async def test_who_waited_for_the_dead_letters_keeps_them_while_it_uses_them(
    workers: RabbitWorkers,
) -> None:
    letters = deque(f"m{number}" for number in range(400))  # those in front are found at once
    await workers.kill(*letters)
    other = workers.another()
    assert await workers.queue.replay(letters.popleft()) is ControlOutcome.DONE

    loop = asyncio.get_running_loop()
    assert await other.replay(letters.popleft()) is ControlOutcome.DONE
    here_since = loop.time()
    while letters and loop.time() < here_since + 3:  # longer than an idle process has them
        assert await other.replay(letters.popleft()) is ControlOutcome.DONE


async def test_giving_up_is_carried_out_by_the_next_worker(workers: RabbitWorkers) -> None:
    await workers.send("m")
    [doomed] = await workers.queue.receive([LANE], limit=1, wait=SOON)
    with armed("queue.after_decide:sleep=60"):
        giving_up = asyncio.create_task(doomed.dead_letter("no use", b"why"))
        await workers.wait_for(lambda: Change.DEAD in workers.changes("m"))
        giving_up.cancel()
    await workers.queue._consumer._connection.close()

    workers.work(1, on=workers.another())
    assert await workers.dead_letters(at_least=1) == {"m": b"hello"}
    assert workers.handled == []
    events = [(each.change, each.note) for each in workers.events]
    assert events == [(Change.ENQUEUED, b""), (Change.DEAD, b"why")]


async def test_replay_killed_half_way_is_done_once(workers: RabbitWorkers) -> None:
    """It was put back and recorded, but the dead letter was not acknowledged."""
    await workers.kill("m", "other")
    with armed("replay.after_move:sleep=60"):
        killed = asyncio.create_task(workers.queue.replay("m"))
        await workers.wait_for(lambda: Change.REPLAYED in workers.changes("m"))
        await asyncio.sleep(0.1)
        killed.cancel()
    await workers.queue._control.close()

    other = workers.another()
    assert await other.replay("m") is ControlOutcome.REFUSED
    assert await other.replay("other") is ControlOutcome.DONE
    workers.work(1)
    await workers.wait_for(lambda: len(workers.handled) >= 2)
    await workers.insist("after")  # a second copy would come before it
    await workers.finish()
    assert sorted(workers.handled) == ["after", "m", "other"]


async def test_one_hundred_replays_in_a_row_are_all_done(workers: RabbitWorkers) -> None:
    ids = [f"m{number}" for number in range(100)]
    await workers.kill(*ids)

    for message_id in ids:
        assert await workers.queue.replay(message_id) is ControlOutcome.DONE

    assert await workers.dead_letters() == {}
