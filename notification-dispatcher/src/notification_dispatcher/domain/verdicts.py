"""What a stage decided about a notification, in the words of its status.

The interface settles each verdict, and forgets none.
"""

from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from notification_ledger.reading import Target
from notification_providers.port import Diversion

from notification_dispatcher.domain.sending import ProviderCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """It can be delivered: hand it to this channel's delivery stage."""

    channel: ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A provider has taken it over, under this id of its own. `call` is None if that was before."""

    call: ProviderCall | None
    message_id: str | None = None
    diversion: Diversion | None = None
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """What every verdict has to say that leaves a notification unsent.

    `call` is there if a provider was called, `targets` if there was more than one address.
    """

    reason: Reason
    detail: str
    call: ProviderCall | None = None
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred(NotSent):
    """It could not be tried for now, or its provider asked for no further call: no attempt is used
    up. `progress` is for the next attempt; None leaves what was said before.
    """

    delay: timedelta
    progress: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(NotSent):
    """An attempt failed; another follows after `delay`, unless it has expired by then.

    `is_uncertain` says that the provider may have taken it all the same; `progress` is as for
    `Deferred`.
    """

    delay: timedelta
    is_uncertain: bool = False
    progress: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(NotSent):
    """Given up, to be kept as a dead letter. `is_uncertain` is as for `Retrying`."""

    is_uncertain: bool = False


ValidationVerdict = Validated | Deferred | Failed
DeliveryVerdict = Sent | Deferred | Retrying | Failed
Verdict = ValidationVerdict | DeliveryVerdict
