"""The notification that a client asks for."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notification_contracts.channels import ChannelName
from notification_contracts.states import Priority, Status

from notification_publisher.domain.timing import TimeFault, time_faults

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Tell this user this message: on this channel, in this span of time."""

    user_id: str
    message: str
    channel: ChannelName | None = None
    subject: str | None = None
    priority: Priority = Priority.NORMAL
    send_at: datetime | None = None
    expires_at: datetime | None = None

    def time_faults(self, now: datetime) -> tuple[TimeFault, ...]:
        """Name every time that can't be granted at `now`."""
        return time_faults(self.send_at, self.expires_at, now)

    def first_status(self, now: datetime) -> Status:
        """Return where it is once it is accepted at `now`."""
        return Status.SCHEDULED if self.due_at(now) else Status.QUEUED

    def due_at(self, now: datetime) -> datetime | None:
        """Return the time for which it waits; None when it may leave at once."""
        return self.send_at if self.send_at is not None and self.send_at > now else None

    def fingerprint(self) -> str:
        """Return a digest that two requests share when they ask for the same thing.

        Spelling doesn't count: the order of fields, a default written out, a time in another zone.
        """
        asked = {
            "user_id": self.user_id,
            "message": self.message,
            "channel": self.channel,
            "subject": self.subject,
            "priority": self.priority,
            "send_at": _microseconds(self.send_at),
            "expires_at": _microseconds(self.expires_at),
        }
        # What is unset is left out, so that a field of a later release changes no old fingerprint.
        canonical = json.dumps(
            {name: value for name, value in asked.items() if value is not None}, sort_keys=True
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


def _microseconds(instant: datetime | None) -> int | None:
    # A subtraction can't overflow at the ends of the calendar, a change of zone can.
    return None if instant is None else (instant - _EPOCH) // timedelta(microseconds=1)
