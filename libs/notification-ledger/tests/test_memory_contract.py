from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue
from notification_ledger.memory import MemoryLedger
from testkit.clock import FrozenClock
from testkit.ledger.harness import LedgerHarness
from testkit.ledger.ledger_contract import LedgerContract


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def harness(self) -> LedgerHarness:
        clock = FrozenClock()
        ledger = MemoryLedger(now=clock)

        async def skip(by: timedelta) -> None:
            clock.advance(by)

        queue = InMemoryQueue(recorder=ledger, now=clock, steady=clock.steady)
        return LedgerHarness(queue=queue, ledger=ledger, now=clock, skip=skip)
