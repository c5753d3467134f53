"""JSON bodies of the public HTTP API, shared so that one OpenAPI document describes them all.

`notifications` has what clients send and see, `operations` the operator's side, `contacts` the
users.
"""

from notification_contracts.http.contacts import contact_info_model, user_model, user_page_model
from notification_contracts.http.fields import ADDRESS_MAX_CHARS, KnownChannel
from notification_contracts.http.notifications import (
    NotificationAccepted,
    NotificationPage,
    NotificationRequest,
    NotificationView,
    ReplayedNotificationView,
    StatusChangeView,
    TimelineEntryView,
)
from notification_contracts.http.operations import (
    DeadLetterPage,
    ForgetAnswer,
    ForgetRequest,
    ReplayAnswer,
    ReplayRequest,
)

__all__ = [
    "ADDRESS_MAX_CHARS",
    "DeadLetterPage",
    "ForgetAnswer",
    "ForgetRequest",
    "KnownChannel",
    "NotificationAccepted",
    "NotificationPage",
    "NotificationRequest",
    "NotificationView",
    "ReplayAnswer",
    "ReplayRequest",
    "ReplayedNotificationView",
    "StatusChangeView",
    "TimelineEntryView",
    "contact_info_model",
    "user_model",
    "user_page_model",
]
