"""Claims on Redis, beside the records: for a queue whose broker does not know single messages.

    P:q:<id>   HASH  st(ate) hop tok(en) un(til ms) dl deliveries vd verdict mv ho(ld) key
    P:k:<key>  HASH  id fp(fingerprint) an(swer)   of a dedupe key; goes when it may be used again

`claims.lua` says in Lua what `service_kit.queue.claims.book` says in Python; one suite of tests
holds for both. A claim that ended goes after the retention; times are Redis's.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from service_kit.queue.claims.store import Argument, Reply
from service_kit.queue.redis_list.runner import ScriptRunner


class RedisClaims:
    """A `ClaimStore` that all processes share, and that outlives them."""

    def __init__(self, scripts: ScriptRunner, retention: timedelta) -> None:
        self._scripts = scripts
        self._retention_ms = retention // timedelta(milliseconds=1)

    async def run(self, operation: str, *arguments: Argument) -> Reply:
        """See `ClaimStore.run`."""
        reply = await self._scripts.run("claims", self._retention_ms, operation, *arguments)
        return [
            part.decode() if isinstance(part, bytes) else part
            for part in cast("Sequence[bytes | int]", reply)
        ]

    async def close(self) -> None:
        """Do nothing: the connection is the ledger's."""
