"""What comes of handing a message to a channel's providers.

SendOutcome
├── what a provider answered, see `notification_providers.port`; one that is misconfigured is as
│   good as throttled
└── NotTried   no provider had capacity; nothing left this process
"""

from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """No provider had capacity. Try again in `retry_in`, not before, and count no attempt.

    One that `is_unavailable` gets no call from anyone for now: another provider need not wait.
    """

    reason: Reason
    detail: str
    retry_in: timedelta
    is_unavailable: bool = False


SendOutcome = (
    Accepted | TransientFailure | PermanentFailure | AddressGone | UncertainFailure | NotTried
)


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
