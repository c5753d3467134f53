"""Accepting on a real Redis: one atomic step, once per key, and never a 202 for nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol

import httpx
import pytest
import redis
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify_prove.tcp_proxy import TcpProxy
from durable_queue.factory import open_queue
from durable_queue.port import Queue, UnsafeBroker
from notification_contracts.codec import decode
from notification_contracts.lanes import validation_lanes
from notification_ledger.redis import lua_recorder
from testkit.failover import RedisPair
from testkit.redis_server import RedisServer

ASKED = {"user_id": "user_test", "message": "your purchase was completed successfully"}
WITHIN_S = 30
WITHIN_CEILING_S = 60

Configure = Callable[[str, str], None]

on_both_roads = pytest.mark.parametrize("publisher", ["general", "hot"], indirect=True)


class Publish(Protocol):
    def __call__(
        self, broker_url: str, **settings: object
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


@pytest.fixture
def configure(redis_server: RedisServer) -> Configure:
    """Change a setting of Redis; it is undone before the next test."""

    def set_to(name: str, value: str) -> None:
        with redis.Redis.from_url(redis_server.url) as connection:
            connection.config_set(name, value)

    return set_to


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    queue = open_queue(redis_url, recorder=lua_recorder())
    yield queue
    await queue.close()


async def insist(client: httpx.AsyncClient, asked: dict[str, str]) -> tuple[httpx.Response, int]:
    """Post under one key as clients do, again after a 503; return the answer, and how many 503.

    It is one when this machine stands still for longer than Redis may take. What it was for may
    have been accepted.
    """
    refused, headers = 0, {"Idempotency-Key": "order-4711"}
    while True:
        answer = await client.post("/notifications", json=asked, headers=headers)
        if answer.status_code != 503:
            return answer, refused
        refused += 1


@on_both_roads
async def test_a_202_means_that_record_and_queue_entry_are_there(
    publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with publisher(redis_url) as client:
        asked = ASKED | {"priority": "high"}
        while (answer := await client.post("/notifications", json=asked)).status_code == 503:
            pass  # see `insist`; without a key each is another one
        shown = (await client.get(answer.headers["Location"])).json()

    trace_id, delivery = answer.json()["trace_id"], None
    while delivery is None or delivery.id != trace_id:
        [delivery] = await queue.receive(["validation.high"], limit=1, wait=timedelta(seconds=30))
    assert (shown["status"], shown["user_id"]) == ("queued", "user_test")
    assert shown["trace_id"] == trace_id
    assert decode(delivery.body).message == ASKED["message"]


@on_both_roads
async def test_a_hundred_posts_at_once_under_one_key_are_one_notification(
    publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with publisher(redis_url) as client:
        told = await asyncio.gather(*(insist(client, ASKED) for _ in range(100)))

    answers = [answer for answer, _ in told]
    first = sum("Idempotent-Replayed" not in answer.headers for answer in answers)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert first == 1 or (first == 0 and any(refused for _, refused in told))
    depths = await queue.depths(validation_lanes())
    assert sum(depth.waiting for depth in depths.values()) == 1


async def test_an_honest_repetition_is_answered_after_its_times_have_passed(
    publisher: Publish, redis_url: str
) -> None:
    headers = {"Idempotency-Key": "k"}
    async with publisher(redis_url) as client:
        expires_at = "2999-01-01T00:00:00Z"
        asked = ASKED | {"expires_at": expires_at}
        first = await client.post("/notifications", json=asked, headers=headers)
        late = ASKED | {"expires_at": "2000-01-01T00:00:00Z"}

        other = await client.post("/notifications", json=late, headers=headers)
        unknown = await client.post(
            "/notifications", json=late, headers={"Idempotency-Key": "another"}
        )

    assert first.status_code == 202
    assert other.json()["code"] == "idempotency_key_reused"
    assert unknown.json()["errors"][0]["code"] == "in_the_past"


@on_both_roads
async def test_a_lost_reply_makes_neither_an_error_nor_a_second_notification(
    publisher: Publish, redis_url: str, queue: Queue
) -> None:
    async with TcpProxy(redis_url) as proxy, publisher(proxy.url) as client:
        await client.post("/notifications", json=ASKED)
        proxy.reset_after(3)

        answer = await client.post("/notifications", json=ASKED, headers={"Idempotency-Key": "k"})

    assert answer.status_code == 202
    assert "Idempotent-Replayed" not in answer.headers
    depths = await queue.depths(validation_lanes())
    assert sum(depth.waiting for depth in depths.values()) == 2


@on_both_roads
async def test_without_redis_there_is_a_503_soon_and_a_202_again_by_itself(
    publisher: Publish, private_redis: EmbeddedRedis
) -> None:
    clock = asyncio.get_running_loop().time
    async with publisher(private_redis.url) as client:
        kept = (await client.post("/notifications", json=ASKED)).headers["Location"]
        await private_redis.kill()
        for _ in range(3):
            started = clock()
            refused = await client.post("/notifications", json=ASKED)
            assert clock() - started < WITHIN_S
            assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
            assert int(refused.headers["Retry-After"]) >= 1
        assert (await client.get("/health/ready")).status_code == 503

        await private_redis.start()

        async with asyncio.timeout(60):
            while (await client.post("/notifications", json=ASKED)).status_code != 202:
                await asyncio.sleep(0.1)
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get(kept)).json()["status"] == "queued"


async def test_a_redis_that_does_not_answer_is_a_503_soon(
    publisher: Publish, redis_url: str
) -> None:
    clock = asyncio.get_running_loop().time
    async with TcpProxy(redis_url) as proxy, publisher(proxy.url) as client:
        proxy.blackhole()
        started = clock()

        answer = await client.post("/notifications", json=ASKED)

        assert clock() - started < WITHIN_S
        assert answer.status_code == 503
        proxy.heal()


async def test_a_redis_that_is_full_is_a_503_and_a_202_again_once_there_is_room(
    publisher: Publish, redis_url: str, configure: Configure
) -> None:
    async with publisher(redis_url) as client:
        configure("maxmemory", "1")
        refused = await client.post("/notifications", json=ASKED)
        unready = await client.get("/health/ready")
        configure("maxmemory", "0")
        taken = await client.post("/notifications", json=ASKED)

    assert (refused.status_code, refused.json()["code"]) == (503, "queue_unavailable")
    assert (unready.status_code, taken.status_code) == (503, 202)


async def test_what_a_full_redis_has_can_still_be_seen_and_cancelled(
    publisher: Publish, redis_url: str, configure: Configure
) -> None:
    async with publisher(redis_url) as client:
        kept = (await client.post("/notifications", json=ASKED)).headers["Location"]
        configure("maxmemory", "1")
        listed = await client.get("/notifications")
        cancelled = await client.delete(kept)

    assert [item["status"] for item in listed.json()["items"]] == ["queued"]
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


async def test_a_redis_that_would_lose_messages_keeps_the_service_from_starting(
    publisher: Publish, redis_url: str, configure: Configure
) -> None:
    configure("appendonly", "no")

    with pytest.raises(UnsafeBroker, match="appendonly"):
        async with publisher(redis_url):
            pass


async def test_a_redis_that_would_lose_messages_may_be_allowed_and_is_reported(
    publisher: Publish, redis_url: str, configure: Configure
) -> None:
    configure("appendonly", "no")

    async with publisher(redis_url, allow_volatile=True) as client:
        answer = await client.post("/notifications", json=ASKED)
        ready = await client.get("/health/ready")

    assert answer.status_code == 202
    assert "appendonly is no" in ready.json()["checks"]["queue"]["faults"]


@pytest.mark.parametrize(
    ("setting", "unsafe", "safe"),
    [("appendonly", "no", "yes"), ("maxmemory-policy", "allkeys-lru", "noeviction")],
)
async def test_a_redis_that_becomes_unsafe_gets_nothing_more_until_it_is_set_right(
    publisher: Publish, redis_url: str, configure: Configure, setting: str, unsafe: str, safe: str
) -> None:
    async with publisher(redis_url) as client:
        assert await _status_of_a_post(client) == 202

        configure(setting, unsafe)
        await _until_a_post_gives(503, client)
        refused = {await _status_of_a_post(client) for _ in range(20)}
        metrics = (await client.get("/metrics")).text
        configure(setting, safe)
        await _until_a_post_gives(202, client)

    assert refused == {503}
    assert "broker_safe 0.0" in metrics


async def _status_of_a_post(client: httpx.AsyncClient) -> int:
    return (await client.post("/notifications", json=ASKED)).status_code


async def _until_a_post_gives(status: int, client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(WITHIN_CEILING_S):
        while await _status_of_a_post(client) != status:
            await asyncio.sleep(0.1)


async def test_the_service_starts_before_its_redis(
    publisher: Publish, private_redis: EmbeddedRedis
) -> None:
    await private_redis.stop()
    async with publisher(private_redis.url) as client:
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.post("/notifications", json=ASKED)).status_code == 503

        await private_redis.start()

        async with asyncio.timeout(60):
            while (await client.post("/notifications", json=ASKED)).status_code != 202:
                await asyncio.sleep(0.1)


async def test_after_a_failover_it_accepts_where_the_name_leads_although_the_old_one_is_up(
    publisher: Publish, redis_pair: RedisPair
) -> None:
    async with publisher(redis_pair.url) as client:
        kept = (await client.post("/notifications", json=ASKED)).headers["Location"]
        await redis_pair.fail_over()
        await _until_a_post_gives(503, client)
        ready = await client.get("/health/ready")

        redis_pair.move_name()
        await _until_a_post_gives(202, client)
        ready_again = await client.get("/health/ready")
        shown = await client.get(kept)

    assert "replica" in ready.json()["checks"]["queue"]["error"]
    assert (ready.status_code, ready_again.status_code) == (503, 200)
    assert shown.status_code == 200
