from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.lanes import WEBHOOKS
from notification_contracts.webhooks import AttemptOutcome, DisabledFor
from notification_ledger.memory import MemoryLedger
from notification_ledger.webhooks.endpoints import Attempt
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.opening import WebhookParts
from notification_ledger.webhooks.port import Line
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from testkit.clock import FrozenClock
from testkit.http import asgi_client

HOOK = "https://example.com/hook"


@pytest.fixture
def store(clock: FrozenClock) -> InMemoryWebhookStore:
    return InMemoryWebhookStore(now=clock, max_endpoints=3)


@pytest.fixture
def webhook_queue(clock: FrozenClock) -> InMemoryQueue:
    return InMemoryQueue(now=clock, steady=clock.steady)


@pytest.fixture
async def client(
    settings: PublisherSettings,
    queue: InMemoryQueue,
    ledger: MemoryLedger,
    store: InMemoryWebhookStore,
    webhook_queue: InMemoryQueue,
) -> AsyncIterator[httpx.AsyncClient]:
    parts = WebhookParts(store=store, queue=webhook_queue)
    async with asgi_client(build(settings, queue=queue, ledger=ledger, webhooks=parts)) as client:
        yield client


async def create(client: httpx.AsyncClient, **asked: object) -> dict:
    answer = await client.post("/webhooks", json={"url": HOOK} | asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_webhook_is_made_and_its_secret_shown_once(client):
    answer = await client.post("/webhooks", json={"url": HOOK, "description": "ours"})
    made = answer.json()

    assert answer.headers["location"] == f"/webhooks/{made['id']}"
    assert answer.headers["cache-control"] == "no-store"
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["events"] == ["notification.status_changed"]
    assert (made["is_enabled"], made["format"], made["waiting"]) == (True, "standard", 0)
    assert (await client.get(f"/webhooks/{made['id']}")).json() == made
    assert (await client.get("/webhooks")).json() == {"items": [made]}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/hook",
        "http://0x7f.1/hook",
        "http://[::1]/hook",
        "http://localhost/hook",
        "http://app.localhost./hook",
        "https://10.1.2.3/hook",
        "http://169.254.169.254/",
    ],
)
async def test_where_nothing_is_told_by_default_a_warning_names_the_setting(client, url):
    made = await create(client, url=url)

    assert "STATUS_WEBHOOK_NETWORKS" in made["warning"]
    assert (await client.get(f"/webhooks/{made['id']}")).json()["warning"] == made["warning"]


@pytest.mark.parametrize("url", [HOOK, "https://93.184.216.34/hook", "https://[2606:4700::1]/"])
async def test_what_may_be_public_is_not_warned_of(client, url):
    assert (await create(client, url=url))["warning"] is None


async def test_a_change_replaces_what_was_said_and_keeps_the_secret(client, store):
    made = await create(client, statuses=["failed"], tags=["orders"])
    asked = {"url": HOOK, "channels": ["sms"], "format": "cloudevents"}
    changed = (await client.put(f"/webhooks/{made['id']}", json=asked)).json()

    assert (changed["statuses"], changed["tags"]) == (None, None)
    assert (changed["channels"], changed["format"]) == (["sms"], "cloudevents")
    assert (await store.endpoint(made["id"])).secret == made["secret"]
    assert "secret" not in changed


async def test_one_is_disabled_and_enabled_again_from_then_on(client, store, ledger, send):
    made = await create(client)
    path = f"/webhooks/{made['id']}"
    disabled = (await client.put(path, json={"url": HOOK, "is_enabled": False})).json()
    await send()
    enabled = (await client.put(path, json={"url": HOOK})).json()

    assert (disabled["is_enabled"], disabled["disabled_reason"]) == (False, "operator")
    assert disabled["disabled_at"]
    assert (enabled["is_enabled"], enabled["disabled_reason"]) == (True, None)
    assert (await store.endpoint(made["id"])).since == await ledger.latest_change()


async def test_a_secret_is_replaced_and_the_former_one_signs_for_a_while(client, store, clock):
    made = await create(client)
    path = f"/webhooks/{made['id']}/rotate"
    rotated = (await client.post(path, json={"grace_seconds": 60})).json()
    endpoint = await store.endpoint(made["id"])

    assert rotated["secret"] != made["secret"]
    assert endpoint.secrets(clock()) == (rotated["secret"], made["secret"])
    assert endpoint.secrets(clock() + timedelta(seconds=61)) == (rotated["secret"],)

    at_once = (await client.post(path, json={"grace_seconds": 0})).json()
    assert (await store.endpoint(made["id"])).secrets(clock()) == (at_once["secret"],)
    assert (await client.post(path)).status_code == 200


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "/url"),
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "https://user:pw@example.com"}, "/url"),
        ({"url": "https://"}, "/url"),
        ({"url": HOOK, "events": []}, "/events"),
        ({"url": HOOK, "events": ["webhook.test"]}, "/events/0"),
        ({"url": HOOK, "statuses": ["nowhere"]}, "/statuses/0"),
        ({"url": HOOK, "statuses": ["sent", "sent"]}, "/statuses"),
        ({"url": HOOK, "channels": ["pigeon"]}, "/channels/0"),
        ({"url": HOOK, "tags": ["no blanks"]}, "/tags/0"),
        ({"url": HOOK, "format": "xml"}, "/format"),
        ({"url": HOOK, "colour": "red"}, "/colour"),
    ],
)
async def test_what_is_wrong_is_named(client, asked, pointer):
    answer = await client.post("/webhooks", json=asked)

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


