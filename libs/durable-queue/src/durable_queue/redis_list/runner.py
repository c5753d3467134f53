"""Runs scripts by their digest."""

from collections.abc import Iterable, Mapping
from functools import partial

from redis.exceptions import NoScriptError, RedisError

from durable_queue.redis_list.batcher import Batcher, PendingReply
from durable_queue.redis_list.connections import Argument, Reply
from durable_queue.redis_list.errors import unavailable
from durable_queue.redis_list.joint import JointRun, ScriptRow
from durable_queue.redis_list.scripts import Script


class ScriptRunner:
    """Calls scripts of one shard; a Redis that doesn't know one, as after a restart, is told.

    Of a script for many messages, all that is asked for before it is sent goes in one call.
    """

    def __init__(self, batcher: Batcher, scripts: Mapping[str, Script], prefix: str) -> None:
        self._batcher = batcher
        self._scripts = scripts
        self._prefix = prefix
        self._joint: dict[str, JointRun] = {}

    async def run(self, name: str, *arguments: Argument, is_repeatable: bool = True) -> Reply:
        """Run a script and return its reply.

        Raises:
            QueueUnavailable: it may or may not have run.
        """
        call = await self.finished(name, *arguments, is_repeatable=is_repeatable)
        return call.result()

    async def run_many(
        self, name: str, rows: Iterable[tuple[Argument, ...]]
    ) -> list[Reply | Exception]:
        """Run a script for many messages, in few calls; return what became of each, in order.

        That is its reply, or a `QueueUnavailable`: it may or may not have run.
        """
        asked = [ScriptRow(*values) for values in rows]
        for row in asked:
            self._join(self._scripts[name], row)
        outcomes: list[Reply | Exception] = []
        for row in asked:
            try:
                outcomes.append(await row)
            except (RedisError, OSError) as error:
                outcomes.append(unavailable(error))
        return outcomes

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
    ) -> PendingReply:
        """Run a script as `run` does, and return whether it was repeated."""
        script = self._scripts[name]
        try:
            if script.is_for_many:
                row = ScriptRow(*arguments)
                self._join(script, row)
                await row
                return row
            return await self._call(script, arguments, is_repeatable=is_repeatable)
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def _call(
        self, script: Script, arguments: tuple[Argument, ...], *, is_repeatable: bool
    ) -> PendingReply:
        tail = (1, self._prefix, *arguments)
        try:
            call = self._batcher.call("EVALSHA", script.sha, *tail, is_repeatable=is_repeatable)
            await call
        except NoScriptError:
            call = self._batcher.call("EVAL", script.source, *tail, is_repeatable=is_repeatable)
            await call
        return call

    def _join(self, script: Script, row: ScriptRow) -> None:
        joint = self._joint.get(script.name)
        if joint is None or not joint.is_open:
            joint = self._joint[script.name] = JointRun("EVALSHA", script.sha, 1, self._prefix)
            joint.add_done_callback(partial(self._answer, script, joint))
            self._batcher.submit(joint)
        joint.add(row)

    def _answer(self, script: Script, joint: JointRun, _: object) -> None:
        if not isinstance(joint.exception(), NoScriptError):
            joint.answer_rows()
            return
        again = JointRun("EVAL", script.source, 1, self._prefix)
        for row in joint.rows:
            again.add(row)
        again.add_done_callback(lambda _: again.answer_rows())
        self._batcher.submit(again)
