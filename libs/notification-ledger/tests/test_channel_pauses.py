"""Every store of channel pauses says the same."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from notification_ledger.channel_pauses import (
    ChannelPauses,
    InMemoryChannelPauses,
    NoChannelPauses,
)
from notification_ledger.opening import open_channel_pauses
from notification_ledger.reading import LedgerUnavailable
from notification_ledger.redis.channel_pauses import RedisChannelPauses
from notification_ledger.settings import Stores
from redis.asyncio import Redis
from service_kit.epoch import utc_now


@pytest.fixture(params=["memory", "redis"])
async def pauses(request: pytest.FixtureRequest) -> AsyncIterator[ChannelPauses]:
    store: ChannelPauses
    if request.param == "memory":
        store = InMemoryChannelPauses(now=utc_now)
    else:
        store = RedisChannelPauses(request.getfixturevalue("redis_url"))
    yield store
    await store.close()


async def test_a_channel_is_paused_once_until_it_is_resumed(pauses: ChannelPauses) -> None:
    assert await pauses.paused() == {}
    since = await pauses.pause("sms")
    await pauses.pause("email")

    assert await pauses.pause("sms") == since
    assert set(await pauses.paused()) == {"sms", "email"}
    assert (await pauses.paused())["sms"] == since

    await pauses.resume("sms")
    await pauses.resume("sms")
    assert set(await pauses.paused()) == {"email"}


async def test_what_somebody_wrote_by_hand_pauses_too(redis: Redis, redis_url: str) -> None:
    await redis.hset("{an:0}:paused", "sms", "since yesterday")
    pauses = RedisChannelPauses(redis_url)

    assert await pauses.paused() == {"sms": datetime(1970, 1, 1, tzinfo=UTC)}
    await pauses.close()


async def test_without_redis_nothing_is_known_and_that_is_said() -> None:
    pauses = RedisChannelPauses("redis://127.0.0.1:1")

    with pytest.raises(LedgerUnavailable):
        await pauses.paused()
    await pauses.close()


@pytest.mark.parametrize(
    ("broker", "ledger", "kind"),
    [
        ("redis://h", "redis://h", RedisChannelPauses),
        ("amqp://h", "redis://h", RedisChannelPauses),
        ("amqp://h", "memory://", NoChannelPauses),
        ("memory://", "memory://", InMemoryChannelPauses),
    ],
)
async def test_they_are_kept_where_the_records_are(broker: str, ledger: str, kind: type) -> None:
    pauses = open_channel_pauses(Stores(broker_url=broker, ledger_url=ledger))

    assert type(pauses) is kind
    await pauses.close()
