"""What has ended gives way to what waits when Redis is nearly full."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import httpx
import redis
from durable_queue.port import Change
from durable_queue.recorder import ChangeEvent
from notification_contracts.states import Status
from notification_contracts.trace_ids import TraceId, new_trace_id
from notification_ledger.redis import RedisLedger
from notification_ledger.status_update import StatusUpdate
from testkit.redis_server import RedisServer

ASKED = {"user_id": "user_test", "message": "hello"}
NOTE = StatusUpdate(status=Status.SENT, user_id="u", detail="x" * 1000).encode()


class Publish(Protocol):
    def __call__(
        self, broker_url: str, **settings: object
    ) -> AbstractAsyncContextManager[httpx.AsyncClient]: ...


async def end(ledger: RedisLedger, count: int, change: Change = Change.DONE) -> list[TraceId]:
    trace_ids = [new_trace_id() for _ in range(count)]

    async def tell(trace_id: str) -> None:
        for each in (Change.ENQUEUED, change):
            note = NOTE if each is change else b""
            events: Any = {"message_id": trace_id, "lane": "delivery.sms.normal", "note": note}
            await ledger.record(
                ChangeEvent(change=each, at=datetime.now(UTC), due_at=None, **events)
            )

    await asyncio.gather(*(tell(trace_id) for trace_id in trace_ids))
    return trace_ids


async def test_redis_that_is_full_of_what_has_ended_goes_on_accepting(
    publisher: Publish, redis_url: str, redis_server: RedisServer
) -> None:
    ledger = RedisLedger(redis_url)
    (dead,) = await end(ledger, 1, Change.POISONED)
    ended = await end(ledger, 500)
    with redis.Redis.from_url(redis_server.url) as admin:
        admin.config_set("maxmemory", admin.info("memory")["used_memory"] - 1)

        async with publisher(redis_url) as client, asyncio.timeout(60):
            refused = await client.post("/notifications", json=ASKED)
            while (await client.post("/notifications", json=ASKED)).status_code != 202:
                await asyncio.sleep(0.05)
            checks = (await client.get("/health/ready")).json()["checks"]
            metrics = (await client.get("/metrics")).text

    kept = [each for each in ended if await ledger.get(each)]
    assert refused.status_code == 503
    assert len(kept) < len(ended)
    assert kept == ended[-len(kept) :] if kept else True
    assert await ledger.get(dead) is not None
    assert "of maxmemory" in checks["ledger"]["memory"]
    assert "ledger_forgotten_early_total 0.0" not in metrics
    await ledger.close()


async def test_what_ended_long_ago_is_forgotten_when_asked(
    patient_publisher: Publish, redis_url: str
) -> None:
    ledger = RedisLedger(redis_url)
    ended = await end(ledger, 3)
    async with patient_publisher(redis_url) as client:
        wish = {"before": "2999-01-01T00:00:00Z", "dry_run": True}
        counted = await client.post("/notifications/forget", json=wish)
        early = await client.post("/notifications/forget", json={"before": "2001-01-01T00:00:00Z"})
        done = await client.post("/notifications/forget", json={"before": wish["before"]})
        missing = await client.post("/notifications/forget", json={})
        shown = await client.get(f"/notifications/{ended[0]}")

    assert counted.json() == {"forgotten": 3, "more": False, "dry_run": True}
    assert early.json()["forgotten"] == 0
    assert done.json() == {"forgotten": 3, "more": False, "dry_run": False}
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (422, "/before")
    assert shown.status_code == 404
    await ledger.close()


async def test_what_is_overdue_is_shown(patient_publisher: Publish, redis_url: str) -> None:
    ledger = RedisLedger(redis_url)
    late = datetime.now(UTC) - timedelta(hours=1)
    events: Any = {"message_id": new_trace_id(), "lane": "delivery.sms.normal", "note": NOTE}
    await ledger.record(ChangeEvent(change=Change.RETRIED, at=late, due_at=late, **events))
    async with patient_publisher(redis_url) as client, asyncio.timeout(60):
        while (await _ledger_check(client)).get("overdue") != "1":
            await asyncio.sleep(0.05)
        metrics = (await client.get("/metrics")).text

    assert "ledger_overdue 1.0" in metrics
    await ledger.close()


async def _ledger_check(client: httpx.AsyncClient) -> dict[str, str]:
    checks: dict[str, dict[str, str]] = (await client.get("/health/ready")).json()["checks"]
    return checks["ledger"]
