"""How Redis keeps the messages that providers took, and receipts of messages that none has."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from durable_queue.port import Change
from notification_contracts.states import Status
from notification_ledger.reading import Target
from notification_ledger.redis import RedisLedger
from notification_ledger.status_update import StatusUpdate
from redis.asyncio import Redis
from testkit.ledger.harness import recorded


async def test_messages_are_known_as_long_as_their_notification(
    redis: Redis, ledger: RedisLedger
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED))
    target = Target(target="#2", outcome="accepted", provider="fcm", message_id="projects/x/1")
    sent = StatusUpdate(
        status=Status.SENT, provider="twilio", message_id="SM1", targets=(target,), tags=("a", "b")
    )
    await ledger.record(recorded("one", Change.DONE, sent.encode()))

    assert await redis.get("{an:0}:m:twilio\tSM1") == "one\tof one"
    assert await redis.get("{an:0}:m:fcm\tprojects/x/1") == "one\tof one"
    assert await redis.zrange("{an:0}:g:b", 0, -1) == ["one"]

    await ledger.forget(datetime.now(UTC) + timedelta(hours=1), limit=10)
    assert await redis.keys("{an:0}:[mgfxute]:*") == []


async def test_message_of_a_line_that_the_timeline_lost_is_forgotten(
    redis: Redis, ledger: RedisLedger
) -> None:
    await ledger.record(recorded("one", Change.ENQUEUED))
    for number in range(60):
        words = StatusUpdate(
            status=Status.RETRYING, provider="p", message_id=f"m{number}", detail="d" * 300
        )
        await ledger.record(recorded("one", Change.RETRIED, words.encode()))

    again = StatusUpdate(status=Status.RETRYING, provider="p", message_id="m0")
    for number in range(100):  # the first attempt's line stays, its receipts' lines go
        words = replace(again, detail=f"{number}".ljust(300, "d"))
        assert await ledger.report_receipt("p", "m0", words)

    record = await ledger.get("one")
    assert record is not None
    told = {entry.message_id for entry in record.timeline} - {None}
    known = {str(key).partition("\t")[2] for key in await redis.keys("{an:0}:m:*")}
    assert known == told
    assert "m0" in told
    assert len(told) < 60


async def test_receipt_of_nothing_known_waits_for_ten_minutes(
    redis: Redis, ledger: RedisLedger
) -> None:
    for number in range(20):
        words = StatusUpdate(status=Status.DELIVERED, detail=str(number))
        assert not await ledger.report_receipt("twilio", "SM1", words)

    waits_ms = await redis.pttl("{an:0}:r:twilio\tSM1")
    assert 0 < waits_ms <= 600_000
    assert await redis.llen("{an:0}:r:twilio\tSM1") == 16
