from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue
from notification_ledger.memory import MemoryLedger
from testkit.clock import FrozenClock
from testkit.ledger.ledger_contract import LedgerContract
from testkit.ledger.world import LedgerWorld


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def world(self) -> LedgerWorld:
        clock = FrozenClock()
        ledger = MemoryLedger(now=clock)

        async def skip(by: timedelta) -> None:
            clock.advance(by)

        queue = InMemoryQueue(recorder=ledger, now=clock, steady=clock.steady)
        return LedgerWorld(queue=queue, ledger=ledger, now=clock, skip=skip)
