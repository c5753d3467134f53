"""What several rings of tests build on."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.record import NotificationRecord, StatusChange
from testkit.clock import FrozenClock

MakeRecord = Callable[..., NotificationRecord]
MakeChange = Callable[..., StatusChange]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def make_record(clock: FrozenClock) -> MakeRecord:
    """Make records, each a second younger than the one before."""

    def make(status: Status = Status.QUEUED, **fields: object) -> NotificationRecord:
        at = clock.advance(timedelta(seconds=1))
        known: dict[str, object] = {
            "trace_id": new_trace_id(),
            "user_id": "user_test",
            "channel": "email",
            "reason": None,
            "attempts": 0,
            "created_at": at,
            "updated_at": at,
            "next_attempt_at": None,
            "timeline": (),
            "is_dead_letter": status is Status.FAILED,
        }
        return NotificationRecord(status=status, **known | fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_change(clock: FrozenClock) -> MakeChange:
    def make(trace_id: str, status: Status) -> StatusChange:
        return StatusChange(
            id="",
            trace_id=trace_id,
            user_id="user_test",
            channel="email",
            status=status,
            reason=None,
            at=clock(),
        )

    return make
