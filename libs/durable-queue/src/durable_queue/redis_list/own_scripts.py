"""Scripts of a service's own on the Redis that all processes share."""

from collections.abc import Mapping
from datetime import timedelta

from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.connections import connector
from durable_queue.redis_list.keys import Keys
from durable_queue.redis_list.runner import ScriptRunner
from durable_queue.redis_list.scripts import Script


class RedisScripts:
    """Scripts by name, whose `KEYS[1]` is the queue's prefix. It connects when it is first used."""

    def __init__(
        self, url: str, sources: Mapping[str, str], *, namespace: str, call_timeout: timedelta
    ) -> None:
        scripts = {name: Script.of(name, source) for name, source in sources.items()}
        self.prefix = Keys(namespace).prefix
        self._batcher = Batcher(connector(url, call_timeout), timeout=call_timeout)
        self._runner = ScriptRunner(self._batcher, scripts, self.prefix)
        self.run = self._runner.run
        self.command = self._runner.command

    async def close(self) -> None:
        """Close the connection."""
        await self._batcher.close()
