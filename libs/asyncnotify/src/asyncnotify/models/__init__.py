"""What the calls answer: JSON objects whose known fields are typed attributes."""

from asyncnotify.models.base import Answer, Page
from asyncnotify.models.notifications import (
    Accepted,
    AcceptedItem,
    Content,
    Explanation,
    Forgotten,
    Notification,
    NotificationPage,
    Replayed,
    ReplayedNotification,
    StatusChange,
    StoredItem,
    Target,
    TimelineEntry,
)
from asyncnotify.models.operating import Backlog, Pipeline, Provider, Providers, Readiness, Trials
from asyncnotify.models.users import (
    Address,
    ContactInfo,
    SuppressedAddress,
    SuppressionPage,
    User,
    UserPage,
)

__all__ = [
    "Accepted",
    "AcceptedItem",
    "Address",
    "Answer",
    "Backlog",
    "ContactInfo",
    "Content",
    "Explanation",
    "Forgotten",
    "Notification",
    "NotificationPage",
    "Page",
    "Pipeline",
    "Provider",
    "Providers",
    "Readiness",
    "Replayed",
    "ReplayedNotification",
    "StatusChange",
    "StoredItem",
    "SuppressedAddress",
    "SuppressionPage",
    "Target",
    "TimelineEntry",
    "Trials",
    "User",
    "UserPage",
]
