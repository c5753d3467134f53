"""What the operator's calls answer."""

from datetime import datetime
from typing import Any

from asyncnotify.models.base import Answer, Page


class Provider(Answer):
    """One provider of a channel, and whether it is called."""

    name: str
    scheme: str | None
    breaker: str
    reason: str | None
    opens_until: datetime | None
    paused_until: datetime | None
    repeating: str
    is_checkable: bool
    is_askable: bool
    gives_receipts: bool


class ChannelProviders(Answer):
    """The providers of one channel, in the order in which they are tried."""

    channel: str
    providers: list[Provider]


class Providers(Answer):
    """All channels with their providers; `delivery` is what DELIVERY is set to."""

    required = ("channels", "delivery")
    channels: list[ChannelProviders]
    pauses_are_shared: bool
    delivery: str


class Check(Answer):
    """Whether a provider lets us in, in words."""

    is_ok: bool
    words: str


class TrialMessage(Answer):
    """What became of a test message."""

    outcome: str
    words: str
    message_id: str | None
    delivery_mode: str | None


class Trial(Answer):
    """What trying one provider has shown."""

    name: str
    is_ok: bool
    check: Check | None
    sent: TrialMessage | None


class Trials(Answer):
    """What trying all providers of a channel has shown."""

    required = ("channel", "providers")
    channel: str
    providers: list[Trial]


class Readiness(Answer):
    """Whether each service is ready: `checks` by name."""

    required = ("status", "checks")
    status: str
    checks: dict[str, Any]


class Lane(Answer):
    """One queue: its stage, priority and channel, and how much is where; None is not known."""

    stage: str
    channel: str | None
    priority: str
    waiting: int
    in_flight: int | None
    delayed: int | None
    oldest_seconds: float | None
    per_second: float | None


class ChannelState(Answer):
    """Whether a channel is paused, and since when."""

    required = ("channel", "is_paused")
    channel: str
    is_paused: bool
    paused_at: datetime | None


class ChannelStates(Page[ChannelState]):
    """The channels, all on one page."""

    entry = ChannelState


class DeadLetterGroup(Answer):
    """Dead letters of one reason on one channel, and when they were given up."""

    reason: str | None
    channel: str | None
    count: int
    oldest_at: datetime
    newest_at: datetime


class DeadLetterGroups(Page[DeadLetterGroup]):
    """Dead letters by reason and channel; only the newest ones unless it `is_complete`."""

    entry = DeadLetterGroup
    is_complete: bool


class OutboxMessage(Answer):
    """A message that reached nobody, as the person would have got it."""

    trace_id: str | None
    channel: str
    provider: str | None
    address: str
    subject: str | None
    message: str
    html: str | None
    data: dict[str, Any] | None
    segments: int | None
    delivery_mode: str | None
    at: datetime


class Outbox(Page[OutboxMessage]):
    """A page of messages that reached nobody, newest first."""

    entry = OutboxMessage


class Pipeline(Answer):
    """How many notifications are where; `oldest_seconds` is how long the oldest has waited."""

    required = ("waiting", "lanes")
    at: datetime
    waiting: int
    in_flight: int
    retrying: int
    scheduled: int
    dead: int
    oldest_seconds: float | None
    lanes: list[Lane]
    channels: list[ChannelState]


class Backlog(Answer):
    """How many notifications wait, and how long the oldest has."""

    required = ("waiting",)
    waiting: int
    oldest_seconds: float | None
