"""From a provider's URL to the provider.

To add one: write its factory, and name it in `PROVIDERS`, or register it before a service is built.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Final, cast

from notification_contracts.channels import ChannelName

from notification_providers.port import Provider
from notification_providers.urls import (
    InvalidProviderUrl,
    Limits,
    ProviderContext,
    ProviderUrl,
    parse,
)

Providers = Mapping[ChannelName, Sequence[tuple[Provider, Limits]]]
"""The providers of each channel, in order, and how much each may be asked to do."""

ProviderFactory = Callable[[ProviderUrl, ProviderContext], Provider]
"""Makes a provider, and opens nothing. Raises `InvalidProviderUrl`."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where a scheme's factory is, and for which channels; None means for any.

    `factory` is `package.module:function`, imported when it is first asked for: nobody pays for
    the libraries of a provider that nobody uses.
    """

    factory: ProviderFactory | str
    channels: frozenset[ChannelName] | None = None

    def load(self) -> ProviderFactory:
        """Return the factory."""
        if not isinstance(self.factory, str):
            return self.factory
        module, _, function = self.factory.partition(":")
        return cast(ProviderFactory, getattr(import_module(module), function))


@dataclass(frozen=True, slots=True)
class ProviderRegistry:
    """Knows each scheme. One that ends in `+` stands for all that begin with it."""

    schemes: dict[str, Scheme]

    def register(
        self,
        scheme: str,
        factory: ProviderFactory,
        channels: frozenset[ChannelName] | None = None,
    ) -> None:
        """Make one more scheme known.

        Raises:
            ValueError: the scheme is taken by another factory.
        """
        entry = Scheme(factory, channels)
        if self.schemes.get(scheme, entry) != entry:
            raise ValueError(f"scheme {scheme!r} is registered already, for something else")
        self.schemes[scheme] = entry

    def open(
        self, text: str, context: ProviderContext, defaults: Limits
    ) -> tuple[Provider, Limits]:
        """Make the provider that this URL describes, and read its limits.

        Raises:
            InvalidProviderUrl: no such scheme, not for this channel, or an option that makes no
                sense.
        """
        url, limits = parse(text, defaults)
        scheme = self._named(url.scheme)
        if scheme.channels is not None and context.channel not in scheme.channels:
            allowed = ", ".join(sorted(scheme.channels))
            raise InvalidProviderUrl(f"{url.scheme}:// is for {allowed}, not {context.channel}")
        return scheme.load()(url, context), limits

    def channels_of(self, text: str) -> frozenset[ChannelName] | None:
        """Tell for which channels the provider of this URL can be; None means for any.

        Raises:
            InvalidProviderUrl: no such scheme.
        """
        return self._named(parse(text, Limits())[0].scheme).channels

    def _named(self, name: str) -> Scheme:
        scheme = self.schemes.get(name) or self.schemes.get(f"{name.partition('+')[0]}+")
        if scheme is None:
            names = sorted(self.schemes)
            known = ", ".join(f"{each}…" if each[-1] == "+" else f"{each}://" for each in names)
            raise InvalidProviderUrl(f"{name}:// is unknown; there is {known}")
        return scheme


_SMTP: Final = "notification_providers.smtp.opening:smtp_provider"

PROVIDERS = ProviderRegistry(
    {
        "apns": Scheme("notification_providers.push.apns:apns_provider", frozenset({"push"})),
        "apprise+": Scheme("notification_providers.chat.provider:apprise_provider"),
        "fake": Scheme("notification_providers.fake.provider:fake_provider"),
        "fcm": Scheme("notification_providers.push.fcm:fcm_provider", frozenset({"push"})),
        "webpush": Scheme(
            "notification_providers.push.webpush:webpush_provider", frozenset({"push"})
        ),
        "resend": Scheme(
            "notification_providers.email_api.resend:resend_provider", frozenset({"email"})
        ),
        "smtp": Scheme(_SMTP, frozenset({"email"})),
        "smtps": Scheme(_SMTP, frozenset({"email"})),
        "sms+": Scheme(
            "notification_providers.sms.gateway.provider:sms_gateway", frozenset({"sms"})
        ),
        "twilio": Scheme(
            "notification_providers.sms.twilio.opening:twilio_provider", frozenset({"sms"})
        ),
        "webhook": Scheme(
            "notification_providers.webhook.provider:webhook_provider", frozenset({"webhook"})
        ),
    }
)


def open_providers(
    urls: Mapping[ChannelName, Sequence[str]],
    context: Callable[[ChannelName], ProviderContext],
    defaults: Limits,
) -> Providers:
    """Make the providers of each channel.

    Raises:
        InvalidProviderUrl: see `ProviderRegistry.open`.
    """
    return {
        channel: [PROVIDERS.open(url, context(channel), defaults) for url in in_order]
        for channel, in_order in urls.items()
    }


def check_provider(url: str, channel: ChannelName) -> None:
    """Refuse a URL that describes no provider of this channel.

    Raises:
        InvalidProviderUrl: see `ProviderRegistry.open`.
    """
    context = ProviderContext(channel=channel, now=lambda: datetime.now(UTC))
    PROVIDERS.open(url, context, Limits())
