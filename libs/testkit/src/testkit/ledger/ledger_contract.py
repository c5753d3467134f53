"""Everything that an adapter promises. Subclass it, and give it a `harness` fixture:

class TestMyLedger(LedgerContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[LedgerHarness]: ...
"""

from testkit.ledger.dead_letter_contract import DeadLetterContract
from testkit.ledger.doubt_contract import DoubtContract
from testkit.ledger.finding_contract import FindingContract
from testkit.ledger.following_contract import FollowingContract
from testkit.ledger.forgetting_contract import ForgettingContract
from testkit.ledger.receipt_contract import ReceiptContract
from testkit.ledger.recording_contract import RecordingContract
from testkit.ledger.writing_contract import WritingContract


class LedgerContract(
    RecordingContract,
    DeadLetterContract,
    DoubtContract,
    FindingContract,
    FollowingContract,
    ForgettingContract,
    ReceiptContract,
    WritingContract,
):
    """One suite for all adapters, driven through a queue that keeps the ledger."""
