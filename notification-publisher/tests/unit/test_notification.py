from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from notification_contracts.states import Priority, Status
from notification_publisher.domain.notification import Notification

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
ASKED = Notification(user_id="user_test", message="hello", send_at=NOW + timedelta(hours=1))


def test_a_notification_for_now_is_queued() -> None:
    assert Notification(user_id="u", message="m").first_status(NOW) is Status.QUEUED


def test_a_notification_for_later_is_scheduled_for_then() -> None:
    assert ASKED.first_status(NOW) is Status.SCHEDULED
    assert ASKED.due_at(NOW) == NOW + timedelta(hours=1)


def test_a_send_at_that_passed_within_the_clock_skew_leaves_at_once() -> None:
    late = replace(ASKED, send_at=NOW - timedelta(seconds=20))

    assert (late.first_status(NOW), late.due_at(NOW)) == (Status.QUEUED, None)


def test_the_same_instant_in_another_zone_has_the_same_fingerprint() -> None:
    there = replace(ASKED, send_at=ASKED.send_at.astimezone(timezone(timedelta(hours=5))))

    assert there.fingerprint() == ASKED.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "other"},
        {"message": "hello!"},
        {"channel": "email"},
        {"subject": "s"},
        {"priority": Priority.HIGH},
        {"send_at": None},
        {"expires_at": NOW + timedelta(days=1)},
    ],
    ids=str,
)
def test_every_field_counts_in_the_fingerprint(change: Any) -> None:
    assert replace(ASKED, **change).fingerprint() != ASKED.fingerprint()


def test_a_fingerprint_outlives_a_release() -> None:
    digest = Notification(user_id="user_test", message="grüße").fingerprint()

    assert digest == "3fea366ae81cbcd15008e8000f3732ffc7f18e7d3c165e4c3a1609ae5c5139e0"


def test_times_at_the_ends_of_the_calendar_have_a_fingerprint() -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-12)))

    assert replace(ASKED, expires_at=far).fingerprint()
