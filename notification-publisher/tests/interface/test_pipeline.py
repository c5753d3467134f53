"""What waits where, over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Delivery
from notification_contracts.channels import CHANNELS
from notification_contracts.lanes import PRIORITIES, delivery_lane, parts_of
from testkit.clock import FrozenClock

Send = Callable[..., Awaitable[str]]
Take = Callable[[], Awaitable[Delivery]]


def lane(pipeline: dict, name: str) -> dict:
    parts = parts_of(name)
    (found,) = (
        each
        for each in pipeline["lanes"]
        if (each["stage"], each["channel"], each["priority"])
        == (parts.stage, parts.channel, parts.priority)
    )
    return found


async def test_all_lanes_are_there_and_empty_at_first(client: httpx.AsyncClient) -> None:
    pipeline = (await client.get("/pipeline")).json()

    assert len(pipeline["lanes"]) == (1 + len(CHANNELS)) * len(PRIORITIES)
    assert {each["channel"] for each in pipeline["channels"]} == set(CHANNELS)
    assert not any(each["is_paused"] for each in pipeline["channels"])
    counts = ("waiting", "in_flight", "retrying", "scheduled", "dead", "oldest_seconds")
    assert [pipeline[name] for name in counts] == [0, 0, 0, 0, 0, None]
    assert pipeline["lanes"][0]["per_second"] is None


async def test_it_counts_what_is_where(
    client: httpx.AsyncClient,
    send: Send,
    take: Take,
    send_and_give_up: Send,
    clock: FrozenClock,
) -> None:
    await send_and_give_up()
    await send()
    await (await take()).retry(timedelta(minutes=1))
    await send()
    await (await take()).forward(delivery_lane("sms", PRIORITIES[1]), b"")
    await send()
    await send(send_at=(clock() + timedelta(hours=1)).isoformat())
    await take()
    await send(priority="high")
    clock.advance(timedelta(seconds=7))

    pipeline = (await client.get("/pipeline")).json()
    backlog = (await client.get("/metrics/backlog")).json()

    assert (pipeline["waiting"], pipeline["in_flight"], pipeline["dead"]) == (2, 1, 1)
    assert (pipeline["retrying"], pipeline["scheduled"]) == (1, 1)
    normal, high = lane(pipeline, "validation.normal"), lane(pipeline, "validation.high")
    assert (normal["waiting"], normal["in_flight"], normal["delayed"]) == (0, 1, 2)
    assert normal["oldest_seconds"] is None
    assert (high["waiting"], high["oldest_seconds"]) == (1, 7.0)
    assert lane(pipeline, "delivery.sms.normal")["waiting"] == 1
    assert backlog == {"waiting": 2, "oldest_seconds": pipeline["oldest_seconds"]}
    assert backlog["oldest_seconds"] > 7.0


async def test_without_its_broker_it_says_so(
    client: httpx.AsyncClient, queue: InMemoryQueue
) -> None:
    queue.is_down = True

    refused = await client.get("/metrics/backlog")

    assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
