"""What the release before wrote is shown as it was, and goes on.

`former_release.json` holds the keys that it left, and what it showed of them.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from durable_queue.port import ControlOutcome
from durable_queue.redis_list.queue import RedisListQueue
from notification_contracts.states import Status
from notification_ledger.reading import NotificationRecord, RecordQuery
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.status_update import StatusUpdate
from redis.asyncio import Redis
from testkit.ledger.harness import DELIVERY, LANES, VALIDATION

LEFT = json.loads((Path(__file__).parent / "former_release.json").read_text())
SHOWN = {record["trace_id"]: record for record in LEFT["records"]}
P = "{an:0}"


@pytest.fixture(autouse=True)
async def former(redis: Redis) -> None:
    """Leave the keys of the release before."""
    for key, (kind, content) in LEFT["keys"].items():
        if kind == "string":
            await redis.set(key, content)
        elif kind == "hash":
            await redis.hset(key, mapping=content)
        elif kind == "list":
            await redis.rpush(key, *content)
        else:
            await redis.zadd(key, dict(content))


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[RedisListQueue]:
    queue = RedisListQueue(redis_url, recorder=lua_recorder())
    yield queue
    await queue.close()


def shown(record: NotificationRecord | None) -> Any:
    return record and json.loads(json.dumps(asdict(record), default=str))


async def everything(ledger: RedisLedger) -> list[Any]:
    return [shown(record) for record in (await ledger.find(RecordQuery(limit=50))).items]


async def counted(ledger: RedisLedger) -> dict[str, int]:
    return {status: count for status, count in (await ledger.count_by_status()).items() if count}


async def test_records_lists_and_counts_are_what_they_were(ledger: RedisLedger) -> None:
    assert await everything(ledger) == LEFT["records"]
    for trace_id, record in SHOWN.items():
        assert shown(await ledger.get(trace_id)) == record
        by = RecordQuery(status=Status(record["status"]), reference=record["reference"])
        assert [each.trace_id for each in (await ledger.find(by)).items] == [trace_id]
    by_status = {status: count for status, count in LEFT["counts"].items() if count}
    assert await counted(ledger) == by_status
    (group,) = (await ledger.dead_letter_groups()).items
    assert json.loads(json.dumps(asdict(group), default=str)) == LEFT["groups"][0]


async def test_the_audit_puts_all_into_the_new_form_and_changes_nothing_shown(
    ledger: RedisLedger, queue: RedisListQueue, redis: Redis
) -> None:
    await queue.heal()

    assert await everything(ledger) == LEFT["records"]
    assert await counted(ledger) == {k: n for k, n in LEFT["counts"].items() if n}
    (group,) = (await ledger.dead_letter_groups()).items
    assert json.loads(json.dumps(asdict(group), default=str)) == LEFT["groups"][0]
    assert [key async for key in redis.scan_iter(f"{P}:x:*")] == []
    assert [key async for key in redis.scan_iter(f"{P}:t:*")] == []
    assert {await redis.type(f"{P}:e:{trace_id}") for trace_id in SHOWN} == {"string"}


@pytest.mark.parametrize("audited", [False, True])
async def test_what_was_under_way_goes_on(
    ledger: RedisLedger, queue: RedisListQueue, redis: Redis, audited: bool
) -> None:
    if audited:
        await queue.heal()
    (queued,) = await queue.receive([VALIDATION], limit=9, wait=timedelta(seconds=30))
    validated = StatusUpdate(status=Status.VALIDATED, channel="email").encode()
    await queued.forward(DELIVERY, validated)
    assert await queue.cancel("scheduled") is ControlOutcome.DONE
    assert await queue.replay("dead") is ControlOutcome.DONE
    assert await queue.delete("dead") is ControlOutcome.REFUSED
    assert await queue.cancel("sent") is ControlOutcome.REFUSED
    await redis.zadd(f"{P}:{DELIVERY}:delay", {"retrying": 1}, xx=True)
    await queue.tick(LANES)
    found = await queue.receive([DELIVERY], limit=9, wait=timedelta(seconds=1))
    by_id = {each.id: each for each in found}

    assert (queued.id, queued.body) == ("queued", b'{"name": "queued"}')
    assert {"queued", "retrying", "dead"} <= by_id.keys()
    retrying = by_id["retrying"]
    assert (retrying.attempt, retrying.progress) == (2, "half\tway")
    await retrying.start()
    await retrying.ack(StatusUpdate(status=Status.SENT, provider="post").encode())
    record = await ledger.get("retrying")
    assert record is not None
    assert [entry.status for entry in record.timeline][-2:] == ["sending", "sent"]
    before = SHOWN["retrying"]["timeline"]
    assert shown(record)["timeline"][: len(before)] == before


async def test_leases_of_its_workers_are_still_theirs(
    ledger: RedisLedger, queue: RedisListQueue, redis: Redis
) -> None:
    tokens = {name: LEFT["keys"][f"{P}:e:{name}"][1]["tok"] for name in ("sending", "leased")}
    script = queue._runner.run
    done = StatusUpdate(status=Status.SENT, provider="post", message_id="pm-9").encode()

    assert await script("settle", "sending", tokens["sending"], "ack", done) == b"OK"
    assert await script("settle", "sending", tokens["sending"], "ack", done) == b"OK"
    assert await script("start", "leased", "another", b"", "resend") == b"LOST"
    assert await script("start", "leased", tokens["leased"], b"", "resend") == b"OK"
    assert await ledger.report_receipt("post", "pm-9", StatusUpdate(status=Status.DELIVERED))
    assert await ledger.report_receipt("post", "pm-1", StatusUpdate(status=Status.DELIVERED))
    page = await ledger.find(RecordQuery(status=Status.DELIVERED))
    assert [each.trace_id for each in page.items] == ["sending", "delivered", "sent"]


async def test_what_had_ended_is_forgotten(
    ledger: RedisLedger, queue: RedisListQueue, redis: Redis
) -> None:
    await queue.heal()
    later = datetime.now(UTC) + timedelta(days=1)

    assert await ledger.forget(later, limit=0, dry_run=True) == 4
    assert await ledger.forget(later, limit=10) == 4

    left = {record["trace_id"] for record in await everything(ledger)}
    assert left == SHOWN.keys() - {"sent", "delivered", "cancelled", "deleted"}
    assert [key async for key in redis.scan_iter(f"{P}:m:*")] == []
