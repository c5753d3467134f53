"""Runs scripts by their digest."""

from collections.abc import Mapping

from redis.exceptions import NoScriptError, RedisError

from durable_queue.redis_list.batcher import Batcher, PendingCommand
from durable_queue.redis_list.connections import Argument, Reply
from durable_queue.redis_list.errors import unavailable
from durable_queue.redis_list.scripts import Script


class ScriptRunner:
    """Calls scripts of one shard; a Redis that doesn't know one, as after a restart, is told."""

    def __init__(self, batcher: Batcher, scripts: Mapping[str, Script], prefix: str) -> None:
        self._batcher = batcher
        self._scripts = scripts
        self._prefix = prefix

    async def run(self, name: str, *arguments: Argument, is_repeatable: bool = True) -> Reply:
        """Run a script and return its reply.

        Raises:
            QueueUnavailable: it may or may not have run.
        """
        call = await self.finished(name, *arguments, is_repeatable=is_repeatable)
        return call.result()

    async def command(self, *command: Argument) -> Reply:
        """Send a plain command, which may be repeated, and return its reply.

        Raises:
            QueueUnavailable: it may or may not have run.
        """
        try:
            return await self._batcher.call(*command)
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def finished(
        self, name: str, *arguments: Argument, is_repeatable: bool = True
    ) -> PendingCommand:
        """Run a script as `run` does, and return whether it was repeated."""
        script = self._scripts[name]
        tail = (1, self._prefix, *arguments)
        try:
            call = self._batcher.call("EVALSHA", script.sha, *tail, is_repeatable=is_repeatable)
            try:
                await call
            except NoScriptError:
                call = self._batcher.call("EVAL", script.source, *tail, is_repeatable=is_repeatable)
                await call
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        return call
