"""What is counted about providers."""

from collections.abc import Callable
from datetime import timedelta

from notification_providers.port import (
    Accepted,
    AddressGone,
    Misconfigured,
    PermanentFailure,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from notification_dispatcher.infrastructure.circuit_breaker import BreakerState

_NAMES: dict[type[ProviderAnswer], str] = {
    Accepted: "accepted",
    TransientFailure: "transient",
    PermanentFailure: "permanent",
    AddressGone: "address_gone",
    Misconfigured: "misconfigured",
    UncertainFailure: "uncertain",
}
_LEVELS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ProviderMetrics:
    """Answers by kind, their durations, breakers and pauses, for each channel's providers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("channel", "provider")
        self._sends = Counter(
            "dispatcher_provider_sends_total",
            "Messages handed to a provider, by outcome.",
            (*labels, "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "dispatcher_provider_send_seconds",
            "Time until the provider answered, or was no longer waited for.",
            labels,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._breaker = Gauge(
            "dispatcher_provider_breaker_state",
            "The circuit breaker: 0 closed, 1 half-open, 2 open.",
            labels,
            registry=registry,
        )
        self._paused = Gauge(
            "dispatcher_provider_paused_seconds",
            "How much longer the provider is paused because it asked for it.",
            labels,
            registry=registry,
        )

    def observer(self, channel: str, provider: str) -> Callable[[ProviderAnswer, float], None]:
        """Return what counts and times each answer of this provider."""
        seconds = self._seconds.labels(channel, provider)
        counts = {
            kind: self._sends.labels(channel, provider, name) for kind, name in _NAMES.items()
        }

        def observe(answer: ProviderAnswer, took: float) -> None:
            counts[type(answer)].inc()
            seconds.observe(took)

        return observe

    def breaker_gauge(self, channel: str, provider: str) -> Callable[[BreakerState], None]:
        """Return what shows each new state of this provider's breaker."""
        gauge = self._breaker.labels(channel, provider)
        gauge.set(_LEVELS[BreakerState.CLOSED])

        def show(state: BreakerState) -> None:
            gauge.set(_LEVELS[state])

        return show

    def show_pause(self, channel: str, provider: str, remaining: Callable[[], timedelta]) -> None:
        """Show how much is left of this provider's pause, whenever the metrics are read."""
        gauge = self._paused.labels(channel, provider)
        gauge.set_function(lambda: remaining().total_seconds())
