"""JSON bodies of the public HTTP API, shared so that one OpenAPI document describes them all.

`notifications` has what clients send and see, `operations` the operator's side, `contacts` the
users.
"""

from notification_contracts.http.contacts import (
    ADDRESSES_PER_CHANNEL,
    AddressStanding,
    SuppressionView,
    contact_info_model,
    user_model,
    user_page_model,
)
from notification_contracts.http.fields import KnownChannel
from notification_contracts.http.notifications import (
    NotificationAccepted,
    NotificationContent,
    NotificationRequest,
)
from notification_contracts.http.operations import (
    ForgetAnswer,
    ForgetRequest,
    ReplayAnswer,
    ReplayRequest,
)

__all__ = [
    "ADDRESSES_PER_CHANNEL",
    "AddressStanding",
    "ForgetAnswer",
    "ForgetRequest",
    "KnownChannel",
    "NotificationAccepted",
    "NotificationContent",
    "NotificationRequest",
    "ReplayAnswer",
    "ReplayRequest",
    "SuppressionView",
    "contact_info_model",
    "user_model",
    "user_page_model",
]
