"""One attempt to deliver one notification on one channel."""

from dataclasses import dataclass
from datetime import datetime

from notification_contracts.channels import ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """Which one it is; the first has number 1.

    The queue allows `limit` attempts: fewer than the schedule has where an earlier release, which
    had a setting for it, accepted the notification. After `expires_at` there is no other.
    `progress` is what earlier attempts left.
    """

    trace_id: str
    channel: ChannelName
    number: int
    limit: int
    deferrals: int = 0
    expires_at: datetime | None = None
    progress: str = ""
