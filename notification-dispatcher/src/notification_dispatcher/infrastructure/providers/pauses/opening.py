"""Opens the store of pauses."""

from notification_ledger.settings import Stores

from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.pauses.port import Pauses
from notification_dispatcher.infrastructure.providers.pauses.redis import RedisPauses


def open_pauses(stores: Stores) -> Pauses:
    """Pauses are in the Redis of the records, if there is one; else each dispatcher has its own."""
    if stores.are_tracked_in_redis:
        return RedisPauses(stores.ledger_url, namespace=stores.namespace)
    return InMemoryPauses()
