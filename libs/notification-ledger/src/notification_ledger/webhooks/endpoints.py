"""Webhook endpoints: plain values. They import no plumbing; times are aware UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.states import Status
from notification_contracts.webhooks import AttemptOutcome, DisabledFor, EventKind, WebhookFormat

ASKED_FOR: Final = "asked."
"""What the ordering keys of events begin with that somebody asked for: they overtake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """What a client says of an endpoint. A filter that is None lets everything through.

    The filters are for status changes. A notification whose channel is not known yet passes no
    filter of channels; one label in common is enough.
    """

    url: str
    description: str | None = None
    events: tuple[EventKind, ...] = (EventKind.STATUS_CHANGED,)
    statuses: tuple[Status, ...] | None = None
    channels: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    format: WebhookFormat = WebhookFormat.STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint, and how it is doing.

    `former_secret` signs, too, until `former_secret_until`. `since` is the status change after
    which it is told of changes. `failing_since` is set while it takes nothing. It is disabled if
    `disabled_for` says why. `waiting` counts the events that it has not taken. `revision` grows
    with each change of it; 0 is new.
    """

    id: str
    settings: EndpointSettings
    secret: str = field(repr=False)
    former_secret: str | None = field(default=None, repr=False)
    former_secret_until: datetime | None = None
    since: str
    created_at: datetime
    updated_at: datetime
    revision: int = 0
    failing_since: datetime | None = None
    disabled_for: DisabledFor | None = None
    disabled_at: datetime | None = None
    waiting: int = 0

    @property
    def is_enabled(self) -> bool:
        """Whether it is told anything."""
        return self.disabled_for is None

    @property
    def follows_notifications(self) -> bool:
        """Whether it is told of status changes."""
        return self.is_enabled and EventKind.STATUS_CHANGED in self.settings.events

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign, the present one first."""
        former = self.former_secret
        is_valid = former and self.former_secret_until and now < self.former_secret_until
        return (self.secret, former) if former and is_valid else (self.secret,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What endpoints are told. `id` is the same for all of them, and whenever it is sent again.

    Events with the same `ordering_key` reach an endpoint in their order, one after the other.
    """

    id: str
    kind: EventKind
    at: datetime
    ordering_key: str
    data: Mapping[str, object]

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody asked for it: a test, or an event that is sent again."""
        return self.ordering_key.startswith(ASKED_FOR)

    @property
    def trace_id(self) -> str | None:
        """The notification that it is about, if it is about one."""
        said = self.data.get("trace_id")
        return said if isinstance(said, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to tell an endpoint of an event; `number` counts those of this event, from 1.

    `answer` is how the answer begins, `status_code` None where there was none; `error` says in
    words why it failed. `retry_in` is the time until the next one.
    """

    event: WebhookEvent
    number: int
    outcome: AttemptOutcome
    duration_ms: float
    status_code: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_in: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAttempt:
    """An attempt as the store has it: under its id, and at the time at which it ended."""

    id: str
    at: datetime
    attempt: Attempt
