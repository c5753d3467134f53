"""What the operator's calls answer."""

from datetime import datetime
from typing import Any

from asyncnotify.models.base import Answer


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
