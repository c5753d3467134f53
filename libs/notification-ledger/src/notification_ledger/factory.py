"""Opens a ledger by URL."""

from datetime import timedelta
from urllib.parse import urlsplit

from notification_ledger.memory import MemoryLedger
from notification_ledger.port import LedgerStore
from notification_ledger.redis import RedisLedger


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
