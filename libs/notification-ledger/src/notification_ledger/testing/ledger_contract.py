"""Everything that an adapter promises. Subclass it, and give it a `world` fixture:

class TestMyLedger(LedgerContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[LedgerWorld]: ...
"""

from notification_ledger.testing.doubt_contract import DoubtContract
from notification_ledger.testing.finding_contract import FindingContract
from notification_ledger.testing.following_contract import FollowingContract
from notification_ledger.testing.forgetting_contract import ForgettingContract
from notification_ledger.testing.recording_contract import RecordingContract
from notification_ledger.testing.writing_contract import WritingContract


class LedgerContract(
    RecordingContract,
    DoubtContract,
    FindingContract,
    FollowingContract,
    ForgettingContract,
    WritingContract,
):
    """One suite for all adapters, driven through a queue that keeps the ledger."""
