"""Opens what counts for caps."""

from notification_ledger.settings import Stores

from notification_dispatcher.infrastructure.caps.memory import InMemoryWindows
from notification_dispatcher.infrastructure.caps.port import SlidingWindows
from notification_dispatcher.infrastructure.caps.redis import RedisWindows


def open_windows(stores: Stores) -> SlidingWindows:
    """Caps are counted where pauses are kept."""
    if stores.are_tracked_in_redis:
        return RedisWindows(stores.ledger_url, namespace=stores.namespace)
    return InMemoryWindows()
