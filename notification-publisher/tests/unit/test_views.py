import pytest
from notification_publisher.interface.views import (
    DeadLetterPage,
    NotificationPage,
    NotificationView,
    ReplayedNotificationView,
    StatusChangeView,
    TimelineEntryView,
)
from pydantic import BaseModel

NOTIFICATION = (
    "trace_id user_id channel status reason attempts created_at updated_at next_attempt_at timeline"
)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (NotificationView, NOTIFICATION),
        (ReplayedNotificationView, f"{NOTIFICATION} warning"),
        (TimelineEntryView, "at status reason detail channel provider attempt duration_ms"),
        (NotificationPage, "items next_cursor"),
        (DeadLetterPage, "items next_cursor"),
        (StatusChangeView, "trace_id user_id channel status reason at"),
    ],
)
def test_what_is_shown_has_the_fields_of_the_public_contract(
    model: type[BaseModel], fields: str
) -> None:
    assert set(fields.split()) <= model.model_json_schema()["properties"].keys()


def test_what_only_this_service_needs_is_not_shown() -> None:
    assert "is_dead_letter" not in NotificationView.model_json_schema()["properties"]
