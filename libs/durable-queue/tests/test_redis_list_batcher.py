"""Calls of one tick of the loop share a pipeline, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.connections import connector
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from testkit.redis_list_harness import PATIENT


@pytest.fixture
async def batcher(redis_url: str) -> AsyncIterator[Batcher]:
    batcher = Batcher(connector(redis_url, PATIENT.call_timeout), timeout=PATIENT.call_timeout)
    await batcher.call("PING")
    yield batcher
    await batcher.close()


class ClosedTransport:
    """A connection whose transport was closed behind its back, as uvloop tells of it."""

    is_connected = True

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def send_packed_command(self, commands: list[bytes], *, check_health: bool) -> None:
        raise self._error

    async def disconnect(self, *, nowait: bool) -> None:
        pass


@pytest.mark.parametrize("error", [RuntimeError("the handler is closed"), KeyError("a bug")])
async def test_call_never_waits_for_ever_whatever_goes_wrong(error: Exception) -> None:
    batcher = Batcher(lambda: ClosedTransport(error), timeout=timedelta(seconds=1.5))  # type: ignore[arg-type,return-value]

    async with asyncio.timeout(60):
        replies = await asyncio.gather(
            *(batcher.call("PING") for _ in range(3)), return_exceptions=True
        )

    assert [type(reply) for reply in replies] == [RedisConnectionError] * 3


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


async def reads(redis: Redis) -> int:
    """Return how often Redis read from a socket."""
    return int((await redis.info("stats"))["total_reads_processed"])


async def test_calls_of_one_tick_are_sent_together(batcher: Batcher, redis: Redis) -> None:
    before = await reads(redis)

    replies = await asyncio.gather(*(batcher.call("ECHO", str(number)) for number in range(200)))

    assert replies == [str(number).encode() for number in range(200)]
    assert await reads(redis) - before <= 3


async def test_refused_command_fails_alone(batcher: Batcher) -> None:
    calls = [batcher.call("PING"), batcher.call("NONSENSE"), batcher.call("PING")]

    first, refused, last = await asyncio.gather(*calls, return_exceptions=True)

    assert (first, last) == (b"PONG", b"PONG")
    assert isinstance(refused, ResponseError)


async def test_cancelled_call_is_made_and_harms_no_other(batcher: Batcher, redis: Redis) -> None:
    cancelled = batcher.call("SET", "key", "value")
    other = batcher.call("ECHO", "other")
    cancelled.cancel()

    assert await other == b"other"
    assert await redis.get("key") == b"value"


async def test_big_calls_are_spread_over_pipelines(batcher: Batcher) -> None:
    values = [bytes([number]) * 700_000 for number in range(8)]

    assert await asyncio.gather(*(batcher.call("ECHO", value) for value in values)) == values


async def test_call_that_must_not_be_repeated_fails(batcher: Batcher, redis: Redis) -> None:
    await redis.client_kill_filter(_type="normal", skipme=True)
    once = batcher.call("INCR", "once", is_repeatable=False)
    again = batcher.call("INCR", "again")

    outcomes = await asyncio.gather(once, again, return_exceptions=True)

    assert isinstance(outcomes[0], Exception)
    assert (outcomes[1], again.was_repeated) == (1, True)
