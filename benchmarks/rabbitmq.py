"""What does a hop through RabbitMQ cost, beside a bare aio-pika loop with the same durability?

Both publish persistent messages to a quorum queue with confirms, as many at once as a dispatcher
has in hand, while they consume them and acknowledge each. What the adapter adds is the claim of
each message, its envelope, and the recorder. Both run in this process, in turn, several rounds.

    .venv/bin/python benchmarks/rabbitmq.py --count 5000 [--url amqp://…]
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

import aio_pika
import uvloop
from figures import yardstick_ms
from service_kit.queue.port import Message
from service_kit.queue.rabbitmq.options import RabbitOptions
from service_kit.queue.rabbitmq.queue import RabbitQueue
from service_kit.testing.rabbitmq_node import RabbitNode

AT_ONCE: Final = 64
BODY: Final = b"x" * 300
LANE: Final = "bench.normal"
NEXT: Final = "next.normal"


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

    await queue.consume(on_message)
    began = time.perf_counter()
    await at_once(count, lambda _: publish())
    await done.wait()
    rate = count / (time.perf_counter() - began)
    await outlet.queue_delete(name)
    await publishing.close()
    await consuming.close()
    return rate


async def adapter(url: str, count: int) -> dict[str, float]:
    """Return the messages a second of each hop: sent and received, forwarded, done."""
    options = RabbitOptions(namespace=f"b{secrets.token_hex(4)}", prefetch=2 * AT_ONCE)
    queue = RabbitQueue(url, recorder=lambda _: None, options=options)
    await queue.depths([LANE, NEXT])
    handled, done = 0, asyncio.Event()

    async def handle_all(lane: str, then: str | None) -> None:
        nonlocal handled
        while handled < count:
            found = await queue.receive([lane], limit=AT_ONCE, wait=timedelta(seconds=0.2))
            await asyncio.gather(*(each.forward(then) if then else each.ack() for each in found))
            handled += len(found)
        done.set()

    async def send(number: int) -> None:
        await queue.send(Message(id=f"m{number}", lane=LANE, body=BODY))

    working = asyncio.create_task(handle_all(LANE, NEXT))
    began = time.perf_counter()
    await at_once(count, send)
    await done.wait()
    first = count / (time.perf_counter() - began)
    await working

    handled, began = 0, time.perf_counter()
    await handle_all(NEXT, None)
    second = count / (time.perf_counter() - began)
    await queue.close()
    # Two hops' worth of publishing and consuming is in the first figure: sent, then forwarded.
    return {"send, receive, forward": first, "a hop of it": 2 * first, "receive, done": second}


async def at_once(count: int, work: Callable[[int], Awaitable[None]]) -> None:
    """Do `work` so many times, a dispatcher's handful at a time."""
    numbers: Iterator[int] = iter(range(count))

    async def one_after_the_other() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def run(url: str, count: int, rounds: int) -> dict[str, float]:
    """Return the medians."""
    bares, adapters = [], []
    for _ in range(rounds):
        bares.append(await bare(url, count))
        adapters.append(await adapter(url, count))
    figures = {"bare": median(bares)}
    for name in adapters[0]:
        figures[name] = median(each[name] for each in adapters)
    figures["share per hop"] = figures["a hop of it"] / figures["bare"]
    return figures


def main() -> None:
    """Measure, and print the figures; exit 1 if a hop is slower than a third of the bare loop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url", help="a RabbitMQ that runs; by default one is started")
    given = parser.parse_args()
    node = None
    with tempfile.TemporaryDirectory() as folder:
        if not given.url:
            node = RabbitNode(Path(folder))
            node.start()
        try:
            url = given.url or (node.url if node else "")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                figures = runner.run(run(url, given.count, given.rounds))
        finally:
            if node:
                node.close()
    figures["yardstick_ms"] = yardstick_ms()
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=2))
    sys.exit(figures["share per hop"] < 1 / 3)


if __name__ == "__main__":
    main()
