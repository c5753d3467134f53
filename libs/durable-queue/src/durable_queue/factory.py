"""Opens a queue by URL."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from durable_queue.claims.store import ClaimStore
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.port import Queue
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.recorder import LuaRecorder, Recorder
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.queue import RedisListQueue


def open_queue(  # noqa: PLR0913 - all that any adapter can be told, by keyword
    url: str,
    *,
    recorder: LuaRecorder | None = None,
    memory_recorder: Recorder | None = None,
    namespace: str = "an",
    retention: timedelta = timedelta(days=30),
    max_waiting: int = 1_000_000,
    lease: timedelta = timedelta(seconds=60),
    claims: ClaimStore | None = None,
    rabbitmq: RabbitOptions | None = None,
) -> Queue:
    """Return the queue that a URL names: `redis://`, `rediss://`, `amqp://`, `amqps://`, `memory://`.

    It connects when it is first used. A queue on Redis tells `recorder` of every change, others
    tell `memory_recorder`. Ended messages are remembered for `retention`. The rest is for RabbitMQ:
    who knows which message is whose, and keeps the records instead of `memory_recorder` (by default
    this process alone knows; closed with the queue), and the options that no other broker has.

    Raises:
        ValueError: the URL names no broker that is supported.
    """
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss"}:
        options = RedisListOptions(
            namespace=namespace, retention=retention, max_waiting=max_waiting, lease=lease
        )
        return RedisListQueue(url, recorder=recorder, options=options)
    if scheme == "memory":
        return InMemoryQueue(
            recorder=memory_recorder,
            options=MemoryOptions(retention=retention, max_waiting=max_waiting, lease=lease),
        )
    if scheme in {"amqp", "amqps"}:
        # Measured: its client is 3 MB and 30 ms of a start.
        from durable_queue.rabbitmq.queue import RabbitQueue  # noqa: PLC0415 - see above

        return RabbitQueue(
            url,
            recorder=memory_recorder,
            claims=claims,
            options=replace(
                rabbitmq or RabbitOptions(),
                namespace=namespace,
                lease=lease,
                max_waiting=max_waiting,
            ),
        )
    raise ValueError(f"a broker's URL begins with redis://, amqp:// or memory://, not {scheme!r}")
