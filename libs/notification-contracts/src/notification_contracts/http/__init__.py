"""JSON bodies of the public HTTP API, shared so that one OpenAPI document describes them all.

`notifications` has what clients send and see, `operations` the operator's side, `contacts` the
users, `problems` the errors.
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
    HealthView,
    ReplayAnswer,
    ReplayRequest,
)
from notification_contracts.http.problems import FieldError, ProblemView

__all__ = [
    "ADDRESS_MAX_CHARS",
    "DeadLetterPage",
    "FieldError",
    "ForgetAnswer",
    "ForgetRequest",
    "HealthView",
    "KnownChannel",
    "NotificationAccepted",
    "NotificationPage",
    "NotificationRequest",
    "NotificationView",
    "ProblemView",
    "ReplayAnswer",
    "ReplayRequest",
    "ReplayedNotificationView",
    "StatusChangeView",
    "TimelineEntryView",
    "contact_info_model",
    "user_model",
    "user_page_model",
]
