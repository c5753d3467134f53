"""What the calls answer: JSON objects whose known fields are typed attributes."""

from asyncnotify.models.base import Answer, Page
from asyncnotify.models.batches import NotificationBatchItem, UserBatchItem
from asyncnotify.models.notifications import (
    Accepted,
    Content,
    Explanation,
    Forgotten,
    Notification,
    NotificationPage,
    Replayed,
    ReplayedNotification,
    StatusChange,
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
from asyncnotify.models.webhooks import (
    Webhook,
    WebhookAttempt,
    WebhookAttemptPage,
    WebhookEventQueued,
    WebhookList,
    WebhookWithSecret,
)

__all__ = [
    "Accepted",
    "Address",
    "Answer",
    "Backlog",
    "ContactInfo",
    "Content",
    "Explanation",
    "Forgotten",
    "Notification",
    "NotificationBatchItem",
    "NotificationPage",
    "Page",
    "Pipeline",
    "Provider",
    "Providers",
    "Readiness",
    "Replayed",
    "ReplayedNotification",
    "StatusChange",
    "SuppressedAddress",
    "SuppressionPage",
    "Target",
    "TimelineEntry",
    "Trials",
    "User",
    "UserBatchItem",
    "UserPage",
    "Webhook",
    "WebhookAttempt",
    "WebhookAttemptPage",
    "WebhookEventQueued",
    "WebhookList",
    "WebhookWithSecret",
]
