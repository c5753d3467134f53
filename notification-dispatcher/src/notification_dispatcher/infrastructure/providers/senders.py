"""From the providers of each channel to its sender."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.channels import ChannelName
from prometheus_client import CollectorRegistry
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import Provider
from notification_dispatcher.infrastructure.breaker import BreakerState, CircuitBreaker
from notification_dispatcher.infrastructure.providers.failover import FailoverSender
from notification_dispatcher.infrastructure.providers.limits import Gate
from notification_dispatcher.infrastructure.providers.metrics import ProviderMetrics
from notification_dispatcher.infrastructure.providers.protected import ProtectedProvider
from notification_dispatcher.infrastructure.providers.registry import Limits

log = get_logger(__name__)

Providers = Mapping[ChannelName, Sequence[tuple[Provider, Limits]]]
"""The providers of each channel, in order, and how much each may be asked to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a provider is left alone, and for how long."""

    failures: int = 10
    pause: timedelta = timedelta(seconds=30)


class ChannelSenders:
    """Each channel's sender, and how its providers are doing."""

    def __init__(self, by_channel: Mapping[ChannelName, FailoverSender]) -> None:
        self.by_channel = by_channel

    def breaker_states(self) -> dict[str, str]:
        """Tell the state of each provider's breaker, by `channel.provider`."""
        return {
            f"{channel}.{provider.name}": provider.breaker.state.value
            for channel, sender in self.by_channel.items()
            for provider in sender.providers
        }


class Senders:
    """Builds each channel's sender, with every provider behind limits of its own."""

    def __init__(self, registry: CollectorRegistry, breaker: BreakerSettings) -> None:
        self._metrics = ProviderMetrics(registry)
        self._breaker = breaker

    def build(self, providers: Providers) -> ChannelSenders:
        """Make one sender per channel."""
        return ChannelSenders(
            {
                channel: FailoverSender(
                    providers=[
                        self._protected(channel, name, provider, limits)
                        for name, provider, limits in _named(in_order)
                    ]
                )
                for channel, in_order in providers.items()
            }
        )

    def _protected(
        self, channel: ChannelName, name: str, provider: Provider, limits: Limits
    ) -> ProtectedProvider:
        show = self._metrics.breaker_gauge(channel, name)
        return ProtectedProvider(
            name=name,
            provider=provider,
            timeout=limits.timeout,
            gate=Gate(concurrency=limits.concurrency, per_second=limits.per_second),
            breaker=CircuitBreaker(
                failures=self._breaker.failures,
                pause=self._breaker.pause,
                on_change=_telling(channel, name, show),
            ),
            observe=self._metrics.observer(channel, name),
        )


def _telling(
    channel: ChannelName, name: str, show: Callable[[BreakerState], None]
) -> Callable[[BreakerState], None]:
    def tell(state: BreakerState) -> None:
        show(state)
        log.warning("provider.breaker", channel=channel, provider=name, state=state.value)

    return tell


def _named(
    providers: Sequence[tuple[Provider, Limits]],
) -> Iterator[tuple[str, Provider, Limits]]:
    """Number providers of the same name, so that each has a breaker and metrics of its own."""
    seen: dict[str, int] = {}
    for provider, limits in providers:
        seen[provider.name] = seen.get(provider.name, 0) + 1
        number = seen[provider.name]
        yield provider.name if number == 1 else f"{provider.name}-{number}", provider, limits
