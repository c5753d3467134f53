from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.port import Delivery
from notification_contracts.lanes import validation_lanes
from notification_ledger.memory import MemoryLedger
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from testkit.clock import FrozenClock
from testkit.http import asgi_client, hot_client

MAX_WAITING = 20


@pytest.fixture
def settings() -> PublisherSettings:
    return PublisherSettings(broker_url="memory://", allow_volatile=True, replay_per_second=50)


@pytest.fixture
def queue(clock: FrozenClock, ledger: MemoryLedger) -> InMemoryQueue:
    options = MemoryOptions(max_waiting=MAX_WAITING)
    return InMemoryQueue(recorder=ledger, now=clock, steady=clock.steady, options=options)


@pytest.fixture
async def client(
    request: pytest.FixtureRequest,
    settings: PublisherSettings,
    queue: InMemoryQueue,
    ledger: MemoryLedger,
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client; with the parameter "hot" its server has hot calls, else none."""
    app = build(settings, queue=queue, ledger=ledger)
    asking = hot_client if getattr(request, "param", "general") == "hot" else asgi_client
    async with asking(app) as client:
        yield client


@pytest.fixture
def send(client: httpx.AsyncClient, clock: FrozenClock) -> Callable[..., Awaitable[str]]:
    """Send a notification, a second after the one before; return its trace id."""

    async def send_one(**fields: str) -> str:
        clock.advance(timedelta(seconds=1))
        body = {"user_id": "user_test", "message": "hello"} | fields
        accepted = await client.post("/notifications", json=body)
        assert accepted.status_code == 202, accepted.text
        trace_id: str = accepted.json()["trace_id"]
        return trace_id

    return send_one


@pytest.fixture
def take(queue: InMemoryQueue) -> Callable[[], Awaitable[Delivery]]:
    """Receive the next notification as a worker would."""

    async def take_one() -> Delivery:
        (delivery,) = await queue.receive(validation_lanes(), limit=1, wait=timedelta(0))
        return delivery

    return take_one


@pytest.fixture
def send_and_give_up(
    send: Callable[..., Awaitable[str]], take: Callable[[], Awaitable[Delivery]]
) -> Callable[..., Awaitable[str]]:
    """Send a notification that ends as a dead letter; return its trace id."""

    async def make(note: bytes = b"", **fields: str) -> str:
        trace_id = await send(**fields)
        await (await take()).dead_letter("given up", note)
        return trace_id

    return make
