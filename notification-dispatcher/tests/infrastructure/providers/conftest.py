from datetime import timedelta

import pytest
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.infrastructure.circuit_breaker import CircuitBreaker
from notification_dispatcher.infrastructure.providers.gate import Gate
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.pauses.provider_pause import ProviderPause
from notification_dispatcher.infrastructure.providers.protected import ProtectedProvider
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.memory import InMemoryProvider


@pytest.fixture
def provider():
    return InMemoryProvider(name="post")


@pytest.fixture
def pauses():
    return InMemoryPauses()


@pytest.fixture
def observed():
    return []


@pytest.fixture
def protect(observed, pauses):
    def wrap(provider, *, concurrency=10, per_second=None, failures=3):
        return ProtectedProvider(
            name="post",
            provider=provider,
            timeout=timedelta(seconds=0.02),
            gate=Gate(concurrency=concurrency, per_second=per_second, max_wait=0.01),
            breaker=CircuitBreaker(failures=failures, pause=timedelta(seconds=30)),
            pause=ProviderPause(name="email.post", pauses=pauses),
            bounded=RetryPolicy().bounded,
            diverter=Diverter(delivery=DeliveryPolicy()),
            observe=lambda outcome, seconds: observed.append(outcome),
        )

    return wrap
