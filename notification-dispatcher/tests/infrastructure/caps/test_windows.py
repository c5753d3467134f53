"""Every store of sliding windows keeps the same promises."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from asyncnotify.local.ports import free_port
from durable_queue.port import QueueUnavailable
from notification_dispatcher.infrastructure.caps.memory import InMemoryWindows
from notification_dispatcher.infrastructure.caps.port import SlidingWindows, Window
from notification_dispatcher.infrastructure.caps.redis import RedisWindows
from redis.asyncio import Redis

HOUR = timedelta(hours=1)
NO_WAIT = timedelta(0)


class Clock:
    """Seconds that pass only by `advance`."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


def window(name="w", *, limit=2, period=HOUR):
    return Window(name=name, limit=limit, period=period)


class WindowsContract:
    async def test_there_is_room_up_to_the_limit(self, windows: SlidingWindows) -> None:
        for member in ("a", "b"):
            assert await windows.enter(member, [window()]) == [NO_WAIT]

        [wait] = await windows.enter("c", [window()])

        assert HOUR / 2 < wait <= HOUR

    async def test_a_member_is_counted_once(self, windows: SlidingWindows) -> None:
        for member in ("a", "a", "a", "b", "a", "b"):
            assert await windows.enter(member, [window()]) == [NO_WAIT]

    async def test_there_is_room_again_when_one_has_left(self, windows: SlidingWindows) -> None:
        short = window(limit=1, period=timedelta(milliseconds=50))
        await windows.enter("a", [short])
        async with asyncio.timeout(60):
            while any(await windows.enter("b", [short])):
                await asyncio.sleep(0.01)

    async def test_one_enters_all_windows_or_none(self, windows: SlidingWindows) -> None:
        full, roomy = window("full", limit=1), window("roomy", limit=1)
        await windows.enter("a", [full])

        waits = await windows.enter("b", [roomy, full])

        assert (waits[0], bool(waits[1])) == (NO_WAIT, True)
        assert await windows.enter("c", [roomy]) == [NO_WAIT]

    async def test_each_name_is_a_window_of_its_own(self, windows: SlidingWindows) -> None:
        await windows.enter("a", [window("one", limit=1)])

        assert await windows.enter("b", [window("other", limit=1)]) == [NO_WAIT]

    async def test_a_limit_that_was_lowered_counts_at_once(self, windows: SlidingWindows) -> None:
        for member in "abcde":
            await windows.enter(member, [window(limit=5)])

        assert all(await windows.enter("f", [window(limit=2)]))

    async def test_many_at_once_take_no_more_than_there_is(self, windows: SlidingWindows) -> None:
        small = window(limit=7)

        waits = await asyncio.gather(*(windows.enter(str(n), [small]) for n in range(50)))

        assert sum(wait == [NO_WAIT] for wait in waits) == 7


class TestInMemoryWindows(WindowsContract):
    @pytest.fixture
    def windows(self) -> SlidingWindows:
        return InMemoryWindows()

    def test_each_process_counts_for_itself(self, windows: SlidingWindows) -> None:
        assert not windows.is_shared

    async def test_one_who_comes_again_stays_longer(self) -> None:
        clock = Clock()
        windows = InMemoryWindows(monotonic=clock)
        await windows.enter("a", [window()])
        clock.advance(1800)
        await windows.enter("b", [window()])
        await windows.enter("a", [window()])
        clock.advance(60)

        assert await windows.enter("c", [window()]) == [timedelta(minutes=59)]

    async def test_windows_that_nobody_is_in_are_forgotten(self) -> None:
        clock = Clock()
        windows = InMemoryWindows(monotonic=clock)
        for number in range(3000):
            await windows.enter("a", [window(f"address {number}")])
            clock.advance(3600)

        assert len(windows._windows) <= 1001


class TestRedisWindows(WindowsContract):
    @pytest.fixture
    async def windows(self, redis_url: str) -> AsyncIterator[SlidingWindows]:
        windows = RedisWindows(redis_url)
        yield windows
        await windows.close()

    async def test_other_processes_count_in_the_same_windows(
        self, windows: SlidingWindows, redis_url: str
    ) -> None:
        other = RedisWindows(redis_url)
        rivals = [(windows, f"a{n}") for n in range(20)] + [(other, f"b{n}") for n in range(20)]

        waits = await asyncio.gather(
            *(each.enter(member, [window(limit=5)]) for each, member in rivals)
        )
        await other.close()

        assert windows.is_shared
        assert sum(wait == [NO_WAIT] for wait in waits) == 5

    async def test_systems_that_share_a_redis_do_not_share_windows(
        self, windows: SlidingWindows, redis_url: str
    ) -> None:
        other = RedisWindows(redis_url, namespace="other")
        await other.enter("a", [window(limit=1)])
        await other.close()

        assert await windows.enter("b", [window(limit=1)]) == [NO_WAIT]

    async def test_no_wait_is_longer_than_the_period_when_the_clock_was_set_back(
        self, windows: SlidingWindows, redis_url: str
    ) -> None:
        await windows.enter("a", [window(limit=1)])
        async with Redis.from_url(redis_url) as redis:
            await redis.zincrby("{an:0}:w:w", 10 * 3_600_000, "a")  # as it then looks

        [wait] = await windows.enter("b", [window(limit=1)])

        assert NO_WAIT < wait <= HOUR

    async def test_what_was_counted_goes_by_itself(
        self, windows: SlidingWindows, redis_url: str
    ) -> None:
        await windows.enter("a", [window(period=timedelta(milliseconds=30))])
        async with Redis.from_url(redis_url) as redis, asyncio.timeout(60):
            while await redis.exists("{an:0}:w:w"):
                await asyncio.sleep(0.01)

    async def test_without_redis_it_says_so(self) -> None:
        windows = RedisWindows(f"redis://127.0.0.1:{free_port()}")

        with pytest.raises(QueueUnavailable):
            await windows.enter("a", [window()])
        await windows.close()
