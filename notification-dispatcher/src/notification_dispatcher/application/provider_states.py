"""How the providers of this process are doing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from notification_providers.port import Provider, Repeating


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProvider:
    """A provider under the name that it has in timelines, metrics and receipts.

    Two of the same kind on one channel have different names: the second is `smtp-2`.
    """

    channel: ChannelName
    name: str
    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderState:
    """What may keep a provider from being called, and what it can do besides sending.

    `breaker` is `closed`, `half_open` or `open`; `reason` says why a single call opened it, and
    `opens_until` when it is tried again. `paused_until` is set while it wants no call.
    """

    channel: ChannelName
    name: str
    breaker: str
    reason: Reason | None
    opens_until: datetime | None
    paused_until: datetime | None
    repeating: Repeating
    is_checkable: bool
    is_askable: bool
    gives_receipts: bool


class ProviderStates(Protocol):
    """Knows how each provider is doing."""

    @property
    def pauses_are_shared(self) -> bool:
        """True when all dispatchers keep the same pauses; breakers are each one's own."""
        ...

    @property
    def delivery(self) -> str:
        """To whom messages really go: the mode of `DELIVERY`."""
        ...

    async def states(self) -> list[ProviderState]:
        """Return the state of each provider: by channel, then in the order they are tried in."""
        ...
