"""Keys of which somebody, or a bug, made something else: one dead letter, nobody else stops."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from durable_queue.port import Change, ControlOutcome, Dedupe, LeaseLost, QueueUnavailable
from redis.asyncio import Redis
from testkit.queue_contract.rig import AT_ONCE, LANE, LANES, QueueRig, message
from testkit.redis_list_rig import PREFIX, redis_list_rig

Damage = Callable[[Redis], Awaitable[object]]
STATE, BODY = f"{PREFIX}:e:bad", f"{PREFIX}:b:bad"


async def wrong_body(redis: Redis) -> None:
    await redis.delete(BODY)
    await redis.rpush(BODY, b"what", b"was \xff here")


async def wrong_state(redis: Redis) -> None:
    await redis.delete(STATE)
    await redis.set(STATE, b"what was here")


async def no_lane(redis: Redis) -> None:
    await redis.hdel(STATE, "ln")


async def no_such_state(redis: Redis) -> None:
    await redis.hset(STATE, "st", "gone fishing")


def no_number(field: str, value: str = "many") -> Damage:
    async def damage(redis: Redis) -> None:
        await redis.hset(STATE, field, value)

    return damage


DAMAGES: dict[str, Damage] = {
    "body": wrong_body,
    "state": wrong_state,
    "no lane": no_lane,
    "no such state": no_such_state,
    **{f"{field} is no number": no_number(field) for field in ("ex", "dl", "at", "mx", "df")},
    # Lua takes each of these for a number; whoever is given it then may not.
    **{f"at is {value}": no_number("at", value) for value in ("1.5", "1e3", "0x10", "9" * 20)},
    **{f"ex is {value}": no_number("ex", value) for value in ("nan", "inf", "1e300")},
}
damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


@pytest.fixture
async def rig(redis_url: str) -> AsyncIterator[QueueRig]:
    async with redis_list_rig(redis_url) as rig:
        await rig.queue.tick(LANES)
        yield rig


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as redis:
        yield redis


@damaged
async def test_waiting_one_is_a_dead_letter_and_its_neighbours_go_on(
    rig: QueueRig, redis: Redis, damage: Damage
) -> None:
    await rig.send("before", "bad", "after")
    await damage(redis)

    assert sorted(await rig.left()) == ["after", "before"]
    assert (await rig.changes("bad"))[-1] == Change.DAMAGED
    assert await redis.zscore(f"{PREFIX}:dead", "bad") is not None


@damaged
async def test_one_that_is_due_is_a_dead_letter_and_its_neighbours_are_promoted(
    rig: QueueRig, redis: Redis, damage: Damage
) -> None:
    for name in ("before", "bad", "after"):
        await rig.queue.send(message(name, due_at=rig.now() + rig.moment))
    await damage(redis)
    await rig.pass_time(2 * rig.moment)

    assert sorted(await rig.left()) == ["after", "before"]
    assert (await rig.changes("bad"))[-1] == Change.DAMAGED


@damaged
async def test_one_in_hand_is_a_dead_letter_once_its_lease_is_over(
    rig: QueueRig, redis: Redis, damage: Damage
) -> None:
    await rig.send("before", "bad", "after")
    await rig.queue.receive([LANE], limit=3, wait=AT_ONCE)
    await damage(redis)
    await rig.pass_time(rig.lease + rig.moment)

    assert sorted(await rig.left()) == ["after", "before"]
    assert (await rig.changes("bad"))[-1] == Change.DAMAGED


@damaged
@pytest.mark.parametrize("name", ["start", "retry", "defer", "release", "dead_letter"])
async def test_worker_that_has_it_in_hand_is_not_held_up(
    rig: QueueRig, redis: Redis, damage: Damage, name: str
) -> None:
    await rig.send("bad")
    delivery = await rig.take()
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
        await rig.lose_lease(delivery)

    assert (await rig.changes("bad"))[-1] == Change.DAMAGED


@damaged
async def test_audit_finds_one_that_no_index_has(
    rig: QueueRig, redis: Redis, damage: Damage
) -> None:
    await rig.send("bad")
    await damage(redis)
    await redis.delete(f"{PREFIX}:{LANE}:wait", f"{PREFIX}:{LANE}:ready")

    assert await rig.queue.heal() == 1
    assert await rig.queue.heal() == 0
    assert (await rig.changes("bad"))[-1] == Change.DAMAGED


async def test_bytes_and_type_are_kept(rig: QueueRig, redis: Redis) -> None:
    await rig.send("bad")
    await wrong_body(redis)
    await wrong_state(redis)
    await rig.left()

    assert await redis.lrange(BODY, 0, -1) == [b"what", b"was \xff here"]
    (aside,) = [key async for key in redis.scan_iter(f"{PREFIX}:damaged:*{STATE}")]
    assert await redis.get(aside) == b"what was here"


async def test_mended_by_hand_it_can_be_replayed(rig: QueueRig, redis: Redis) -> None:
    await rig.send("bad")
    await wrong_state(redis)
    await rig.left()

    assert await rig.queue.replay("bad") == ControlOutcome.DONE
    again = await rig.take()
    assert again.body == b"hello"
    await again.retry(AT_ONCE)
    assert (await rig.take()).attempt == 2


@damaged
async def test_controls_answer_whatever_is_there(
    rig: QueueRig, redis: Redis, damage: Damage
) -> None:
    await rig.send("bad")
    await damage(redis)

    for control in (rig.queue.cancel, rig.queue.replay, rig.queue.delete):
        assert await control("bad") in set(ControlOutcome)
    assert (await rig.queue.depths([LANE]))[LANE].oldest_waiting >= timedelta(0)


async def test_an_ended_one_is_forgotten_all_the_same(rig: QueueRig, redis: Redis) -> None:
    await rig.send("bad")
    await (await rig.take()).ack()
    await wrong_state(redis)
    await rig.queue.heal()
    await rig.pass_time(timedelta(days=31))

    assert not await redis.exists(STATE)


async def test_ended_one_whose_time_is_none_does_not_stop_the_audit(
    rig: QueueRig, redis: Redis
) -> None:
    await rig.send("bad", "other")
    await (await rig.take()).ack()
    await redis.hset(STATE, "n:ut", "long ago")
    await redis.delete(f"{PREFIX}:ended", f"{PREFIX}:{LANE}:wait", f"{PREFIX}:{LANE}:ready")

    assert await rig.queue.heal() == 2
    assert await rig.left() == ["other"]


@pytest.mark.parametrize("part", ["ready", "wait", "lease", "delay", "seq", "wm"])
@pytest.mark.parametrize("content", ["a string", "a hash"])
async def test_damaged_index_is_made_anew(
    rig: QueueRig, redis: Redis, part: str, content: str
) -> None:
    await rig.send("held", "waits")
    await rig.take()
    await rig.queue.send(message("due", due_at=rig.now() + rig.moment))
    key = f"{PREFIX}:{LANE}:{part}"
    await redis.delete(key)
    if content == "a string":
        await redis.set(key, "what")
    else:
        await redis.hset(key, mapping={"s": "what", "t": "what"})
    for _ in range(3):
        await rig.pass_time(timedelta(seconds=3))
        await rig.queue.heal()
    await rig.pass_time(2 * rig.lease)
    await rig.send("new")

    assert sorted(await rig.left()) == ["due", "held", "new", "waits"]


@pytest.mark.parametrize("part", ["dead", "gone"])
async def test_damaged_list_of_the_dead_or_ended_stops_nobody(
    rig: QueueRig, redis: Redis, part: str
) -> None:
    await rig.send("done", "dead", "waits")
    await redis.set(f"{PREFIX}:{part}", "what")
    await rig.queue.tick(LANES)
    await (await rig.take()).ack()
    await (await rig.take()).dead_letter("no use")

    assert await rig.queue.replay("dead") == ControlOutcome.DONE
    assert sorted(await rig.left()) == ["dead", "waits"]


async def test_damaged_dedupe_key_refuses_its_own_sends_only(rig: QueueRig, redis: Redis) -> None:
    await redis.set(f"{PREFIX}:i:k", "what")

    with pytest.raises(QueueUnavailable):
        await rig.queue.send(message("m", dedupe=Dedupe(key="k", fingerprint="f")))
    await rig.queue.send(message("n", dedupe=Dedupe(key="k2", fingerprint="f")))
    assert await rig.left() == ["n"]
