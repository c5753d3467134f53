"""The notification that a client asks for."""

import hashlib
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from notification_contracts.channels import ChannelName
from notification_contracts.states import Priority, Status
from service_kit.values import value

from notification_publisher.domain.timing import TimeFault, time_faults

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@value
class Notification:
    """Tell this user this message: on this channel, in this span of time."""

    user_id: str
    message: str
    channel: ChannelName | None = None
    subject: str | None = None
    priority: Priority = Priority.NORMAL
    send_at: datetime | None = None
    expires_at: datetime | None = None
    html: str | None = None
    data: dict[str, Any] | None = None
    tags: tuple[str, ...] | None = None
    reference: str | None = None

    def time_faults(self, now: datetime) -> tuple[TimeFault, ...]:
        """Name every time that can't be granted at `now`."""
        return time_faults(self.send_at, self.expires_at, now)

    def first_status(self, now: datetime) -> Status:
        """Return where it is once it is accepted at `now`."""
        return Status.SCHEDULED if self.due_at(now) else Status.QUEUED

    def due_at(self, now: datetime) -> datetime | None:
        """Return the time for which it waits; None when it may leave at once."""
        return self.send_at if self.send_at is not None and self.send_at > now else None

    def asked(self) -> dict[str, Any]:
        """Return what was asked for, by field, without what is not set."""
        pairs = zip(FIELDS, _asked_of(self), strict=True)
        return {name: value for name, value in pairs if value is not None}

    def fingerprint(self) -> str:
        """Return a digest that two requests share when they ask for the same thing.

        Spelling doesn't count: the order of fields, a default written out, a time in another zone.
        """
        # What is unset is left out, so that a field of a later release changes no old fingerprint.
        canonical = json.dumps(
            {name: _comparable(value) for name, value in self.asked().items()}, sort_keys=True
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


FIELDS = tuple(field.name for field in fields(Notification))
"""All that can be asked for."""
_asked_of: Final = attrgetter(*FIELDS)


def _comparable(value: object) -> object:
    # A subtraction can't overflow at the ends of the calendar, a change of zone can.
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value
