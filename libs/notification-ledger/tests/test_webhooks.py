from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Status
from notification_contracts.webhooks import EventKind
from notification_ledger.settings import Stores
from notification_ledger.webhooks.endpoints import EndpointSettings
from notification_ledger.webhooks.events import operator_event, wants
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.opening import open_webhooks
from notification_ledger.webhooks.port import WebhooksUnavailable
from notification_ledger.webhooks.redis import RedisWebhookStore
from testkit.ledger.webhook_contract import WebhookStoreContract
from testkit.ledger.webhook_examples import (
    AT,
    MAX_ENDPOINTS,
    MAX_WAITING,
    make_endpoint,
    make_event,
)


class TestInMemoryWebhookStore(WebhookStoreContract):
    @pytest.fixture
    def store(self) -> InMemoryWebhookStore:
        return InMemoryWebhookStore(max_endpoints=MAX_ENDPOINTS, max_waiting=MAX_WAITING)


class TestRedisWebhookStore(WebhookStoreContract):
    @pytest.fixture
    async def store(self, redis_url: str) -> AsyncIterator[RedisWebhookStore]:
        store = RedisWebhookStore(
            redis_url, namespace="an.webhooks", max_endpoints=MAX_ENDPOINTS, max_waiting=MAX_WAITING
        )
        yield store
        await store.close()


async def test_without_redis_the_store_is_unavailable():
    store = RedisWebhookStore("redis://127.0.0.1:1/0", namespace="an.webhooks")

    with pytest.raises(WebhooksUnavailable):
        await store.endpoints()
    await store.close()


def test_there_is_a_store_where_records_are_in_redis_alone():
    beside = Stores(broker_url="amqp://localhost", ledger_url="redis://localhost")
    alone = Stores(broker_url="amqp://localhost", ledger_url="memory://")

    assert open_webhooks(beside).are_shared
    assert not open_webhooks(alone).are_shared


@pytest.mark.parametrize(
    ("said", "is_wanted"),
    [
        ({}, True),
        ({"statuses": (Status.SENT, Status.FAILED)}, True),
        ({"statuses": (Status.FAILED,)}, False),
        ({"channels": ("email",)}, True),
        ({"channels": ("sms",)}, False),
        ({"tags": ("orders", "other")}, True),
        ({"tags": ("other",)}, False),
        ({"events": (EventKind.BREAKER_OPENED,)}, False),
    ],
)
def test_an_endpoint_is_told_of_what_passes_all_its_filters(said, is_wanted):
    endpoint = make_endpoint(settings=EndpointSettings(url="https://example.com", **said))

    assert wants(endpoint, make_event(Status.SENT)) is is_wanted


def test_filters_of_notifications_hold_no_operator_event_up():
    settings = EndpointSettings(
        url="https://example.com", events=(EventKind.BREAKER_OPENED,), channels=("sms",)
    )
    event = operator_event(EventKind.BREAKER_OPENED, {"provider": "fake"}, datetime.now(UTC))

    assert wants(make_endpoint(settings=settings), event)


def test_the_same_happening_has_the_same_id_and_another_has_not():
    assert make_event().id == make_event().id
    assert len({make_event(status).id for status in Status}) == len(Status)


def test_a_former_secret_signs_until_its_time_is_over():
    rotated = make_endpoint(former_secret="whsec_b2xk", former_secret_until=AT)

    assert rotated.secrets(AT - timedelta(seconds=1)) == ("whsec_c2VjcmV0", "whsec_b2xk")
    assert rotated.secrets(AT) == ("whsec_c2VjcmV0",)
    assert "whsec" not in repr(rotated)
