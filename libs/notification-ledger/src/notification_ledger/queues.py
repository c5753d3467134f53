"""Opens a queue together with its records, for whatever broker and ledger the URLs name.

A queue on Redis keeps the records itself. Beside one on RabbitMQ they are kept, together with the
claims, by what the ledger's URL names:

    redis://    Redis. Every process writes to it; durable, for any number of publishers.
    memory://   The publisher, in its memory; the other processes ask it (`ClaimServer`). When it
                restarts, what it knew of notifications is gone; the notifications are not, and it
                finds the dead letters again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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

from notification_ledger.port import LedgerStore
from notification_ledger.redis import lua_recorder
from notification_ledger.settings import Stores
from notification_ledger.writer import RedisClaimStore

# Dead letters that were in the broker before this process began are to be seen soon after.
_FIRST_AUDIT = timedelta(seconds=1)
_AUDIT_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepting:
    """What the publisher opens: its queue, and what it has to run beside it.

    `keeper` is there if its memory is the ledger; `loops` run as long as the process.
    """

    queue: Queue
    keeper: ClaimServer | None = None
    loops: Sequence[NamedLoop] = ()


def open_accepting(stores: Stores, ledger: LedgerStore, *, max_waiting: int) -> Accepting:
    """Open the queue of the process that accepts, which keeps the records if nobody else does."""
    claims: ClaimStore | None = None
    keeper: ClaimServer | None = None
    if stores.are_on_rabbitmq and stores.are_tracked_in_redis:
        claims = _redis_writer(stores)
    elif stores.are_on_rabbitmq:
        claims = InMemoryClaimStore(ClaimStateMachine(), ledger.record)
        keeper = ClaimServer(stores.broker_url, claims, RabbitOptions(namespace=stores.namespace))
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
    return Accepting(queue=queue, keeper=keeper, loops=loops if stores.are_on_rabbitmq else ())


def open_working(stores: Stores, *, lease: timedelta, concurrency: int) -> Queue:
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
        _redis_writer(stores)
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


def _redis_writer(stores: Stores) -> RedisClaimStore:
    return RedisClaimStore(
        stores.ledger_url, namespace=stores.namespace, retention=stores.retention
    )
