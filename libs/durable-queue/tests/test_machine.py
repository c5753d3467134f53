"""Random histories of every adapter; and mutants, to see that the checker is awake."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import redis
from durable_queue.port import Change
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from testkit.memory_harness import memory_harness
from testkit.queue_checker import Contradiction
from testkit.queue_contract.harness import LANES, QueueHarness
from testkit.queue_machine import QueueMachine, index
from testkit.redis_list_harness import PREFIX, redis_list_harness

Sources = dict[str, str]

SETTINGS = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
INDEXES = [f"{lane}:{part}" for lane in LANES for part in ("wait", "lease", "delay")]
INDEXES += ["dead", "gone"]


class MemoryMachine(QueueMachine):
    def open_rig(self) -> AbstractAsyncContextManager[QueueHarness]:
        return _memory_rig()


@asynccontextmanager
async def _memory_rig() -> AsyncIterator[QueueHarness]:
    yield memory_harness()


class RedisListMachine(QueueMachine):
    """Adds what can happen to a Redis: lost tickets, damaged indexes, bytes pushed by hand."""

    url: str
    edit: Callable[[Sources], Sources]
    pushed = 0

    def open_rig(self) -> AbstractAsyncContextManager[QueueHarness]:
        self.redis = redis.Redis.from_url(self.url)
        self.redis.flushdb()
        self.exits.callback(self.redis.close)
        return redis_list_harness(self.url, edit=self.edit)

    @rule(lane=st.sampled_from(LANES))
    def worker_dies_after_it_popped(self, lane: str) -> None:
        ready = f"{PREFIX}:{lane}:ready"
        element: Any = self.redis.lpop(ready)
        if element and b"|" not in element:  # the loss of bytes not yet adopted is documented
            self.redis.lpush(ready, element)

    @rule(lane=st.sampled_from(LANES))
    def foreign_producer_pushes(self, lane: str) -> None:
        self.pushed += 1
        self.redis.rpush(f"{PREFIX}:{lane}:ready", b"\x00 raw %d" % self.pushed)

    @precondition(lambda self: self.checker.messages)
    @rule(which=index)
    def indexes_are_damaged_and_healed(self, which: int) -> None:
        name = self._message(which)
        for part in INDEXES:
            self.redis.zrem(f"{PREFIX}:{part}", name)
        self.runner.run(self.checker.harness.queue.heal())
        self.checker.messages[name].lease_until = None  # a healed lease may end at once

    async def mend(self) -> None:
        await self.checker.harness.queue.heal()

    async def _finish(self) -> None:
        await super()._finish()
        adopted = [entry.change for entry in await self.checker.harness.recorded()]
        if adopted.count(Change.ADOPTED) != self.pushed:
            raise Contradiction("bytes that were pushed by hand got lost")


def machine(url: str, edit: Callable[[Sources], Sources] = dict) -> type[RedisListMachine]:
    return type("Machine", (RedisListMachine,), {"url": url, "edit": staticmethod(edit)})


def test_memory_keeps_its_promises_whatever_happens() -> None:
    run_state_machine_as_test(MemoryMachine, settings=SETTINGS)


def test_redis_list_keeps_its_promises_whatever_happens(redis_url: str) -> None:
    run_state_machine_as_test(machine(redis_url), settings=SETTINGS)


MUTANTS = {
    "no ticket is issued again": ("tick", "redis.call('LPUSH', ready, ticket)", "-- "),
    "a silent worker's message is dropped": ("tick", "#silent, 1, -1", "0, 1, -1"),
    "a lease is taken back in time": ("tick", "'-inf', now, 'LIMIT'", "'-inf', '+inf', 'LIMIT'"),
    "late verdicts count": ("settle", "not is_held(m, token)", "not m"),
    "late starts count": ("start", "not is_held(m, token)", "not m"),
    "a claim leaves it waiting": ("claim", "redis.call('ZREM', key(lane, 'wait'), id) == 1", "1"),
    "a verdict leaves the lease": ("settle", "redis.call('ZREM', key(lane, 'lease'), id)", ""),
    "raw bytes are dropped": ("claim", "adopt(lane, element)", "-- "),
    "heal forgets who waits": ("heal", "push(m, m.ln)", "-- "),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_checker_finds_a_mutant(name: str, redis_url: str) -> None:
    script, good, bad = MUTANTS[name]

    def edit(sources: Sources) -> Sources:
        assert good in sources[script], "the scripts changed: so must this mutant"
        return sources | {script: sources[script].replace(good, bad)}

    with pytest.raises((Contradiction, Flaky)):
        run_state_machine_as_test(
            machine(redis_url, edit),
            settings=settings(SETTINGS, phases=[Phase.generate], max_examples=500),
        )
