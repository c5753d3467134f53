"""What does a hop through RabbitMQ cost, beside a bare aio-pika loop with the same durability?

A hop is: published persistently to a quorum queue, confirmed, consumed, acknowledged. The bare loop
does just that. Beside it the product's own queue and workers bring each message through two hops,
validation and delivery: what they add is a claim and a record for every step, the envelope, and the
worker. Records and claims are kept nowhere, in Redis, and in the publisher's memory, in turn; all
in this one process, 64 messages at once, several rounds.

    .venv/bin/python benchmarks/rabbitmq.py --count 5000 [--url amqp://…] [--json FILE]
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

import aio_pika
import uvloop
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify_prove.rabbitmq_node import RabbitNode
from durable_queue.factory import open_queue
from durable_queue.port import Delivery, Message, Queue
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.topology import Topology
from durable_queue.worker import Worker
from figures import Sheet, yardstick_ms
from notification_contracts.lanes import all_lanes, delivery_lane, validation_lane
from notification_contracts.states import Priority, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.opening import open_ledger, open_publisher_queue, open_worker_queue
from notification_ledger.settings import Stores
from notification_ledger.status_update import StatusUpdate
from service_kit.http.server import settle_memory

AT_ONCE: Final = 64
BODY: Final = b"x" * 300
LANE: Final = validation_lane(Priority.NORMAL)
NEXT: Final = delivery_lane("email", Priority.NORMAL)
LEASE: Final = timedelta(seconds=60)
LEAST_SHARE: Final = 1 / 3


def note(status: Status) -> bytes:
    """Say what a stage says."""
    return StatusUpdate(status=status, channel="email", user_id="user_test").encode()


async def bare(url: str, count: int) -> float:
    """Return the messages a second of a loop that publishes, consumes and acknowledges."""
    publishing, consuming = await aio_pika.connect(url), await aio_pika.connect(url)
    inlet, outlet = await publishing.channel(on_return_raises=True), await consuming.channel()
    await outlet.set_qos(2 * AT_ONCE)
    name = f"bare.{secrets.token_hex(4)}"
    queue = await outlet.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    left, done = count, asyncio.Event()

    async def on_message(incoming: aio_pika.abc.AbstractIncomingMessage) -> None:
        nonlocal left
        await incoming.ack()
        left -= 1
        if left == 0:
            done.set()

    async def publish() -> None:
        message = aio_pika.Message(BODY, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await inlet.default_exchange.publish(message, name, mandatory=True)

    tag = await queue.consume(on_message)
    began = time.perf_counter()
    await at_once(count, publish)
    await done.wait()
    rate = count / (time.perf_counter() - began)
    await queue.cancel(tag)
    await queue.delete(if_unused=False, if_empty=False)
    await publishing.close()
    await consuming.close()
    return rate


async def two_hops(accepting: Queue, working: Queue, count: int) -> float:
    """Return the hops a second of messages that are sent, validated and delivered."""
    delivered, done = 0, asyncio.Event()

    async def validate(delivery: Delivery) -> None:
        await delivery.forward(NEXT, note(Status.VALIDATED))

    async def deliver(delivery: Delivery) -> None:
        nonlocal delivered
        await delivery.start(note(Status.SENDING))
        await delivery.ack(note(Status.SENT))
        delivered += 1
        if delivered == count:
            done.set()

    async def send() -> None:
        message = Message(id=new_trace_id(), lane=LANE, body=BODY, note=note(Status.QUEUED))
        await accepting.send(message)

    stopping = asyncio.Event()
    stages = ((LANE, validate), (NEXT, deliver))
    workers = [
        Worker(working, [lane], handle, name=lane, concurrency=AT_ONCE, lease=LEASE)
        for lane, handle in stages
    ]
    running = [asyncio.create_task(worker.run(stopping)) for worker in workers]
    await working.depths([LANE, NEXT])
    began = time.perf_counter()
    await at_once(count, send)
    await done.wait()
    rate = 2 * count / (time.perf_counter() - began)
    stopping.set()
    await asyncio.gather(*running)
    return rate


@asynccontextmanager
async def untracked(url: str) -> AsyncIterator[tuple[Queue, Queue]]:
    """Open one queue that keeps claims for itself and no records."""
    namespace = f"bench-{secrets.token_hex(4)}"
    options = RabbitOptions(prefetch=2 * AT_ONCE)
    queue = open_queue(url, namespace=namespace, lease=LEASE, rabbitmq=options)
    yield queue, queue
    await queue.close()
    await remove(url, namespace)


@asynccontextmanager
async def tracked(url: str, ledger_url: str) -> AsyncIterator[tuple[Queue, Queue]]:
    """Open the publisher's queue and a dispatcher's, as they do it."""
    namespace = f"bench-{secrets.token_hex(4)}"
    stores = Stores(broker_url=url, ledger_url=ledger_url, namespace=namespace)
    ledger = open_ledger(ledger_url, namespace=namespace)
    accepting = open_publisher_queue(stores, ledger, max_waiting=1_000_000)
    working = open_worker_queue(stores, lease=LEASE, concurrency=AT_ONCE)
    if accepting.claim_server:
        await accepting.claim_server.start()
    yield accepting.queue, working
    await working.close()
    if accepting.claim_server:
        await accepting.claim_server.stop()
    await accepting.queue.close()
    await ledger.close()
    await remove(url, namespace)


async def remove(url: str, namespace: str) -> None:
    """Remove queues and exchanges."""
    async with await aio_pika.connect(url) as connection:
        topology = Topology(RabbitOptions(namespace=namespace))
        await topology.remove(await connection.channel(), all_lanes())


async def at_once(count: int, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` so many times, a dispatcher's handful at a time."""
    numbers: Iterator[int] = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in numbers:
            await work()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def measure(url: str, redis_url: str, count: int, rounds: int) -> Sheet:
    """Measure everything in turn, `rounds` times; return the medians."""
    rates: dict[str, list[float]] = {}
    settle_memory()  # as every service does
    for _ in range(rounds):
        rates.setdefault("bare loop", []).append(await bare(url, count))
        opened = {
            "no records": untracked(url),
            "records in Redis": tracked(url, redis_url),
            "records in the publisher's memory": tracked(url, "memory://"),
        }
        for name, opening in opened.items():
            async with opening as (accepting, working):
                rates.setdefault(name, []).append(await two_hops(accepting, working, count))
    sheet = Sheet(f"{count:,} messages, median of {rounds}")
    sheet.add("yardstick, a million additions in Python", yardstick_ms(), "CPU ms")
    base = median(rates["bare loop"])
    for name, values in rates.items():
        sheet.add(name, median(values), "hops per second")
        if name != "bare loop":
            sheet.add(f"{name}: bare loop's rate", base / median(values), "times", limit=3)
    return sheet


async def run(count: int, rounds: int, url: str | None) -> Sheet:
    """Start what is needed, and measure."""
    node = None
    with tempfile.TemporaryDirectory(prefix="benchmark-rabbitmq-") as folder:
        redis = EmbeddedRedis(Path(folder) / "redis")
        if url is None:
            node = RabbitNode(Path(folder))
            await asyncio.to_thread(node.start)
        await redis.start()
        try:
            return await measure(url or (node.url if node else ""), redis.url, count, rounds)
        finally:
            await redis.stop()
            if node:
                node.close()


def main() -> int:
    """Measure, and show the figures; 1 if a hop takes more than three times the bare loop's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=5_000, help="how many in each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often")
    parser.add_argument("--url", help="a RabbitMQ that runs; by default one is started")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    sheet = uvloop.run(run(options.count, options.rounds, options.url))
    sheet.show()
    if options.json:
        sheet.write(options.json)
    return 1 if sheet.broken else 0


if __name__ == "__main__":
    sys.exit(main())
