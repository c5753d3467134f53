"""A message with which workers fell silent is handled while nothing else is in hand."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from durable_queue.messages import SUSPECT_AFTER
from durable_queue.port import Delivery, Message
from durable_queue.redis_list.queue import RedisListQueue
from durable_queue.worker import Isolation, Worker, one_by_one
from redis.asyncio import Redis
from testkit.message_text import columns_of
from testkit.redis_list_harness import PATIENT
from testkit.running import until

LANES = ("first", "second")
LEASE = timedelta(milliseconds=500)
OPTIONS = replace(PATIENT, lease=LEASE, ticket_grace=timedelta(milliseconds=100))


class Process:
    """Handles messages as all workers of a process do; sees what is in hand with what."""

    def __init__(self) -> None:
        self.in_hand: set[str] = set()
        self.neighbours: dict[str, set[str]] = {}
        self.done: set[str] = set()

    async def handle(self, delivery: Delivery) -> None:
        self.in_hand.add(delivery.id)
        for each in self.in_hand:
            self.neighbours.setdefault(each, set()).update(self.in_hand - {each})
        await asyncio.sleep(0.02)
        await delivery.ack()
        self.in_hand.discard(delivery.id)
        self.done.add(delivery.id)


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(redis_url, options=OPTIONS)
    yield queue
    await queue.close()


async def fall_silent(queue: RedisListQueue, lanes: tuple[str, ...], count: int) -> None:
    """Take so many messages, as often as it takes to make them suspect, and do nothing."""
    for _ in range(SUSPECT_AFTER):
        await queue.receive(lanes, limit=count, wait=timedelta(0))
        lost = 0
        async with asyncio.timeout(60):
            while (lost := lost + (await queue.tick(lanes)).leases_expired) < count:
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def working(queue: RedisListQueue, process: Process) -> AsyncIterator[None]:
    stopping, isolation = asyncio.Event(), Isolation()
    workers = [
        Worker(
            queue,
            [lane],
            one_by_one(process.handle),
            name=lane,
            concurrency=5,
            lease=LEASE,
            isolation=isolation,
        )
        for lane in LANES
    ]
    running = [asyncio.create_task(worker.run(stopping)) for worker in workers]
    yield
    stopping.set()
    await asyncio.gather(*running)


async def test_suspects_are_handled_alone_whichever_worker_has_them(queue: RedisListQueue) -> None:
    suspects = {f"{lane} suspect {number}" for lane in LANES for number in range(3)}
    for name in sorted(suspects):
        await queue.send(Message(id=name, lane=name.split()[0], body=b""))
    await fall_silent(queue, LANES, len(suspects))
    others = {f"{lane} other {number}" for lane in LANES for number in range(40)}
    for name in sorted(others):
        await queue.send(Message(id=name, lane=name.split()[0], body=b""))

    process = Process()
    async with working(queue, process):
        await until(lambda: process.done == suspects | others)

    assert {name: process.neighbours[name] for name in suspects} == {
        name: set() for name in suspects
    }
    assert any(process.neighbours[name] for name in others)


async def test_stopping_does_not_wait_for_isolation(queue: RedisListQueue) -> None:
    await queue.send(Message(id="first suspect", lane="first", body=b""))
    await fall_silent(queue, ("first",), 1)
    process = Process()
    async with working(queue, process):
        await until(lambda: bool(process.in_hand))

    assert process.done == {"first suspect"}


PROGRAM = """
import asyncio, os, sys
from datetime import timedelta
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.queue import RedisListQueue
from durable_queue.upkeep import Ticker
from durable_queue.worker import Isolation, Worker, one_by_one

LEASE = timedelta(milliseconds=500)

async def handle_one(delivery):
    if delivery.id == "poison":
        os._exit(9)
    await asyncio.sleep(0.05)
    await delivery.ack()

handle = one_by_one(handle_one)

async def main():
    queue = RedisListQueue(sys.argv[1], options=RedisListOptions(lease=LEASE, max_deliveries=4))
    isolation, stopping = Isolation(), asyncio.Event()
    workers = [
        Worker(queue, [lane], handle, name=lane, concurrency=10, lease=LEASE, isolation=isolation)
        for lane in ("first", "second")
    ]
    ticker = Ticker(queue, ["first", "second"], every=timedelta(milliseconds=50))
    await asyncio.gather(*(each.run(stopping) for each in (*workers, ticker)))

asyncio.run(main())
"""


async def states(redis: Redis, names: list[str]) -> dict[str, str]:
    found = [(await columns_of(redis, f"{{an:0}}:e:{name}"))["st"] for name in names]
    return dict(zip(names, found, strict=True))


async def test_poison_affects_no_other_message(
    queue: RedisListQueue, redis_url: str, tmp_path: Path
) -> None:
    names = [*(f"m{number}" for number in range(5)), "poison", *(f"n{n}" for n in range(4))]
    for name in names:
        await queue.send(Message(id=name, lane=LANES[name < "n"], body=b""))
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    deaths = 0
    async with Redis.from_url(redis_url) as redis:
        while not set((ends := await states(redis, names)).values()) <= {"done", "dead"}:
            process = await asyncio.create_subprocess_exec(sys.executable, program, redis_url)
            while process.returncode is None and not set((await states(redis, names)).values()) <= {
                "done",
                "dead",
            }:
                await asyncio.sleep(0.05)
            if process.returncode is None:
                process.kill()
            deaths += await process.wait() == 9

    assert ends == {**dict.fromkeys(names, "done"), "poison": "dead"}
    assert deaths == 4


class Stock:
    """One message to be received, which comes back if whoever receives it is cancelled."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.is_back = False

    async def receive(self) -> Any:
        try:
            await self.arrived.wait()
        except asyncio.CancelledError:
            self.is_back = True
            raise
        return ["m"]


@pytest.mark.parametrize("turns", range(5))
async def test_what_is_received_while_the_worker_is_stopped_is_not_left_to_its_lease(turns):
    isolation, stock = Isolation(), Stock()
    polling = asyncio.create_task(isolation.poll(stock.receive()))
    await asyncio.sleep(0.01)
    stock.arrived.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    polling.cancel()
    outcome: Any
    (outcome,) = await asyncio.gather(polling, return_exceptions=True)

    assert outcome == ["m"] or stock.is_back


async def test_a_poll_that_is_called_off_leaves_its_task_alive():
    isolation, stock = Isolation(), Stock()

    async def poll():
        return await isolation.poll(stock.receive()), asyncio.current_task().cancelling()

    polling = asyncio.create_task(poll())
    await asyncio.sleep(0.01)
    isolation.begin()

    assert await polling == (None, 0)
    assert stock.is_back


async def test_a_poll_that_is_called_off_and_cancelled_is_cancelled():
    isolation, stock = Isolation(), Stock()
    polling = asyncio.create_task(isolation.poll(stock.receive()))
    await asyncio.sleep(0.01)
    isolation.begin()
    polling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await polling
