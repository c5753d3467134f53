"""What a stage decided about a notification. The interface settles each, and forgets none."""

from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason

from notification_dispatcher.domain.outcomes import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """It can be delivered: hand it to this channel's delivery stage."""

    channel: ChannelName


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A provider has taken it over."""

    trial: Trial | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """It could not be tried for now. No attempt is used up.

    `trial` is there if a provider was asked, and had everyone wait.
    """

    delay: timedelta
    reason: Reason
    detail: str
    trial: Trial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """An attempt failed; another follows after `delay`, unless it has expired by then.

    `is_uncertain` says that the provider may have taken it all the same.
    """

    delay: timedelta
    reason: Reason
    detail: str
    trial: Trial | None = None
    is_uncertain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """Given up, to be kept with its reason. `is_uncertain` is as for `Retried`."""

    reason: Reason
    detail: str
    trial: Trial | None = None
    is_uncertain: bool = False


ValidationVerdict = Forwarded | Deferred | Abandoned
DeliveryVerdict = Delivered | Deferred | Retried | Abandoned
Verdict = ValidationVerdict | DeliveryVerdict
