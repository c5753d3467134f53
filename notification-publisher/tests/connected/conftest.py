from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import httpx
import pytest
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from testkit.failover import redis_pair  # noqa: F401 - a fixture
from testkit.http import asgi_client, live_server
from testkit.rabbitmq_server import rabbitmq_node  # noqa: F401 - a fixture
from testkit.redis_server import (  # noqa: F401 - fixtures
    private_redis,
    redis_server,
    redis_url,
)


class Publish(Protocol):
    """Starts a publisher on a broker."""

    def __call__(
        self, broker_url: str, **settings: object
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """Give a client of it."""
        ...


@pytest.fixture
def publisher(request: pytest.FixtureRequest, served_publisher: Publish) -> Publish:
    """Serve a publisher in this process; with the parameter "hot" on a socket."""
    if getattr(request, "param", "general") == "hot":
        return served_publisher

    def on(broker_url: str, **settings: object) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return asgi_client(build(PublisherSettings(broker_url=broker_url, **settings)))  # type: ignore[arg-type]

    return on


@pytest.fixture
def patient_publisher() -> Publish:
    """Serve a publisher in this process, for tests that are not about what its broker takes too
    long for.
    """

    def on(broker_url: str, **settings: object) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        app = build(PublisherSettings(broker_url=broker_url, **settings))  # type: ignore[arg-type]
        return asgi_client(app, is_patient=True)

    return on


@pytest.fixture
def served_publisher() -> Publish:
    """Serve a publisher on a socket: for streams, and for what plain requests of hot calls do."""

    @asynccontextmanager
    async def on(broker_url: str, **settings: object) -> AsyncIterator[httpx.AsyncClient]:
        app = build(PublisherSettings(broker_url=broker_url, **settings))  # type: ignore[arg-type]
        async with live_server(app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
            yield client

    return on
