"""From every state in which a claim can be, every operation does the same in Lua and in Python."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from durable_queue.claims.claim import Claim
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import Argument, Reply, State
from notification_ledger.redis.claims import RedisClaimStore
from redis.asyncio import Redis

OVER, LASTING = -10_000, 10_000_000
MOST = 3
PREFIX = "{an:0}:q:"
# What a state can come with; all else has no say in it.
VARIANTS: Mapping[State, tuple[Mapping[str, object], ...]] = {
    State.RESERVED: ({"key": "k"},),
    State.WAITING: (
        {},
        {"lane": "sms"},
        {"verdict": "retry"},
        {"verdict": "release", "is_moving_on": True},
    ),
    State.LEASED: ({}, {"hold": True}, {"lane": "email"}),
    State.STARTED: ({}, {"hold": True}, {"lane": "email"}, {"lane": "sms"}),
    State.SETTLING: (
        {"verdict": "retry"},
        {"verdict": "release", "is_moving_on": True},
        {"verdict": "dead", "memo": "why"},
        {"verdict": "poison"},
        {"verdict": "ambiguous", "hold": True},
        {"verdict": "ambiguous", "hold": True, "lane": "sms"},
    ),
    State.MOVING: ({},),
    State.DEAD: ({"verdict": "dead"},),
    State.ENDED: ({"verdict": "ack"}, {"verdict": "retry"}),
    State.CANCELLED: ({},),
}
# Each asks for revision 1, by the token "t".
OPERATIONS: tuple[tuple[Argument, ...], ...] = (
    ("reserve", "t", LASTING, "", "", "", 0),
    ("doubt", "t"),
    ("free", "t"),
    ("begin", 1, "t", LASTING, MOST, 0),
    ("begin", 1, "t", LASTING, MOST, 1),
    ("begin", 1, "t", LASTING, MOST, 0, "email"),
    ("begin", 2, "t", LASTING, MOST, 0, "email"),
    ("record",),
    ("advance", "t", 1, LASTING, 1, "email"),
    ("advance", "t", 1, LASTING, 0, "email", "far"),
    ("start", "t", 1, LASTING, 0),
    ("start", "t", 1, LASTING, 1),
    ("start", "t", 1, LASTING, 0, "far"),
    ("decide", "t", 1, "retry", LASTING, MOST, "", 0),
    ("decide", "t", 1, "release", LASTING, MOST, "", 0),
    ("decide", "t", 1, "dead", LASTING, MOST, "why", 1),
    ("explain", "t", "why"),
    ("finish", "t", 1, "ack"),
    ("settled", "t", 2, "waiting", 0),
    ("settled", "t", 1, "waiting", 1),
    ("settled", "t", 1, "dead", 0),
    ("settled", "t", 1, "ended", 0),
    ("renew", "t", 1, LASTING),
    ("lose", "t", MOST, LASTING),
    ("hand_back", "t"),
    ("cancel",),
    ("move", "t", LASTING),
    ("audit", 1, 0),
    ("audit", 1, 1),
)


def claims(now: int) -> Iterator[Claim | None]:
    yield None
    dimensions = product((0, 1, 2), ("t", "other"), (OVER, LASTING), (1, MOST), (False, True))
    for revision, token, period, deliveries, is_uncertain in dimensions:
        for state, variants in VARIANTS.items():
            for variant in variants:
                claim = Claim(
                    state,
                    revision=revision,
                    token=token,
                    until=now + period,
                    deliveries=deliveries,
                    is_uncertain=is_uncertain,
                    progress="begun" if is_uncertain else "",
                )
                yield replace(claim, **variant)  # type: ignore[arg-type]  # by name


def fields(claim: Claim) -> dict[str, str]:
    """Return a claim as Redis keeps it."""
    return {
        "st": claim.state,
        "hop": str(claim.revision),
        "tok": claim.token,
        "un": str(claim.until),
        "dl": str(claim.deliveries),
        "vd": claim.verdict,
        "mv": str(int(claim.is_moving_on)),
        "ho": str(int(claim.hold)),
        "key": claim.key,
        "mm": claim.memo,
        "uc": str(int(claim.is_uncertain)),
        "pg": claim.progress,
        "ln": claim.lane,
    }


def shown(kept: Mapping[str, str], now: int) -> dict[str, object]:
    """Return what of a claim must agree: of its end, only whether it lies far ahead.

    Redis need not keep what says nothing.
    """
    return {
        name: int(value) > now + LASTING // 2 if name == "un" else value
        for name, value in (fields(Claim(State.WAITING)) | kept).items()
        if name != "sa"
    }


def said(reply: Reply) -> tuple[str | int, ...]:
    """Leave out how long a lease still lasts."""
    return ("busy", *reply[2:]) if reply[0] == "busy" else tuple(reply)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        yield redis


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisClaimStore]:
    store = RedisClaimStore(redis_url)
    yield store
    await store.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: " ".join(map(str, each)))
async def test_every_claim_takes_it_alike(
    redis: Redis, store: RedisClaimStore, operation: tuple[Argument, ...]
) -> None:
    name, *arguments = operation
    now = time.time_ns() // 1_000_000
    before = {f"m{number}": claim for number, claim in enumerate(claims(now))}
    async with redis.pipeline(transaction=False) as pipe:
        for message_id, claim in before.items():
            if claim is not None:
                pipe.hset(f"{PREFIX}{message_id}", mapping=dict[Any, Any](fields(claim)))
        await pipe.execute()
    machine = ClaimStateMachine(now=lambda: now)
    machine._claims = {key: replace(claim) for key, claim in before.items() if claim is not None}

    in_lua = await asyncio.gather(*(store.run(str(name), each, *arguments) for each in before))
    in_python = [machine.apply(str(name), each, *arguments) for each in before]
    async with redis.pipeline(transaction=False) as pipe:
        for message_id in before:
            pipe.hgetall(f"{PREFIX}{message_id}")
        kept = await pipe.execute()

    for message_id, lua, python, hash_ in zip(before, in_lua, in_python, kept, strict=True):
        claim = machine._claims.get(message_id)
        assert said(lua) == said(python), before[message_id]
        assert bool(hash_) == bool(claim)
        if claim:
            assert shown(hash_, now) == shown(fields(claim), now), before[message_id]
