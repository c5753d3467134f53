"""A paused channel is left alone by every dispatcher; all else goes on."""

import asyncio
from datetime import timedelta

from notification_contracts.lanes import delivery_lanes
from notification_contracts.states import Status
from notification_ledger.channel_pauses import InMemoryChannelPauses
from notification_ledger.redis.channel_pauses import RedisChannelPauses
from service_kit.epoch import utc_now


async def until_healthy(http, word):
    async with asyncio.timeout(60):
        while word not in (await http.get("/health/ready")).json()["checks"]["workers"].get(
            "delivery.sms", ""
        ):
            await asyncio.sleep(0.02)


async def test_nothing_goes_out_on_a_paused_channel_and_all_of_it_once_it_is_resumed(
    in_memory, outbox
):
    pauses = InMemoryChannelPauses(now=utc_now)
    async with in_memory(pauses=pauses) as (send, http):
        await pauses.pause("sms")
        await until_healthy(http, "paused")
        held = [await send(channel="sms", priority=each) for each in ("low", "normal", "high")]
        other = await send(channel="email")
        await send.until(other, Status.SENT)
        for each in held:
            await send.until(each, Status.VALIDATED)
        metrics = (await http.get("/metrics")).text
        timelines = [len((await send.ledger.get(each)).timeline) for each in held]

        await pauses.resume("sms")
        for each in held:
            await send.until(each, Status.SENT)

        assert timelines == [2, 2, 2]  # queued, validated: nothing is written while it waits
        assert 'dispatcher_channel_paused{channel="sms"} 1.0' in metrics
        assert 'dispatcher_channel_paused{channel="email"} 0.0' in metrics
        first, *_ = await outbox.until(4)
        assert first["trace_id"] == other


async def test_what_expires_while_its_channel_is_paused_is_expired(in_memory):
    pauses = InMemoryChannelPauses(now=utc_now)
    await pauses.pause("sms")
    async with in_memory(pauses=pauses) as (send, http):
        trace_id = await send(channel="sms", expires_at=utc_now() + timedelta(seconds=3))

        record = await send.until(trace_id, Status.EXPIRED)

        assert [entry.status for entry in record.timeline] == ["queued", "validated", "expired"]
        counted = 'dispatcher_expired_while_paused_total{channel="sms"} 1.0'
        async with asyncio.timeout(60):
            while counted not in (await http.get("/metrics")).text:
                await asyncio.sleep(0.02)


async def test_a_pause_holds_for_all_dispatchers_and_for_those_that_start_later(
    on_redis, redis_url, outbox
):
    pauses = RedisChannelPauses(redis_url)
    since = await pauses.pause("sms")
    async with on_redis() as (send, first), on_redis() as (_, second):
        for http in (first, second):
            await until_healthy(http, "paused")
        trace_id = await send(channel="sms")
        await send.until(trace_id, Status.VALIDATED)
        after = await send(channel="email")
        await send.until(after, Status.SENT)
    async with on_redis() as (send, third):
        await until_healthy(third, "paused")
        depths = await send.queue.depths(delivery_lanes("sms"))
        assert sum(depth.waiting for depth in depths.values()) == 1
        assert await pauses.paused() == {"sms": since}

        await pauses.resume("sms")

        await send.until(trace_id, Status.SENT)
    assert await pauses.paused() == {}
    assert len(outbox.lines()) == 2
    await pauses.close()
