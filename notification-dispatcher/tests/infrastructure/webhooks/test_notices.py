"""What operators' webhooks are told of, and where it comes from."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_contracts.webhooks import OPERATOR_EVENTS
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.infrastructure.contacts.health_reports import HttpHealthReports
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.senders import BreakerSettings, ChannelSenders
from notification_dispatcher.infrastructure.webhooks.notices import OperatorNotices
from notification_ledger.webhooks.endpoints import EndpointSettings
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.telling import TellOperators
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.memory import InMemoryProvider
from notification_providers.port import AddressReport, Misconfigured, OutgoingMessage
from notification_providers.urls import Limits
from prometheus_client import CollectorRegistry
from service_kit.http.client import UpstreamResponse
from testkit.ledger.webhook_examples import make_endpoint

NOW = datetime(2027, 1, 31, 9, tzinfo=UTC)
MESSAGE = OutgoingMessage(
    trace_id="t-1", channel="push", attempt=1, idempotency_key="t-1", address="a", message="m"
)


@pytest.fixture
async def store():
    store = InMemoryWebhookStore()
    settings = EndpointSettings(url="https://ops.example", events=OPERATOR_EVENTS)
    await store.store(make_endpoint(settings=settings))
    return store


@pytest.fixture
async def notices(store):
    notices = OperatorNotices(tell=TellOperators(store=store), now=lambda: NOW)
    stopping = asyncio.Event()
    running = asyncio.create_task(notices.run(stopping))
    yield notices
    stopping.set()
    await running


async def told(store, count):
    """Wait for so many events; return their types and data."""
    async with asyncio.timeout(30):
        while sum(map(len, store._waiting.values())) < count:
            await asyncio.sleep(0)
    return [(each.kind, dict(each.data)) for events in store._waiting.values() for each in events]


async def test_a_breaker_that_opens_is_told_of_once(store, notices):
    provider = InMemoryProvider(name="fcm", answers=[Misconfigured(detail="bad key")])
    senders = ChannelSenders(
        {"push": [(provider, Limits())]},
        breaker=BreakerSettings(failures=5, pause=timedelta(hours=1)),
        pauses=InMemoryPauses(),
        bounded=RetryPolicy().bounded,
        diverter=Diverter(delivery=DeliveryPolicy.parse("live")),
        registry=CollectorRegistry(),
        now=lambda: NOW,
        on_open=notices.breaker_opened,
    )

    async def on_start(_provider):
        pass

    await senders.by_channel["push"].send(MESSAGE, on_start=on_start)
    notices.breaker_opened("push", "fcm", None)  # another dispatcher's
    notices.breaker_opened("sms", "twilio", None)

    assert await told(store, 2) == [
        (
            "provider.breaker_opened",
            {"channel": "push", "provider": "fcm", "reason": Reason.PROVIDER_AUTH},
        ),
        ("provider.breaker_opened", {"channel": "sms", "provider": "twilio", "reason": None}),
    ]


class UserService:
    """Says of each address that is reported how it is after it."""

    def __init__(self, *healths):
        self.healths = healths

    async def request(self, method, path, *, query="", headers=None, body=None, **_):
        results = [{"health": each} for each in self.healths]
        return UpstreamResponse(200, {}, json.dumps({"results": results}).encode())

    def stream(self, *_, **__):
        raise AssertionError("reports are no stream")


async def test_an_address_that_is_not_sent_to_any_more_is_told_of_and_not_named(store, notices):
    http = UserService("suppressed", "good", "removed", "suppressed")
    health = HttpHealthReports(http=http, now=lambda: NOW, on_health=notices.address_reported)
    kinds = (ReportKind.BOUNCE, ReportKind.SOFT_BOUNCE, ReportKind.GONE, ReportKind.USED)
    reports = [AddressReport(channel="email", kind=kind, address=f"{kind}@x") for kind in kinds]
    await health.report(reports, provider="smtp", trace_id="t-1")

    found = await told(store, 2)
    assert [(said["kind"], said["health"], said["trace_id"]) for _, said in found] == [
        ("bounce", "suppressed", "t-1"),
        ("gone", "removed", "t-1"),
    ]
    assert "@x" not in repr(found)
