"""A provider that asks for no further call gets none from any dispatcher, at no attempt's cost."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta

from notification_contracts.states import Reason
from notification_providers.memory import InMemoryProvider
from notification_providers.port import Accepted, Repeating, TransientFailure
from notification_providers.urls import Limits

HOUR = timedelta(hours=1)


@dataclass
class ThrottlingProvider:
    """Asks for no further call at the first message; keeps when it was called."""

    retry_after: timedelta
    name: str = "post"
    repeating: Repeating = Repeating.NEITHER
    asked_at: list[float] = field(default_factory=list)

    async def send(self, message):
        self.asked_at.append(time.monotonic())
        if len(self.asked_at) > 1:
            return Accepted()
        return TransientFailure(
            reason=Reason.RATE_LIMITED, detail="429", retry_after=self.retry_after
        )

    async def close(self):
        """Close nothing."""


async def test_two_dispatchers_pause_a_provider_until_its_time_has_come(on_redis):
    provider = ThrottlingProvider(retry_after=timedelta(seconds=3))
    providers = {"email": [(provider, Limits())]}
    async with on_redis(providers=providers) as (send, _), on_redis(providers=providers):
        first = await send()
        await send.until(first, "retrying")
        others = [await send() for _ in range(20)]
        records = [await send.until(each, "sent", "failed", seconds=60) for each in others]
        records.append(await send.until(first, "sent", "failed", seconds=60))

    assert {(record.status, record.attempts) for record in records} == {("sent", 1)}
    assert provider.asked_at[1] - provider.asked_at[0] >= 2.99  # kept in ms
    assert len(provider.asked_at) == 22


async def test_the_timeline_says_who_had_it_wait_and_why(on_redis):
    provider = ThrottlingProvider(retry_after=timedelta(seconds=1))
    async with on_redis(providers={"email": [(provider, Limits())]}) as (send, _):
        trace_id = await send()
        record = await send.until(trace_id, "sent", "failed", seconds=60)

    assert [(entry.status, entry.reason, entry.provider) for entry in record.timeline] == [
        ("queued", None, None),
        ("validated", None, None),
        ("sending", None, "post"),
        ("retrying", "rate_limited", "post"),
        ("sending", None, "post"),
        ("sent", None, "post"),
    ]


async def test_a_second_provider_takes_all_while_the_first_is_paused(on_redis):
    first, second = ThrottlingProvider(retry_after=HOUR), InMemoryProvider(name="spare")
    providers = {"email": [(first, Limits()), (second, Limits())]}
    async with on_redis(providers=providers) as (send, _), on_redis(providers=providers):
        await send.until(await send(), "sent")
        sent = [await send() for _ in range(20)]
        for trace_id in sent:
            await send.until(trace_id, "sent", seconds=60)

    assert len(first.asked_at) == 1
    assert len(second.sent) == 21


async def test_a_dispatcher_that_starts_later_sees_the_pause_and_shows_it(on_redis):
    provider = ThrottlingProvider(retry_after=HOUR)
    providers = {"email": [(provider, Limits())]}
    async with on_redis(providers=providers) as (send, _):
        await send.until(await send(), "retrying")
    async with on_redis(providers=providers) as (send, http):
        waiting = await send()
        async with asyncio.timeout(60):
            while (await send.ledger.get(waiting)).reason != "rate_limited":
                await asyncio.sleep(0.02)
        shown = (await http.get("/health/ready")).json()["checks"]["providers"]
        metrics = (await http.get("/metrics")).text

    assert len(provider.asked_at) == 1
    assert "paused until" in shown["email.post"]
    assert shown["pauses are kept by"] == "all dispatchers"
    assert 'dispatcher_provider_paused_seconds{channel="email",provider="post"} 35' in metrics


async def test_a_retry_after_beyond_the_maximum_is_cut(on_redis):
    provider = ThrottlingProvider(retry_after=timedelta(days=1))
    providers = {"email": [(provider, Limits())]}
    async with on_redis(providers=providers, PROVIDER_RETRY_AFTER_MAX_SECONDS=1) as (send, _):
        record = await send.until(await send(), "sent", "failed", seconds=60)

    assert record.status == "sent"
