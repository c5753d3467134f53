"""Opens ledgers, and queues together with their records, by URL.

A queue on Redis keeps the records itself. Beside one on RabbitMQ they are kept, together with the
claims, by what the ledger's URL names:

    redis://    Redis. Every process writes to it; durable, for any number of publishers.
    memory://   The publisher, in its memory; the other processes ask it (`ClaimServer`). When it
                restarts, the status of notifications is gone; the notifications are not, and it
                finds the dead letters again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

from durable_queue.claims.store import ClaimStore
from durable_queue.factory import open_queue
from durable_queue.port import Queue
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.upkeep import Auditor
from notification_contracts.lanes import all_lanes
from service_kit.epoch import utc_now
from service_kit.lifecycle import NamedLoop, Resource

from notification_ledger.channel_pauses import (
    ChannelPauses,
    InMemoryChannelPauses,
    NoChannelPauses,
)
from notification_ledger.memory import MemoryLedger
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.redis.channel_pauses import RedisChannelPauses
from notification_ledger.settings import Stores
from notification_ledger.writing import LedgerStore, ReceiptWriter

# Dead letters that were in the broker before this process began are to be seen soon after.
_FIRST_AUDIT = timedelta(seconds=1)
_AUDIT_EVERY = timedelta(hours=1)


class ClaimKeeper(Resource, Protocol):
    """Keeps claims and records for all processes."""

    async def check(self) -> None:
        """Raise `QueueUnavailable` if others can't reach it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherQueue:
    """What the publisher opens: its queue, and what it has to run beside it.

    `claim_server` is there if its memory is the ledger; `loops` run as long as the process.
    """

    queue: Queue
    claim_server: ClaimKeeper | None = None
    loops: Sequence[NamedLoop] = ()


def open_ledger(
    url: str, *, namespace: str = "an", retention: timedelta = timedelta(days=30)
) -> LedgerStore:
    """Return the ledger that a URL names: `redis://`, `rediss://` or `memory://`.

    It connects when it is first used. `namespace` and `retention` are as for the queue beside it.

    Raises:
        ValueError: the URL names no store that is supported.
    """
    scheme = urlsplit(url).scheme
    if scheme in {"redis", "rediss"}:
        return RedisLedger(url, namespace=namespace, retention=retention)
    if scheme == "memory":
        return MemoryLedger()
    raise ValueError(f"a ledger's URL begins with redis://, rediss:// or memory://, not {scheme!r}")


def open_publisher_queue(
    stores: Stores, ledger: LedgerStore, *, max_waiting: int
) -> PublisherQueue:
    """Open the queue of the accepting process, which keeps the records if no other store does."""
    claims: ClaimStore | None = None
    server: ClaimKeeper | None = None
    if stores.are_on_rabbitmq:
        from notification_ledger.beside_rabbitmq import kept_claims  # noqa: PLC0415 - see there

        claims, server = kept_claims(stores, ledger)
    queue = open_queue(
        stores.broker_url,
        recorder=lua_recorder(),
        memory_recorder=ledger.record,
        namespace=stores.namespace,
        claims=claims,
        retention=stores.retention,
        max_waiting=max_waiting,
        rabbitmq=RabbitOptions(lanes=all_lanes()),
    )
    loops = [("auditor", Auditor(queue, first=_FIRST_AUDIT, every=_AUDIT_EVERY).run)]
    return PublisherQueue(
        queue=queue, claim_server=server, loops=loops if stores.are_on_rabbitmq else ()
    )


def open_worker_queue(stores: Stores, *, lease: timedelta, concurrency: int) -> Queue:
    """Open the queue of a process that works on up to `concurrency` messages of a lane at once."""
    if not stores.are_on_rabbitmq:
        return open_queue(
            stores.broker_url,
            recorder=lua_recorder(),
            namespace=stores.namespace,
            retention=stores.retention,
            lease=lease,
        )
    from notification_ledger.beside_rabbitmq import shared_claims  # noqa: PLC0415 - see there

    return open_queue(
        stores.broker_url,
        namespace=stores.namespace,
        claims=shared_claims(stores),
        retention=stores.retention,
        lease=lease,
        # A worker holds up to twice its concurrency, those that are being settled; half of what is
        # fetched ahead may be worked on in another lane.
        rabbitmq=RabbitOptions(lanes=all_lanes(), prefetch=4 * concurrency, audits=False),
    )


def open_receipt_writer(stores: Stores) -> ReceiptWriter:
    """Open what a worker process reports providers' receipts to: the ledger, wherever it is kept.

    It connects when it is first used. Beside a broker in memory, which is one process's own, give
    the ledger of that process instead: this one is new, and knows no notification.
    """
    if stores.are_on_rabbitmq and not stores.are_tracked_in_redis:
        from notification_ledger.beside_rabbitmq import remote_receipts  # noqa: PLC0415 - see there

        return remote_receipts(stores)
    return open_ledger(stores.ledger_url, namespace=stores.namespace, retention=stores.retention)


def open_channel_pauses(stores: Stores) -> ChannelPauses:
    """Open what knows the paused channels: it is where the records outlive the processes.

    Beside a broker in memory it is new, and this process's own.
    """
    if stores.are_tracked_in_redis:
        return RedisChannelPauses(stores.ledger_url, namespace=stores.namespace)
    return NoChannelPauses() if stores.are_on_rabbitmq else InMemoryChannelPauses(now=utc_now)
