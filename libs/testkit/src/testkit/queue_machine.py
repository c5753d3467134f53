"""Random histories of a queue: workers that crash, are slow or late, operators, lost tickets.

class Machine(QueueMachine):
    def open_rig(self) -> AbstractAsyncContextManager[QueueHarness]:
        return redis_list_harness(url)

run_state_machine_as_test(Machine, settings=...)
"""

import asyncio
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime

from durable_queue.port import ControlOutcome, Delivery, Duplicate, Message, OnAmbiguous
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from testkit.queue_checker import UNSTARTED, Contradiction, ModelState, QueueChecker
from testkit.queue_contract.harness import LANES, VERDICTS, QueueHarness

lanes = st.lists(st.sampled_from(LANES), min_size=1, max_size=4, unique=True)
moments = st.none() | st.integers(min_value=0, max_value=12)
# Few messages have long histories: few at once, and the latest of them, counted from the end.
_AT_ONCE = 4
index = st.integers(min_value=0, max_value=4)
fates = st.sampled_from(OnAmbiguous)


class QueueMachine(RuleBasedStateMachine):
    """Rules over the port; a subclass opens the adapter, and may add its own faults."""

    checker: QueueChecker

    @abstractmethod
    def open_rig(self) -> AbstractAsyncContextManager[QueueHarness]:
        """Open an empty queue."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.exits = AsyncExitStack()

    @initialize()
    def open(self) -> None:
        """Open the queue."""
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.checker = QueueChecker(await self.exits.enter_async_context(self.open_rig()))

    def teardown(self) -> None:
        """Drain the queue: nothing may be lost."""
        try:
            if hasattr(self, "checker"):
                self.runner.run(self._finish())
        finally:
            self.runner.run(self.exits.aclose())
            self.runner.close()

    async def _finish(self) -> None:
        await self.mend()
        await self.checker.drain()

    async def mend(self) -> None:
        """Undo what faults of the adapter's own would leave behind for good."""

    @invariant()
    def everything_is_in_one_place(self) -> None:
        """The queue's counts are the checker's."""
        if hasattr(self, "checker"):
            self.runner.run(self.checker.check_counts())

    @precondition(lambda self: len(self.checker.unfinished()) < _AT_ONCE)
    @rule(lane=st.sampled_from(LANES), due=moments, expires=moments)
    def send(self, lane: str, due: int | None, expires: int | None) -> None:
        """Send another message."""
        name = f"m{len(self.checker.messages)}"
        message = Message(
            id=name,
            lane=lane,
            body=f"body of {name} \x00".encode(),
            due_at=self._in(due),
            expires_at=self._in(expires),
            max_attempts=2,
        )
        self.runner.run(self.checker.send(message))

    @precondition(lambda self: self.checker.messages)
    @rule(which=index)
    def send_again(self, which: int) -> None:
        """Repeat a send."""
        name = self._message(which)
        again = Message(id=name, lane=LANES[0], body=b"another")
        if not isinstance(self.runner.run(self.checker.harness.queue.send(again)), Duplicate):
            raise Contradiction(f"{name} was stored twice")
        self.runner.run(self.checker.hear())

    @rule(lanes=lanes, limit=st.integers(min_value=1, max_value=5))
    def receive(self, lanes: list[str], limit: int) -> None:
        """Receive. Whoever received may crash any time: nobody has to settle."""
        self.runner.run(self.checker.receive(lanes, limit))

    @rule(name=st.sampled_from(VERDICTS), start=st.none() | fates)
    def work(self, name: str, start: OnAmbiguous | None) -> None:
        """Receive and settle at once, as a worker does when nothing goes wrong."""
        before = len(self.checker.deliveries)
        self.runner.run(self.checker.receive(LANES, 1))
        for delivery in self.checker.deliveries[before:]:
            if start:
                self.runner.run(self.checker.start(delivery, start))
            self.runner.run(self.checker.settle(delivery, name))

    @precondition(lambda self: self.checker.deliveries)
    @rule(which=index, name=st.sampled_from(VERDICTS))
    def settle(self, which: int, name: str) -> None:
        """Give a verdict, maybe long too late, maybe again."""
        self.runner.run(self.checker.settle(self._delivery(which), name))

    @precondition(lambda self: self.checker.deliveries)
    @rule(which=index, first=st.sampled_from(VERDICTS), second=st.sampled_from(VERDICTS))
    def settle_twice_at_once(self, which: int, first: str, second: str) -> None:
        """Give two verdicts at the same time."""
        self.runner.run(self.checker.settle_twice(self._delivery(which), first, second))

    @precondition(lambda self: self.checker.deliveries)
    @rule(which=index, on_ambiguous=fates)
    def start(self, which: int, on_ambiguous: OnAmbiguous) -> None:
        """Start, maybe too late."""
        self.runner.run(self.checker.start(self._delivery(which), on_ambiguous))

    @precondition(lambda self: self.checker.deliveries)
    @rule(which=st.lists(index, max_size=4))
    def renew(self, which: list[int]) -> None:
        """Renew some leases, or what were leases once."""
        deliveries = {id(delivery): delivery for delivery in map(self._delivery, which)}
        self.runner.run(self.checker.renew(list(deliveries.values())))

    @rule(by=st.sampled_from([1, 3, 7]), tick=st.booleans())
    def pass_time(self, by: int, tick: bool) -> None:
        """Let time pass; a lease is six moments."""
        harness = self.checker.harness
        move = harness.pass_time if tick else harness.advance
        self.runner.run(move(by * harness.moment))
        self.runner.run(self.checker.hear())

    @precondition(lambda self: self.checker.messages)
    @rule(which=index, action=st.sampled_from(["cancel", "replay", "delete"]))
    def control(self, which: int, action: str) -> None:
        """Do what an operator does."""
        name = self._message(which)
        state = self.checker.messages[name].state
        outcome = self.runner.run(getattr(self.checker.harness.queue, action)(name))
        may_be = UNSTARTED if action == "cancel" else {ModelState.DEAD}
        if (outcome == ControlOutcome.DONE) != (state in may_be):
            raise Contradiction(f"{action} of {name}, which was {state}: {outcome}")
        self.runner.run(self.checker.hear())

    @rule()
    def heal(self) -> None:
        """Look for damage."""
        self.runner.run(self.checker.harness.queue.heal())
        self.runner.run(self.checker.hear())

    def _in(self, moments: int | None) -> datetime | None:
        harness = self.checker.harness
        return None if moments is None else harness.now() + moments * harness.moment

    def _message(self, which: int) -> str:
        names = list(self.checker.messages)
        return names[-1 - which % len(names)]

    def _delivery(self, which: int) -> Delivery:
        return self.checker.deliveries[-1 - which % len(self.checker.deliveries)]
