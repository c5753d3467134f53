"""From the providers of each channel to its sender."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from notification_providers.delivery import Diverter
from notification_providers.port import (
    AskableProvider,
    CheckableProvider,
    Provider,
    ReceiptReader,
    SelectiveProvider,
)
from notification_providers.registry import Providers
from notification_providers.urls import Limits
from prometheus_client import CollectorRegistry
from service_kit.lifecycle import Stopping
from service_kit.logs import get_logger

from notification_dispatcher.application.provider_states import NamedProvider, ProviderState
from notification_dispatcher.infrastructure.circuit_breaker import BreakerState, CircuitBreaker
from notification_dispatcher.infrastructure.providers.failover import FailoverSender
from notification_dispatcher.infrastructure.providers.gate import Gate
from notification_dispatcher.infrastructure.providers.metrics import ProviderMetrics
from notification_dispatcher.infrastructure.providers.pauses.port import Pauses
from notification_dispatcher.infrastructure.providers.pauses.provider_pause import ProviderPause
from notification_dispatcher.infrastructure.providers.protected import ProtectedProvider, takes_all

log = get_logger(__name__)

OnOpen = Callable[[ChannelName, str, Reason | None], None]
"""What hears that the breaker of a channel's provider has opened, and for which reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """After how many failures in a row a provider gets no call, and for how long."""

    failures: int
    pause: timedelta


class ChannelSenders:
    """Each channel's sender, with every provider behind limits of its own. A `Resource`.

    `bounded` limits for how long a provider may ask for no further call. `now` is only there to
    show a time rather than a period. `on_open` hears of breakers that open.
    """

    def __init__(  # noqa: PLR0913 - one piece of wiring, all by keyword
        self,
        providers: Providers,
        *,
        breaker: BreakerSettings,
        pauses: Pauses,
        bounded: Callable[[timedelta], timedelta],
        diverter: Diverter,
        registry: CollectorRegistry,
        now: Callable[[], datetime],
        on_open: OnOpen = lambda _channel, _provider, _reason: None,
    ) -> None:
        self._now = now
        self._on_open = on_open
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
        # One that can't be closed keeps none of the others open.
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._pauses.close)
            for _, protected in self._all():
                closing.push_async_callback(protected.provider.close)

    async def run(self, stopping: Stopping) -> None:
        """Begin no call that would have to wait for another to end, once the process is to stop."""
        await stopping.wait()
        for _, protected in self._all():
            protected.gate.close()

    @property
    def pauses_are_shared(self) -> bool:
        """See `ProviderStates`."""
        return self._pauses.is_shared

    @property
    def delivery(self) -> str:
        """See `ProviderStates`."""
        return self._diverter.delivery.mode.value

    async def states(self) -> list[ProviderState]:
        """See `ProviderStates`."""
        return await asyncio.gather(*(self._state(*each) for each in self._all()))

    def named(self) -> list[NamedProvider]:
        """List the providers as they are, without the limits that they are behind."""
        return [
            NamedProvider(channel=channel, name=protected.name, provider=protected.provider)
            for channel, protected in self._all()
        ]

    def _all(self) -> Iterator[tuple[ChannelName, ProtectedProvider]]:
        for channel, sender in self.by_channel.items():
            for protected in sender.providers:
                yield channel, protected

    async def _state(self, channel: ChannelName, protected: ProtectedProvider) -> ProviderState:
        pause, breaker, provider = (
            await protected.pause.look(),
            protected.breaker,
            protected.provider,
        )
        opens_in, now = breaker.reopens_in, self._now()
        return ProviderState(
            channel=channel,
            name=protected.name,
            breaker=breaker.state.value,
            reason=breaker.reason,
            opens_until=now + opens_in if opens_in else None,
            paused_until=now + pause if pause else None,
            repeating=provider.repeating,
            is_checkable=isinstance(provider, CheckableProvider),
            is_askable=isinstance(provider, AskableProvider),
            gives_receipts=isinstance(provider, ReceiptReader),
        )

    def _protected(
        self, channel: ChannelName, name: str, provider: Provider, limits: Limits
    ) -> ProtectedProvider:
        show = self._metrics.breaker_gauge(channel, name)

        def on_change(state: BreakerState) -> None:
            show(state)
            log.warning("provider.breaker", channel=channel, provider=name, state=state.value)
            if state is BreakerState.OPEN:
                self._on_open(channel, name, breaker.reason)

        breaker = CircuitBreaker(
            failures=self._breaker.failures, pause=self._breaker.pause, on_change=on_change
        )
        pause = ProviderPause(name=f"{channel}.{name}", pauses=self._pauses)
        self._metrics.show_pause(channel, name, lambda: pause.remaining)
        return ProtectedProvider(
            name=name,
            provider=provider,
            timeout=limits.timeout,
            gate=Gate(concurrency=limits.concurrency, per_second=limits.per_second),
            breaker=breaker,
            pause=pause,
            bounded=self._bounded,
            diverter=self._diverter,
            observe=self._metrics.observer(channel, name),
            takes=provider.takes if isinstance(provider, SelectiveProvider) else takes_all,
        )


def _named(
    providers: Sequence[tuple[Provider, Limits]],
) -> Iterator[tuple[str, Provider, Limits]]:
    """Number providers of the same name, so that each has a breaker and metrics of its own."""
    seen: dict[str, int] = {}
    for provider, limits in providers:
        seen[provider.name] = seen.get(provider.name, 0) + 1
        number = seen[provider.name]
        yield provider.name if number == 1 else f"{provider.name}-{number}", provider, limits
