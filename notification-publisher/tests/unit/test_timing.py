from datetime import UTC, datetime, timedelta, timezone

import pytest
from notification_publisher.domain.timing import time_faults

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def codes(send_at: datetime | None, expires_at: datetime | None) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.code) for fault in time_faults(send_at, expires_at, NOW)]


@pytest.mark.parametrize(
    ("send_at", "expires_at"),
    [
        (None, None),
        (NOW, None),
        (NOW - 30 * SECOND, None),
        (NOW + timedelta(days=366), None),
        (None, NOW + SECOND),
        (NOW + SECOND, NOW + 2 * SECOND),
        (None, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_that_can_be_granted_have_no_fault(
    send_at: datetime | None, expires_at: datetime | None
) -> None:
    assert codes(send_at, expires_at) == []


@pytest.mark.parametrize(
    ("send_at", "code"),
    [
        (NOW - 31 * SECOND, "in_the_past"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=12))), "in_the_past"),
        (NOW + timedelta(days=366) + SECOND, "too_far"),
    ],
)
def test_send_at_out_of_reach_is_named(send_at: datetime, code: str) -> None:
    assert codes(send_at, None) == [("/send_at", code)]


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [
        (NOW, "in_the_past"),
        (NOW + 60 * SECOND, "before_send_at"),
        (NOW + 59 * SECOND, "before_send_at"),
    ],
)
def test_expires_at_out_of_reach_is_named(expires_at: datetime, code: str) -> None:
    assert codes(NOW + 60 * SECOND, expires_at) == [("/expires_at", code)]


def test_both_times_are_named_at_once() -> None:
    past = NOW - timedelta(days=1)

    assert codes(past, past) == [("/send_at", "in_the_past"), ("/expires_at", "in_the_past")]
