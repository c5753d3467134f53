"""Statuses."""

from notification_contracts.states import Status


def test_final_statuses_are_those_after_which_nothing_happens_by_itself() -> None:
    assert {status for status in Status if status.is_final} == {
        Status.SENT,
        Status.DELIVERED,
        Status.FAILED,
        Status.CANCELLED,
        Status.EXPIRED,
    }
