"""From the providers of each channel to its sender."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notification_contracts.channels import ChannelName
from notification_providers.delivery import Diverter
from notification_providers.port import Provider, SelectiveProvider
from notification_providers.registry import Providers
from notification_providers.urls import Limits
from prometheus_client import CollectorRegistry
from service_kit.logs import get_logger

from notification_dispatcher.infrastructure.circuit_breaker import BreakerState, CircuitBreaker
from notification_dispatcher.infrastructure.providers.failover import FailoverSender
from notification_dispatcher.infrastructure.providers.gate import Gate
from notification_dispatcher.infrastructure.providers.metrics import ProviderMetrics
from notification_dispatcher.infrastructure.providers.pauses.port import Pauses
from notification_dispatcher.infrastructure.providers.pauses.provider_pause import ProviderPause
from notification_dispatcher.infrastructure.providers.protected import ProtectedProvider, takes_all

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """After how many failures in a row a provider gets no call, and for how long."""

    failures: int
    pause: timedelta


class ChannelSenders:
    """Each channel's sender, with every provider behind limits of its own. A `Resource`.

    `bounded` limits for how long a provider may ask for no further call.
    """

    def __init__(
        self,
        providers: Providers,
        *,
        breaker: BreakerSettings,
        pauses: Pauses,
        bounded: Callable[[timedelta], timedelta],
        diverter: Diverter,
        registry: CollectorRegistry,
    ) -> None:
        self._breaker = breaker
        self._pauses = pauses
        self._bounded = bounded
        self._diverter = diverter
        self._metrics = ProviderMetrics(registry)
        self.by_channel: Mapping[ChannelName, FailoverSender] = {
            channel: FailoverSender(
                providers=[self._protected(channel, *named) for named in _named(in_order)]
            )
            for channel, in_order in providers.items()
        }

    async def start(self) -> None:
        """Open nothing: the pauses' store is connected to when it is first asked."""

    async def stop(self) -> None:
        """Close the providers, and the connection to the pauses' store; pauses stay."""
        for sender in self.by_channel.values():
            for protected in sender.providers:
                await protected.provider.close()
        await self._pauses.close()

    async def states(self, now: Callable[[], datetime]) -> dict[str, str]:
        """Return the state of each provider's breaker, and until when it is paused, if it is.

        By `channel.provider`; `now` is only there to show a time rather than a period.
        """
        by_name = {
            f"{channel}.{provider.name}": provider
            for channel, sender in self.by_channel.items()
            for provider in sender.providers
        }
        states = await asyncio.gather(*(_state(provider, now) for provider in by_name.values()))
        kept_by = "all dispatchers" if self._pauses.is_shared else "each dispatcher for itself"
        said = {"pauses are kept by": kept_by, "delivery": self._diverter.delivery.mode.value}
        return {**dict(zip(by_name, states, strict=True)), **said}

    def _protected(
        self, channel: ChannelName, name: str, provider: Provider, limits: Limits
    ) -> ProtectedProvider:
        show = self._metrics.breaker_gauge(channel, name)

        def on_change(state: BreakerState) -> None:
            show(state)
            log.warning("provider.breaker", channel=channel, provider=name, state=state.value)

        pause = ProviderPause(name=f"{channel}.{name}", pauses=self._pauses)
        self._metrics.show_pause(channel, name, lambda: pause.remaining)
        return ProtectedProvider(
            name=name,
            provider=provider,
            timeout=limits.timeout,
            gate=Gate(concurrency=limits.concurrency, per_second=limits.per_second),
            breaker=CircuitBreaker(
                failures=self._breaker.failures, pause=self._breaker.pause, on_change=on_change
            ),
            pause=pause,
            bounded=self._bounded,
            diverter=self._diverter,
            observe=self._metrics.observer(channel, name),
            takes=provider.takes if isinstance(provider, SelectiveProvider) else takes_all,
        )


async def _state(provider: ProtectedProvider, now: Callable[[], datetime]) -> str:
    state, pause = provider.breaker.state.value, await provider.pause.look()
    if provider.breaker.reason is not None:
        state = f"{state}, {provider.breaker.reason.value}"
    if not pause:
        return state
    return f"{state}, paused until {(now() + pause).isoformat(timespec='seconds')}"


def _named(
    providers: Sequence[tuple[Provider, Limits]],
) -> Iterator[tuple[str, Provider, Limits]]:
    """Number providers of the same name, so that each has a breaker and metrics of its own."""
    seen: dict[str, int] = {}
    for provider, limits in providers:
        seen[provider.name] = seen.get(provider.name, 0) + 1
        number = seen[provider.name]
        yield provider.name if number == 1 else f"{provider.name}-{number}", provider, limits
