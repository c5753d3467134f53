"""Opens the store of webhooks, and its queue, where records are kept in Redis.

The queue is one of its own, beside the records whatever the broker is: notifications are not held
up, and the ledger does not take its messages for notifications.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from durable_queue.memory import InMemoryQueue
from durable_queue.port import Queue
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.queue import RedisListQueue

from notification_ledger.settings import Stores
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.port import WebhookStore
from notification_ledger.webhooks.redis import RedisWebhookStore

# How long a message that was sent twice is known again: a crash in between takes seconds.
_RETENTION: Final = timedelta(hours=1)
# A message is its line's only one: given up, it would stop the line for ever.
_NEVER_POISON: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts:
    """The store, and the queue in which its lines have their messages, in the lane `WEBHOOKS`.

    They are shared if other processes see them, too: else webhooks are of no use.
    """

    store: WebhookStore
    queue: Queue
    are_shared: bool = True

    async def close(self) -> None:
        """Close their connections."""
        await self.store.close()
        await self.queue.close()


def open_webhooks(stores: Stores, *, lease: timedelta = timedelta(seconds=60)) -> WebhookParts:
    """Open both where records are kept; in this process's memory where those are in a memory, too.

    They connect when they are first used.
    """
    if not stores.are_tracked_in_redis:
        return WebhookParts(store=InMemoryWebhookStore(), queue=InMemoryQueue(), are_shared=False)
    # A dot can't be in the namespace of a system: this is no other system's.
    namespace = f"{stores.namespace}.webhooks"
    options = RedisListOptions(
        namespace=namespace, lease=lease, retention=_RETENTION, max_deliveries=_NEVER_POISON
    )
    return WebhookParts(
        store=RedisWebhookStore(stores.ledger_url, namespace=namespace),
        queue=RedisListQueue(stores.ledger_url, options=options),
    )