async def test_there_is_room_for_so_many(client):
    for _ in range(3):
        await create(client)

    answer = await client.post("/webhooks", json={"url": HOOK})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")


async def test_a_deleted_webhook_is_not_found(client):
    path = f"/webhooks/{(await create(client))['id']}"
    assert (await client.delete(path)).status_code == 204

    found = [
        await client.get(path),
        await client.delete(path),
        await client.put(path, json={"url": HOOK}),
        await client.post(f"{path}/rotate"),
        await client.post(f"{path}/test"),
        await client.get(f"{path}/attempts"),
        await client.post(f"{path}/attempts/1-1/resend"),
    ]
    assert {(each.status_code, each.json()["code"]) for each in found} == {
        (404, "webhook_not_found")
    }


async def line_of(webhook_queue: InMemoryQueue, store: InMemoryWebhookStore, name: str) -> Line:
    """Take from the queue what stands for a webhook's events."""
    (delivery,) = await webhook_queue.receive([WEBHOOKS], limit=1, wait=timedelta(0))
    keys = [each.ordering_key for each in store._lines.values()]
    return Line(endpoint_id=name, ordering_key=keys[-1], message_id=delivery.id)


async def test_a_test_is_queued(client, store, webhook_queue):
    made = await create(client)
    answer = await client.post(f"/webhooks/{made['id']}/test")
    _, event = await store.head(await line_of(webhook_queue, store, made["id"]))

    assert answer.status_code == 202
    assert answer.json() == {"webhook_id": event.id}
    assert event.kind == "webhook.test"


async def test_attempts_are_listed_and_sent_again_under_the_same_id(client, store, webhook_queue):
    made = await create(client)
    path = f"/webhooks/{made['id']}"
    await client.post(f"{path}/test")
    line = await line_of(webhook_queue, store, made["id"])
    _, event = await store.head(line)
    for number in (1, 2):
        attempt = Attempt(
            event=event,
            number=number,
            outcome=AttemptOutcome.RETRYING,
            status_code=500,
            duration_ms=3.5,
            answer="no",
            retry_in=timedelta(seconds=5),
        )
        await store.settle(line, attempt, failing_limit=timedelta(days=5))

    first = (await client.get(f"{path}/attempts", params={"limit": 1})).json()
    second = await client.get(
        f"{path}/attempts", params={"limit": 1, "cursor": first["next_cursor"]}
    )
    resent = await client.post(f"{path}/attempts/{first['items'][0]['id']}/resend")
    _, again = await store.head(await line_of(webhook_queue, store, made["id"]))

    assert [first["items"][0]["number"], second.json()["items"][0]["number"]] == [2, 1]
    assert second.json()["next_cursor"] is None
    assert (first["items"][0]["outcome"], first["items"][0]["answer"]) == ("retrying", "no")
    assert first["items"][0]["next_attempt_at"] > first["items"][0]["at"]
    assert resent.json() == {"webhook_id": event.id}
    assert (again.id, again.data) == (event.id, event.data)
    for unknown in ("1-1", "nonsense"):
        answer = await client.post(f"{path}/attempts/{unknown}/resend")
        assert answer.json()["code"] == "attempt_not_found"
    foreign = await client.get(f"{path}/attempts", params={"cursor": "made-up"})
    assert foreign.json()["errors"][0]["pointer"] == "/query/cursor"


async def test_nothing_is_sent_to_one_that_is_disabled(client):
    made = await create(client, is_enabled=False)

    answer = await client.post(f"/webhooks/{made['id']}/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_disabled")
    assert answer.json()["detail"] == DisabledFor.OPERATOR


async def test_without_a_store_that_all_share_webhooks_are_refused(settings, queue, ledger):
    app = build(settings, queue=queue, ledger=ledger)
    async with asgi_client(app) as client:
        found = [
            await client.get("/webhooks"),
            await client.post("/webhooks", json={"url": HOOK}),
            await client.post("/webhooks/wh_1/test"),
        ]

    assert {(each.status_code, each.json()["code"]) for each in found} == {
        (409, "webhooks_not_kept")
    }
