from datetime import timedelta

import pytest
from notification_ledger.memory import MemoryLedger
from notification_ledger.testing.ledger_contract import LedgerContract
from notification_ledger.testing.world import LedgerWorld
from service_kit.queue.memory import InMemoryQueue
from service_kit.testing.clock import FrozenClock


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def world(self) -> LedgerWorld:
        clock = FrozenClock()
        ledger = MemoryLedger(now=clock)

        async def skip(by: timedelta) -> None:
            clock.advance(by)

        queue = InMemoryQueue(recorder=ledger, now=clock, steady=clock.steady)
        return LedgerWorld(queue=queue, ledger=ledger, now=clock, skip=skip)
