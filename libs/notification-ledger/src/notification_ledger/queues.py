"""Opens a queue together with its records, for whatever broker and ledger the URLs name.

A queue on Redis keeps the records itself. Beside one on RabbitMQ they are kept, together with the
claims, by what the ledger's URL names:

    redis://    Redis. Every process writes to it; durable, for any number of publishers.
    memory://   The publisher, in its memory; the other processes ask it (`Keeper`). When it
                restarts, what it knew of notifications is gone; the notifications are not.
"""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from service_kit.queue.claims.book import ClaimBook
from service_kit.queue.claims.store import Argument, ClaimStore, Reply
from service_kit.queue.factory import open_queue
from service_kit.queue.port import Queue
from service_kit.queue.rabbitmq.keeper import Keeper, KeeperClient

from notification_ledger.claims import RedisClaims
from notification_ledger.port import LedgerStore
from notification_ledger.redis import RedisLedger, lua_recorder

_AMQP = frozenset({"amqp", "amqps"})
_REDIS = frozenset({"redis", "rediss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepting:
    """What the publisher opens: its queue, and the keeper to run if its memory is the ledger."""

    queue: Queue
    keeper: Keeper | None = None


def open_accepting(
    broker_url: str,
    ledger_url: str,
    ledger: LedgerStore,
    *,
    retention: timedelta,
    max_waiting: int,
) -> Accepting:
    """Open the queue of the process that accepts, which keeps the records if nobody else does."""
    claims: ClaimStore | None = None
    keeper: Keeper | None = None
    if _scheme(broker_url) in _AMQP and _scheme(ledger_url) in _REDIS:
        claims = RedisClaims(ledger_url, retention=retention)
    elif _scheme(broker_url) in _AMQP:
        claims = ClaimBook()
        keeper = Keeper(broker_url, claims, ledger.record)
    queue = open_queue(
        broker_url,
        recorder=lua_recorder(),
        memory_recorder=ledger.record,
        claims=claims,
        retention=retention,
        max_waiting=max_waiting,
    )
    return Accepting(queue=queue, keeper=keeper)


def open_working(
    broker_url: str,
    ledger_url: str | None,
    *,
    retention: timedelta,
    lease: timedelta,
    concurrency: int,
) -> Queue:
    """Open the queue of a process that works on up to `concurrency` messages of a lane at once."""
    if _scheme(broker_url) not in _AMQP:
        return open_queue(broker_url, recorder=lua_recorder(), retention=retention, lease=lease)
    tracking: KeeperClient | _RedisTracking = (
        _RedisTracking(ledger_url, retention)
        if ledger_url and _scheme(ledger_url) in _REDIS
        else KeeperClient(broker_url)
    )
    return open_queue(
        broker_url,
        memory_recorder=tracking.record,
        claims=tracking,
        retention=retention,
        lease=lease,
        prefetch=2 * concurrency,
    )


class _RedisTracking:
    """Claims and records on one Redis, closed together."""

    def __init__(self, url: str, retention: timedelta) -> None:
        self._claims = RedisClaims(url, retention=retention)
        self._ledger = RedisLedger(url, retention=retention)
        self.record = self._ledger.record

    async def run(self, operation: str, *arguments: Argument) -> Reply:
        """See `ClaimStore.run`."""
        return await self._claims.run(operation, *arguments)

    async def close(self) -> None:
        """Close all connections."""
        await self._claims.close()
        await self._ledger.close()


def _scheme(url: str) -> str:
    return urlsplit(url).scheme
