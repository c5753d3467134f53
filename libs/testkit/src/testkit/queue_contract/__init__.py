"""What the queue's port promises, as one suite of tests for every adapter.

    class TestRedisListQueue(QueueContract, AdoptingContract):
        @pytest.fixture
        async def harness(self, redis_url: str) -> AsyncIterator[QueueHarness]:
            ...

Where adapters may differ, there is a class of its own: `AdoptingContract` for those brokers into
which a foreign producer can put bytes. An adapter without a subclass is none.
"""

from testkit.queue_contract.adopting import AdoptingContract
from testkit.queue_contract.batches import AdvanceContract, BatchContract
from testkit.queue_contract.bodies import BodyContract
from testkit.queue_contract.clocks import ClockContract
from testkit.queue_contract.control import ControlContract
from testkit.queue_contract.expiry import ExpiryContract
from testkit.queue_contract.harness import LANE, OTHER_LANE, QueueHarness, message
from testkit.queue_contract.isolation import IsolationContract
from testkit.queue_contract.leases import LeaseContract
from testkit.queue_contract.progress import ProgressContract
from testkit.queue_contract.receiving import ReceivingContract
from testkit.queue_contract.recording import RecorderContract
from testkit.queue_contract.sending import SendingContract
from testkit.queue_contract.uncertainty import UncertaintyContract
from testkit.queue_contract.upkeep import UpkeepContract
from testkit.queue_contract.verdicts import VerdictContract

__all__ = [
    "LANE",
    "OTHER_LANE",
    "AdoptingContract",
    "QueueContract",
    "QueueHarness",
    "message",
]


class QueueContract(
    SendingContract,
    ReceivingContract,
    VerdictContract,
    BatchContract,
    AdvanceContract,
    LeaseContract,
    IsolationContract,
    ExpiryContract,
    UncertaintyContract,
    ProgressContract,
    ControlContract,
    BodyContract,
    RecorderContract,
    UpkeepContract,
    ClockContract,
):
    """Subclass it, and give it a fixture `harness`."""
