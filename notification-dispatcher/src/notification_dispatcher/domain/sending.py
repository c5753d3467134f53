"""What a provider is given, and what comes of it.

SendOutcome
├── ProviderAnswer
│   ├── Accepted           the provider has taken the message over
│   ├── TransientFailure   not now; the same send may succeed later
│   ├── PermanentFailure   the same send will never succeed at this provider
│   └── UncertainFailure   the provider may or may not have taken it over
└── NotTried               no provider had capacity; nothing left this process
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message on its way to a provider. `trace_id` is its idempotency key.

    Address and text are personal and stay out of `repr`, so out of logs and tracebacks.
    """

    trace_id: str
    channel: ChannelName
    attempt: int
    address: str = field(repr=False)
    message: str = field(repr=False)
    subject: str | None = field(default=None, repr=False)


class FaultSide(StrEnum):
    """On whose side a failure lies: it decides whether another provider could do better."""

    PROVIDER = "provider"
    RECIPIENT = "recipient"  # or the message itself: every provider would say the same


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has taken the message over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransientFailure:
    """Not now: busy, down, throttled. `detail` holds no address and no text.

    `retry_after` is how long the other side asked for no further call.
    """

    reason: Reason
    detail: str
    retry_after: timedelta | None = None
    fault: FaultSide = FaultSide.PROVIDER

    @property
    def provider_retry_after(self) -> timedelta | None:
        """For how long the provider wants no call by anyone; None if it did not ask."""
        return self.retry_after if self.fault is FaultSide.PROVIDER else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanentFailure:
    """Never: refused for good."""

    reason: Reason
    detail: str
    fault: FaultSide = FaultSide.PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertainFailure:
    """The connection broke, or time ran out, after bytes were sent."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """No provider had capacity. Try again in `retry_in`, not before, and count no attempt.

    One that `is_unavailable` gets no call from anyone for now: another provider need not wait.
    """

    reason: Reason
    detail: str
    retry_in: timedelta
    is_unavailable: bool = False


ProviderAnswer = Accepted | TransientFailure | PermanentFailure | UncertainFailure
SendOutcome = ProviderAnswer | NotTried


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCall:
    """One call of a provider: which, and how long it took."""

    provider: str
    duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What came of one attempt, and the call that decided it; None if no provider was called."""

    outcome: SendOutcome
    call: ProviderCall | None = None
