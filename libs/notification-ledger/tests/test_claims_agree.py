"""Claims in Lua and in Python give the same answers, whatever happens in whatever order."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from asyncnotify_prove.wall_clock import WallClock
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import Argument, Reply
from durable_queue.port import QueueUnavailable
from notification_ledger.redis.claims import RedisClaimStore

IDS = ("a", "b")
TOKENS = ("t1", "t2", "t3")
HOPS = (0, 1, 2)
OVER, LASTING = 0, 10_000_000
VERDICTS = ("ack", "forward", "release", "dead", "exhausted", "expire")
STATES = ("waiting", "ended", "dead")
MEMOS = ("", "why")
LANES = ("email", "sms")


def operation(chance: random.Random) -> tuple[Argument, ...]:
    """Make up something that a queue might ask for."""
    name, token, hop = chance.choice(IDS), chance.choice(TOKENS), chance.choice(HOPS)
    lease = chance.choice((OVER, LASTING, LASTING))
    key = chance.choice(("", "k", "k2"))
    memo, uncertain = chance.choice(MEMOS), chance.choice((0, 0, 0, 1))
    return chance.choice(
        (
            ("reserve", name, token, lease, key, chance.choice("fg"), "answer", LASTING),
            ("doubt", name, token),
            ("free", name, token),
            ("recall", "k", "f"),
            ("begin", name, hop, token, lease, 3, 0),
            ("begin", name, hop, token, lease, 3, uncertain),
            ("begin", name, hop, token, lease, 3, 0, chance.choice(LANES)),
            ("record", name),
            ("advance", name, token, hop, lease, chance.choice((0, 1)), chance.choice(LANES)),
            ("advance", name, token, hop, lease, 0, LANES[0], chance.choice(("begun", "far"))),
            ("start", name, token, hop, lease, chance.choice((0, 1))),
            ("start", name, token, hop, lease, 0, chance.choice(("begun", "far"))),
            ("decide", name, token, hop, chance.choice(VERDICTS), lease, 3, memo, uncertain),
            ("explain", name, token, memo),
            ("finish", name, token, hop, chance.choice(VERDICTS)),
            ("settled", name, token, hop, chance.choice(STATES), chance.choice((0, 1))),
            ("renew", name, token, hop, lease),
            ("lose", name, token, 3, lease),
            ("hand_back", name, token),
            ("cancel", name),
            ("move", name, token, lease),
            ("audit", name, hop, uncertain),
        )
    )


def said(reply: Reply) -> tuple[str | int, ...]:
    """Leave out how long a lease still lasts."""
    return ("busy", *reply[2:]) if reply[0] == "busy" else tuple(reply)


@pytest.fixture
async def claims(redis_url: str) -> AsyncIterator[RedisClaimStore]:
    claims = RedisClaimStore(redis_url)
    yield claims
    await claims.close()


@pytest.mark.parametrize("seed", range(40))
async def test_both_stores_reply_alike(claims: RedisClaimStore, seed: int) -> None:
    chance, book = random.Random(seed), ClaimStateMachine()
    story = []
    for _ in range(150):
        asked = operation(chance)
        name, arguments = str(asked[0]), asked[1:]
        replies = said(book.apply(name, *arguments)), said(await claims.run(name, *arguments))
        story.append((asked, *replies))

        assert replies[0] == replies[1], story[-12:]


async def test_calls_at_once_are_answered_each(claims: RedisClaimStore) -> None:
    replies = await asyncio.gather(
        *(claims.run("begin", f"m{n}", 0, f"t{n}", LASTING, 3, 0) for n in range(600))
    )

    assert [tuple(reply) for reply in replies] == [("go", 1, "", 0)] * 600


async def test_claims_go_on_after_redis_has_forgotten_its_scripts(
    claims: RedisClaimStore, redis_server: object
) -> None:
    await claims.run("begin", "m", 0, "t", LASTING, 3, 0)
    redis_server.reset()  # type: ignore[attr-defined]

    assert tuple(await claims.run("begin", "m", 0, "u", LASTING, 3, 0)) == ("go", 1, "", 0)


async def test_claims_end_in_their_time_although_the_clock_was_set_back(
    tmp_path: Path, wall_clock: WallClock
) -> None:
    redis = EmbeddedRedis(tmp_path / "redis", environment=wall_clock.environment)
    await redis.start()
    claims = RedisClaimStore(redis.url)
    lease_ms = 500
    await claims.run("begin", "held", 0, "t1", lease_ms, 3, 0)
    await claims.run("reserve", "sent", "t1", lease_ms, "", "", "", 0)
    wall_clock.set(timedelta(hours=-1))

    async with asyncio.timeout(60):
        while (await claims.run("begin", "held", 0, "t2", lease_ms, 3, 0))[0] != "go":
            await asyncio.sleep(0.05)
        while (await claims.run("reserve", "sent", "t2", lease_ms, "", "", "", 0))[0] != "ok":
            await asyncio.sleep(0.05)
    await claims.close()
    await redis.stop()


async def test_now_is_that_of_redis(tmp_path: Path, wall_clock: WallClock) -> None:
    wall_clock.set(timedelta(hours=2))
    redis = EmbeddedRedis(tmp_path / "redis", environment=wall_clock.environment)
    await redis.start()
    claims = RedisClaimStore(redis.url)
    was_known = claims.is_time_known

    await claims.run("recall", "", "")

    assert (was_known, claims.is_time_known) == (False, True)
    assert abs(claims.now() - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=10)
    await claims.close()
    await redis.stop()


async def test_redis_that_is_away_is_said_to_be() -> None:
    claims = RedisClaimStore("redis://127.0.0.1:1/0")

    with pytest.raises(QueueUnavailable):
        await claims.run("cancel", "m")

    await claims.close()
