"""Ending what expires while it waits in a lane from which nothing is received."""

from typing import Final, cast

from durable_queue.redis_list.runner import ScriptRunner

_ROUNDS: Final = 10


class Expiry:
    """Goes through lanes in bounded steps, each time from where it left off."""

    def __init__(self, runner: ScriptRunner) -> None:
        self._runner = runner
        self._next: dict[str, int] = {}

    async def end(self, lane: str) -> int:
        """End what has expired in the next part of a lane; return how many."""
        ended = 0
        for _ in range(_ROUNDS):
            reply = await self._runner.run("expire", lane, self._next.get(lane, 0))
            self._next[lane], expired = cast("list[int]", reply)
            ended += expired
            if self._next[lane] == 0:
                break
        return ended
