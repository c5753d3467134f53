"""Every store of pauses keeps the same promises."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from asyncnotify.local.ports import free_port
from durable_queue.port import QueueUnavailable
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.pauses.port import Pauses
from notification_dispatcher.infrastructure.providers.pauses.redis import RedisPauses
from redis.asyncio import Redis

HOUR = timedelta(hours=1)
NAME = "sms.post"


class PausesContract:
    async def test_a_name_that_was_not_paused_is_not_paused(self, pauses: Pauses) -> None:
        assert await pauses.remaining(NAME) == timedelta(0)

    async def test_a_pause_lasts_as_long_as_was_asked_for(self, pauses: Pauses) -> None:
        await pauses.pause(NAME, HOUR)

        assert HOUR / 2 < await pauses.remaining(NAME) <= HOUR

    async def test_it_is_over_when_its_time_has_come(self, pauses: Pauses) -> None:
        await pauses.pause(NAME, timedelta(milliseconds=50))
        async with asyncio.timeout(60):
            while await pauses.remaining(NAME):
                await asyncio.sleep(0.01)

    async def test_a_later_shorter_one_does_not_shorten_it(self, pauses: Pauses) -> None:
        await pauses.pause(NAME, HOUR)
        await pauses.pause(NAME, timedelta(seconds=1))

        assert await pauses.remaining(NAME) > HOUR / 2

    async def test_a_later_longer_one_prolongs_it(self, pauses: Pauses) -> None:
        await pauses.pause(NAME, timedelta(minutes=1))
        await pauses.pause(NAME, HOUR)

        assert await pauses.remaining(NAME) > HOUR / 2

    async def test_each_name_has_its_own(self, pauses: Pauses) -> None:
        await pauses.pause(NAME, HOUR)

        assert await pauses.remaining("sms.other") == timedelta(0)

    async def test_less_than_a_millisecond_is_no_error(self, pauses: Pauses) -> None:
        await pauses.pause(NAME, timedelta(microseconds=1))


class TestInMemoryPauses(PausesContract):
    @pytest.fixture
    def pauses(self) -> Pauses:
        return InMemoryPauses()

    def test_they_belong_to_one_process(self, pauses: Pauses) -> None:
        assert not pauses.is_shared


class TestRedisPauses(PausesContract):
    @pytest.fixture
    async def pauses(self, redis_url: str) -> AsyncIterator[Pauses]:
        pauses = RedisPauses(redis_url)
        yield pauses
        await pauses.close()

    async def test_another_process_sees_them(self, pauses: Pauses, redis_url: str) -> None:
        other = RedisPauses(redis_url)
        await other.pause(NAME, HOUR)
        await other.close()

        assert pauses.is_shared
        assert await pauses.remaining(NAME) > HOUR / 2

    async def test_systems_that_share_a_redis_do_not_share_pauses(
        self, pauses: Pauses, redis_url: str
    ) -> None:
        other = RedisPauses(redis_url, namespace="other")
        await other.pause(NAME, HOUR)
        await other.close()

        assert await pauses.remaining(NAME) == timedelta(0)

    async def test_a_redis_whose_clock_was_set_back_prolongs_none(
        self, pauses: Pauses, redis_url: str
    ) -> None:
        await pauses.pause(NAME, timedelta(minutes=1))
        async with Redis.from_url(redis_url) as redis:
            await redis.pexpire(f"{{an:0}}:p:{NAME}", timedelta(hours=1))  # as it then looks

        assert await pauses.remaining(NAME) <= timedelta(minutes=1)

    async def test_a_full_redis_still_pauses(self, pauses: Pauses, redis_url: str) -> None:
        async with Redis.from_url(redis_url) as redis:
            await redis.config_set("maxmemory", 1)
            await pauses.pause(NAME, HOUR)
            await redis.config_set("maxmemory", 0)

        assert await pauses.remaining(NAME) > HOUR / 2

    async def test_without_redis_it_says_so(self) -> None:
        pauses = RedisPauses(f"redis://127.0.0.1:{free_port()}")

        with pytest.raises(QueueUnavailable):
            await pauses.remaining(NAME)
        await pauses.close()
