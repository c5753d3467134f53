"""From a provider's URL to the provider.

To add one: write its factory, and register its scheme in `PROVIDERS`, here or before `build`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from notification_contracts.channels import ChannelName

from notification_dispatcher.application.ports import Provider
from notification_dispatcher.infrastructure.providers.fake.provider import fake_provider
from notification_dispatcher.infrastructure.providers.urls import (
    InvalidProviderUrl,
    Limits,
    ProviderContext,
    ProviderUrl,
    parse,
)

Providers = Mapping[ChannelName, Sequence[tuple[Provider, Limits]]]
"""The providers of each channel, in order, and how much each may be asked to do."""

ProviderFactory = Callable[[ProviderUrl, ProviderContext], Provider]


@dataclass(frozen=True, slots=True)
class ProviderRegistry:
    """Knows a factory for each scheme."""

    factories: dict[str, ProviderFactory]

    def register(self, scheme: str, factory: ProviderFactory) -> None:
        """Make one more scheme known.

        Raises:
            ValueError: the scheme is taken by another factory.
        """
        if self.factories.get(scheme, factory) is not factory:
            raise ValueError(f"scheme {scheme!r} is registered already, for something else")
        self.factories[scheme] = factory

    def open(
        self, text: str, context: ProviderContext, defaults: Limits
    ) -> tuple[Provider, Limits]:
        """Make the provider that this URL describes, and read its limits.

        Raises:
            InvalidProviderUrl: no such scheme, or an option that makes no sense.
        """
        url, limits = parse(text, defaults)
        factory = self.factories.get(url.scheme)
        if factory is None:
            known = ", ".join(f"{scheme}://" for scheme in sorted(self.factories))
            raise InvalidProviderUrl(f"{url.scheme}:// is unknown; there is {known}")
        return factory(url, context), limits


PROVIDERS = ProviderRegistry({"fake": fake_provider})


def open_providers(
    urls: Mapping[ChannelName, Sequence[str]], context: ProviderContext, defaults: Limits
) -> Providers:
    """Make the providers of each channel.

    Raises:
        InvalidProviderUrl: see `ProviderRegistry.open`.
    """
    return {
        channel: [PROVIDERS.open(url, context, defaults) for url in in_order]
        for channel, in_order in urls.items()
    }


def check_provider(url: str) -> None:
    """Refuse a URL that describes no provider.

    Raises:
        InvalidProviderUrl: see `ProviderRegistry.open`.
    """
    PROVIDERS.open(url, ProviderContext(now=lambda: datetime.now(UTC)), Limits())
