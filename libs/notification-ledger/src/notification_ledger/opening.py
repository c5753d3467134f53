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
from urllib.parse import urlsplit

from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import ClaimStore
from durable_queue.factory import open_queue
from durable_queue.port import Queue
from durable_queue.rabbitmq.claim_server import ClaimServer
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.remote_claim_store import RemoteClaimStore
from durable_queue.upkeep import Auditor
from notification_contracts.lanes import all_lanes
from service_kit.lifecycle import NamedLoop

from notification_ledger.channel_pauses import (
    ChannelPauses,
    InMemoryChannelPauses,
    NoChannelPauses,
)
from notification_ledger.memory import MemoryLedger
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.redis.channel_pauses import RedisChannelPauses
from notification_ledger.redis.claims import RedisClaimStore
from notification_ledger.remote_receipts import (
    REPORT_RECEIPT,
    RemoteReceiptWriter,
    reports_to,
)
from notification_ledger.settings import Stores
from notification_ledger.writing import LedgerStore, ReceiptWriter

# Dead letters that were in the broker before this process began are to be seen soon after.
_FIRST_AUDIT = timedelta(seconds=1)
_AUDIT_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherQueue:
    """What the publisher opens: its queue, and what it has to run beside it.

    `claim_server` is there if its memory is the ledger; `loops` run as long as the process.
    """

    queue: Queue
    claim_server: ClaimServer | None = None
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
    server: ClaimServer | None = None
    if stores.are_on_rabbitmq and stores.are_tracked_in_redis:
        claims = _redis_claims(stores)
    elif stores.are_on_rabbitmq:
        claims = InMemoryClaimStore(ClaimStateMachine(), ledger.record)
        server = ClaimServer(
            stores.broker_url,
            claims,
            RabbitOptions(namespace=stores.namespace),
            calls={REPORT_RECEIPT: reports_to(ledger)},
        )
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
    claims = (
        _redis_claims(stores)
        if stores.are_tracked_in_redis
        else RemoteClaimStore(stores.broker_url, RabbitOptions(namespace=stores.namespace))
    )
    return open_queue(
        stores.broker_url,
        namespace=stores.namespace,
        claims=claims,
        retention=stores.retention,
        lease=lease,
        rabbitmq=RabbitOptions(lanes=all_lanes(), prefetch=2 * concurrency, audits=False),
    )


def open_receipt_writer(stores: Stores) -> ReceiptWriter:
    """Open what a worker process reports providers' receipts to: the ledger, wherever it is kept.

    It connects when it is first used. Beside a broker in memory, which is one process's own, give
    the ledger of that process instead: this one is new, and knows no notification.
    """
    if stores.are_on_rabbitmq and not stores.are_tracked_in_redis:
        options = RabbitOptions(namespace=stores.namespace)
        return RemoteReceiptWriter(RemoteClaimStore(stores.broker_url, options))
    return open_ledger(stores.ledger_url, namespace=stores.namespace, retention=stores.retention)


def open_channel_pauses(stores: Stores) -> ChannelPauses:
    """Open what knows the paused channels: it is where the records outlive the processes.

    Beside a broker in memory it is new, and this process's own.
    """
    if stores.are_tracked_in_redis:
        return RedisChannelPauses(stores.ledger_url, namespace=stores.namespace)
    return NoChannelPauses() if stores.are_on_rabbitmq else InMemoryChannelPauses()


def _redis_claims(stores: Stores) -> RedisClaimStore:
    return RedisClaimStore(
        stores.ledger_url, namespace=stores.namespace, retention=stores.retention
    )
