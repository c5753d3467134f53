"""Providers: the ones that ship, and what stands before each of them."""

from notification_dispatcher.infrastructure.providers.registry import (
    Limits,
    ProviderContext,
    ProviderUrl,
)
from notification_dispatcher.infrastructure.providers.schemes import PROVIDERS
from notification_dispatcher.infrastructure.providers.senders import (
    BreakerSettings,
    ChannelSenders,
    Providers,
    Senders,
)

__all__ = [
    "PROVIDERS",
    "BreakerSettings",
    "ChannelSenders",
    "Limits",
    "ProviderContext",
    "ProviderUrl",
    "Providers",
    "Senders",
]
