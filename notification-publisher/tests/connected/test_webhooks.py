"""Following changes for webhooks on a real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from durable_queue.factory import open_queue
from durable_queue.port import Delivery
from notification_contracts.lanes import WEBHOOKS
from notification_contracts.webhooks import AttemptOutcome
from notification_ledger.redis import lua_recorder
from notification_ledger.settings import Stores
from notification_ledger.webhooks.endpoints import Attempt, WebhookEvent
from notification_ledger.webhooks.opening import WebhookParts, open_webhooks
from notification_ledger.webhooks.port import Line
from redis.asyncio import Redis
from service_kit.failpoints import armed
from testkit.logs import captured_logs

ASKED = {"user_id": "user_test", "message": "hello", "reference": "o-7"}
DAYS = timedelta(days=5)


@pytest.fixture
async def parts(redis_url: str) -> AsyncIterator[WebhookParts]:
    parts = open_webhooks(Stores(broker_url=redis_url, ledger_url=redis_url))
    yield parts
    await parts.close()


async def take(parts: WebhookParts) -> list[WebhookEvent]:
    """Take the events of the next line, as a worker does."""
    deliveries: Sequence[Delivery] = []
    async with asyncio.timeout(60):
        while not deliveries:
            deliveries = await parts.queue.receive([WEBHOOKS], limit=1, wait=timedelta(seconds=1))
    (delivery,) = deliveries
    said = json.loads(delivery.body)
    line = Line(endpoint_id=said["endpoint"], ordering_key=said["key"], message_id=delivery.id)
    head, found = await parts.store.head(line), []
    event = head[1] if head else None
    while event:
        found.append(event)
        attempt = Attempt(event=event, number=1, outcome=AttemptOutcome.DELIVERED, duration_ms=1.0)
        event = (await parts.store.settle(line, attempt, failing_limit=DAYS)).next
    await delivery.ack()
    return found


async def test_a_webhook_is_told_of_what_happens_from_its_making_on(
    patient_publisher, redis_url, parts
):
    async with patient_publisher(redis_url) as client:
        await client.post("/notifications", json=ASKED)
        made = await client.post("/webhooks", json={"url": "https://example.com/hook"})
        sent = await client.post("/notifications", json=ASKED)
        path = sent.headers["Location"]
        events = await take(parts)
        await client.delete(path)
        while len(events) < 2:
            events += await take(parts)

        assert [each.data["status"] for each in events] == ["queued", "cancelled"]
        assert {each.data["trace_id"] for each in events} == {sent.json()["trace_id"]}
        assert {each.data["reference"] for each in events} == {"o-7"}
        attempts = await client.get(f"/webhooks/{made.json()['id']}/attempts")
        assert [each["data"]["status"] for each in attempts.json()["items"]] == [
            "cancelled",
            "queued",
        ]


async def test_another_publisher_goes_on_where_one_ended_and_nothing_is_told_twice(
    patient_publisher, redis_url, parts
):
    async with patient_publisher(redis_url) as client:
        await client.post("/webhooks", json={"url": "https://example.com/hook"})
        first = (await client.post("/notifications", json=ASKED)).json()["trace_id"]
        events = await take(parts)
    queue = open_queue(redis_url, recorder=lua_recorder())  # while none runs
    await queue.cancel(first)
    await queue.close()
    async with patient_publisher(redis_url):
        events += await take(parts)

    assert [each.data["status"] for each in events] == ["queued", "cancelled"]


async def test_what_the_feed_has_lost_meanwhile_is_told_all_the_same(
    patient_publisher, redis_url, parts
):
    async with patient_publisher(redis_url) as client:
        await client.post("/webhooks", json={"url": "https://example.com/hook"})
        first = (await client.post("/notifications", json=ASKED)).json()["trace_id"]
        events = await take(parts)
    queue = open_queue(redis_url, recorder=lua_recorder())
    await queue.cancel(first)
    await queue.close()
    async with Redis.from_url(redis_url) as redis:
        await redis.xtrim("{an:0}:changes", maxlen=0, approximate=False)
    async with patient_publisher(redis_url):
        while "cancelled" not in [each.data["status"] for each in events]:
            events += await take(parts)

    # What was told before is told again, under the same id: its time is that of the position.
    assert len({each.id for each in events}) == 2


@pytest.mark.parametrize("line", ["webhooks.before_append", "webhooks.after_append"])
async def test_a_follower_that_fails_at_any_line_neither_loses_nor_doubles(
    patient_publisher, redis_url, parts, line
):
    async with patient_publisher(redis_url) as client:
        with armed(f"{line}:raise"), captured_logs() as logged:
            await client.post("/webhooks", json={"url": "https://example.com/hook"})
            sent = await client.post("/notifications", json=ASKED)
            async with asyncio.timeout(60):
                while "background.crashed" not in [each["event"] for each in logged()]:
                    await asyncio.sleep(0.01)
        events = await take(parts)
        await client.delete(sent.headers["Location"])
        while len(events) < 2:
            events += await take(parts)

    assert [each.data["status"] for each in events] == ["queued", "cancelled"]


async def test_of_two_publishers_one_follows_and_the_other_takes_over(
    patient_publisher, redis_url, parts
):
    async with patient_publisher(redis_url) as other:
        async with patient_publisher(redis_url) as one:
            await one.post("/webhooks", json={"url": "https://example.com/hook"})
            trace_ids = [(await one.post("/notifications", json=ASKED)).json()["trace_id"]]
            events = await take(parts)
        trace_ids.append((await other.post("/notifications", json=ASKED)).json()["trace_id"])
        events += await take(parts)

    assert [each.data["trace_id"] for each in events] == trace_ids


async def test_without_webhooks_nothing_is_kept_of_a_notification(patient_publisher, redis_url):
    async with patient_publisher(redis_url) as client, Redis.from_url(redis_url) as redis:
        await client.post("/notifications", json=ASKED)
        await asyncio.sleep(0)

        assert [key async for key in redis.scan_iter("{an.webhooks:0}:*")] == []


async def test_after_the_last_webhook_is_gone_a_new_one_is_not_told_of_what_was_between(
    patient_publisher, redis_url, parts
):
    async with patient_publisher(redis_url) as client:
        made = await client.post("/webhooks", json={"url": "https://example.com/hook"})
        await client.delete(f"/webhooks/{made.json()['id']}")
        await client.post("/notifications", json=ASKED)
        await client.post("/webhooks", json={"url": "https://example.com/hook"})
        last = (await client.post("/notifications", json=ASKED)).json()["trace_id"]

        assert [each.data["trace_id"] for each in await take(parts)] == [last]


@pytest.mark.rabbitmq
async def test_beside_rabbitmq_it_is_the_same(patient_publisher, rabbitmq_node, redis_url, parts):
    settings = {"ledger_url": redis_url, "queue_namespace": "an"}
    async with patient_publisher(rabbitmq_node.url, **settings) as client:
        await client.post("/webhooks", json={"url": "https://example.com/hook"})
        once = {"json": ASKED, "headers": {"Idempotency-Key": "one"}}
        async with asyncio.timeout(60):  # a RabbitMQ on a busy machine may not answer in time
            while (sent := await client.post("/notifications", **once)).status_code != 202:
                await asyncio.sleep(0.1)
        events = await take(parts)
        await client.delete(sent.headers["Location"])
        while len(events) < 2:
            events += await take(parts)

    assert [each.data["status"] for each in events] == ["queued", "cancelled"]


@pytest.mark.rabbitmq
async def test_with_records_in_a_memory_it_is_refused_and_says_what_to_set(
    patient_publisher, rabbitmq_node
):
    async with patient_publisher(rabbitmq_node.url, queue_namespace="an-memory") as client:
        answer = await client.post("/webhooks", json={"url": "https://example.com/hook"})

    assert (answer.status_code, answer.json()["code"]) == (409, "webhooks_not_kept")
    assert "LEDGER_URL" in answer.json()["title"]
