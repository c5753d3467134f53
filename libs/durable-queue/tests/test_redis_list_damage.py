"""Keys of which somebody, or a bug, made something else: one dead letter, nobody else stops."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.port import Change, ControlOutcome, Dedupe, LeaseLost, QueueUnavailable
from redis.asyncio import Redis
from testkit.message_text import set_column
from testkit.queue_contract.harness import AT_ONCE, LANE, LANES, QueueHarness, message
from testkit.redis_list_harness import PREFIX, redis_list_harness

Damage = Callable[[Redis], Awaitable[object]]
STATE, BODY = f"{PREFIX}:e:bad", f"{PREFIX}:b:bad"


async def wrong_body(redis: Redis) -> None:
    await redis.delete(BODY)
    await redis.rpush(BODY, b"what", b"was \xff here")


async def wrong_state(redis: Redis) -> None:
    await redis.delete(STATE)
    await redis.set(STATE, b"what was here")


async def wrong_type_of_state(redis: Redis) -> None:
    await redis.delete(STATE)
    await redis.rpush(STATE, b"what was here")


async def no_lane(redis: Redis) -> None:
    await set_column(redis, STATE, "ln", "")


async def no_such_state(redis: Redis) -> None:
    await set_column(redis, STATE, "st", "gone fishing")


def no_number(field: str, value: str = "many") -> Damage:
    async def damage(redis: Redis) -> None:
        await set_column(redis, STATE, field, value)

    return damage


DAMAGES: dict[str, Damage] = {
    "body": wrong_body,
    "state": wrong_state,
    "type of state": wrong_type_of_state,
    "no lane": no_lane,
    "no such state": no_such_state,
    **{f"{field} is no number": no_number(field) for field in ("ex", "dl", "at", "mx", "df")},
    # Lua takes each of these for a number; whoever is given it then may not.
    **{f"at is {value}": no_number("at", value) for value in ("1.5", "1e3", "0x10", "9" * 20)},
    **{f"ex is {value}": no_number("ex", value) for value in ("nan", "inf", "1e300")},
}
damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


@pytest.fixture
async def harness(redis_url: str) -> AsyncIterator[QueueHarness]:
    async with redis_list_harness(redis_url) as harness:
        await harness.queue.tick(LANES)
        yield harness


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@damaged
async def test_waiting_one_is_a_dead_letter_and_its_neighbours_go_on(
    harness: QueueHarness, redis: Redis, damage: Damage
) -> None:
    await harness.send("before", "bad", "after")
    await damage(redis)

    assert sorted(await harness.left()) == ["after", "before"]
    assert (await harness.changes("bad"))[-1] == Change.DAMAGED
    assert await redis.zscore(f"{PREFIX}:dead", "bad") is not None


@damaged
async def test_one_that_is_due_is_a_dead_letter_and_its_neighbours_are_promoted(
    harness: QueueHarness, redis: Redis, damage: Damage
) -> None:
    for name in ("before", "bad", "after"):
        await harness.queue.send(message(name, due_at=harness.now() + harness.moment))
    await damage(redis)
    await harness.pass_time(2 * harness.moment)

    assert sorted(await harness.left()) == ["after", "before"]
    assert (await harness.changes("bad"))[-1] == Change.DAMAGED


@damaged
async def test_one_in_hand_is_a_dead_letter_once_its_lease_is_over(
    harness: QueueHarness, redis: Redis, damage: Damage
) -> None:
    await harness.send("before", "bad", "after")
    await harness.queue.receive([LANE], limit=3, wait=AT_ONCE)
    await damage(redis)
    await harness.pass_time(harness.lease + harness.moment)

    assert sorted(await harness.left()) == ["after", "before"]
    assert (await harness.changes("bad"))[-1] == Change.DAMAGED


@damaged
@pytest.mark.parametrize("name", ["start", "retry", "defer", "release", "dead_letter"])
async def test_worker_that_has_it_in_hand_is_not_held_up(
    harness: QueueHarness, redis: Redis, damage: Damage, name: str
) -> None:
    await harness.send("bad")
    delivery = await harness.take()
    await damage(redis)
    calls = {
        "start": delivery.start,
        "retry": lambda: delivery.retry(AT_ONCE),
        "defer": lambda: delivery.defer(AT_ONCE),
        "release": delivery.release,
        "dead_letter": lambda: delivery.dead_letter("no use"),
    }

    try:
        await calls[name]()
    except LeaseLost:
        await harness.lose_lease(delivery)

    assert (await harness.changes("bad"))[-1] == Change.DAMAGED


@damaged
async def test_audit_finds_one_that_no_index_has(
    harness: QueueHarness, redis: Redis, damage: Damage
) -> None:
    await harness.send("bad")
    await damage(redis)
    await redis.delete(f"{PREFIX}:{LANE}:wait", f"{PREFIX}:{LANE}:ready")

    assert await harness.queue.heal() == 1
    assert await harness.queue.heal() == 0
    assert (await harness.changes("bad"))[-1] == Change.DAMAGED


async def test_bytes_and_type_are_kept(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("bad")
    await wrong_body(redis)
    await wrong_state(redis)
    await harness.left()

    assert await redis.lrange(BODY, 0, -1) == [b"what", b"was \xff here"]
    (aside,) = [key async for key in redis.scan_iter(f"{PREFIX}:damaged:*{STATE}")]
    assert await redis.get(aside) == b"what was here"


async def test_mended_by_hand_it_can_be_replayed(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("bad")
    await wrong_state(redis)
    await harness.left()

    assert await harness.queue.replay("bad") == ControlOutcome.DONE
    again = await harness.take()
    assert again.body == b"hello"
    await again.retry(AT_ONCE)
    assert (await harness.take()).attempt == 2


@damaged
async def test_controls_answer_whatever_is_there(
    harness: QueueHarness, redis: Redis, damage: Damage
) -> None:
    await harness.send("bad")
    await damage(redis)

    for control in (harness.queue.cancel, harness.queue.replay, harness.queue.delete):
        assert await control("bad") in set(ControlOutcome)
    assert (await harness.queue.depths([LANE]))[LANE].oldest_waiting >= timedelta(0)


async def test_an_ended_one_is_forgotten_all_the_same(harness: QueueHarness, redis: Redis) -> None:
    await harness.send("bad")
    await (await harness.take()).ack()
    await wrong_state(redis)
    await harness.queue.heal()
    await harness.pass_time(timedelta(days=31))

    assert not await redis.exists(STATE)


async def test_ended_one_whose_time_is_none_does_not_stop_the_audit(
    harness: QueueHarness, redis: Redis
) -> None:
    await harness.send("bad", "other")
    await (await harness.take()).ack()
    await set_column(redis, STATE, "over", "9" * 20)
    await redis.delete(f"{PREFIX}:o", f"{PREFIX}:{LANE}:wait", f"{PREFIX}:{LANE}:ready")

    assert await harness.queue.heal() == 2
    assert await harness.left() == ["other"]


@pytest.mark.parametrize("part", ["ready", "wait", "lease", "delay", "seq", "wm"])
@pytest.mark.parametrize("content", ["a string", "a hash"])
async def test_damaged_index_is_made_anew(
    harness: QueueHarness, redis: Redis, part: str, content: str
) -> None:
    await harness.send("held", "waits")
    await harness.take()
    await harness.queue.send(message("due", due_at=harness.now() + harness.moment))
    key = f"{PREFIX}:{LANE}:{part}"
    await redis.delete(key)
    if content == "a string":
        await redis.set(key, "what")
    else:
        await redis.hset(key, mapping={"s": "what", "t": "what"})
    for _ in range(3):
        await harness.pass_time(timedelta(seconds=3))
        await harness.queue.heal()
    await harness.pass_time(2 * harness.lease)
    await harness.send("new")

    assert sorted(await harness.left()) == ["due", "held", "new", "waits"]


@pytest.mark.parametrize("part", ["dead", "gone", "o", "ended"])
async def test_damaged_list_of_the_dead_or_ended_stops_nothing(
    harness: QueueHarness, redis: Redis, part: str
) -> None:
    await harness.send("done", "dead", "waits")
    await redis.set(f"{PREFIX}:{part}", "what")
    await harness.queue.tick(LANES)
    await (await harness.take()).ack()
    await (await harness.take()).dead_letter("no use")

    assert await harness.queue.replay("dead") == ControlOutcome.DONE
    assert sorted(await harness.left()) == ["dead", "waits"]


async def test_damaged_dedupe_key_refuses_its_own_sends_only(
    harness: QueueHarness, redis: Redis
) -> None:
    await redis.set(f"{PREFIX}:i:k", "what")

    with pytest.raises(QueueUnavailable):
        await harness.queue.send(message("m", dedupe=Dedupe(key="k", fingerprint="f")))
    await harness.queue.send(message("n", dedupe=Dedupe(key="k2", fingerprint="f")))
    assert await harness.left() == ["n"]
