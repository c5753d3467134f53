"""How much a client may use, and how gateways share it."""

import asyncio

import pytest
from gateway.application.limits import Limiter, LimitReached
from gateway.application.ports import StoreUnavailable
from gateway.domain.limits import UNUSED, Draw, Policy, settle
from gateway.infrastructure.limits_memory import InMemoryUsage
from gateway.interface.limits import draw_for
from service_kit.lifecycle import Stopping

NOON = 1_800_014_400.0  # a day of seconds since 1970, and a half
BUCKET = Policy(name="requests", quota=10, per_second=2)
DAILY = Policy(name="notifications", quota=10)


def drawn(policy, wanted, usage, now, returned=0):
    return settle(Draw(client="k", policy=policy, wanted=wanted, returned=returned), usage, now)


def test_a_bucket_gives_what_is_in_it_and_fills_up_all_the_time():
    usage, first = drawn(BUCKET, 8, UNUSED, NOON)
    usage, second = drawn(BUCKET, 8, usage, NOON)
    usage, later = drawn(BUCKET, 8, usage, NOON + 1.5)

    assert (first.granted, first.left, first.next_in) == (8, 2, 0)
    assert (second.granted, second.left, second.next_in) == (2, 0, 0.5)
    assert (later.granted, later.next_in) == (3, 0.5)


def test_a_bucket_holds_no_more_than_its_quota():
    usage, _ = drawn(BUCKET, 10, UNUSED, NOON)

    assert drawn(BUCKET, 99, usage, NOON + 3600)[1].granted == 10


def test_a_day_is_there_again_at_midnight():
    usage, first = drawn(DAILY, 9, UNUSED, NOON)
    usage, second = drawn(DAILY, 9, usage, NOON + 43_199)
    usage, tomorrow = drawn(DAILY, 9, usage, NOON + 43_200)

    assert (first.granted, second.granted, second.next_in) == (9, 1, 1)
    assert (tomorrow.granted, tomorrow.left) == (9, 1)


@pytest.mark.parametrize("policy", [BUCKET, DAILY])
def test_a_clock_that_goes_back_gives_nothing_back(policy):
    usage, _ = drawn(policy, 10, UNUSED, NOON)

    usage, again = drawn(policy, 10, usage, NOON - 90_000)

    assert again.granted == 0
    assert usage.at == NOON


def test_what_is_given_back_can_be_drawn_again_and_is_no_credit():
    usage, _ = drawn(BUCKET, 10, UNUSED, NOON)
    usage, _ = drawn(BUCKET, 0, usage, NOON, returned=4)
    _, more = drawn(BUCKET, 99, usage, NOON)
    _, most = drawn(BUCKET, 99, UNUSED, NOON, returned=50)

    assert (more.granted, most.granted) == (4, 10)


class Clock:
    """Shared by the store and the limiters, so that time passes when a test says so."""

    def __init__(self):
        self.at = NOON

    def __call__(self):
        return self.at


class Store(InMemoryUsage):
    """Counts how often it is asked; can be told to be down, or to hang."""

    def __init__(self, now):
        super().__init__(now)
        self.asked = 0
        self.is_down = False
        self.hangs = False
        self.is_slow = False

    async def draw(self, draws):
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.is_slow:
            await asyncio.sleep(0.02)
        if self.is_down:
            raise StoreUnavailable("told to be down")
        return await super().draw(draws)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return Store(clock)


@pytest.fixture
async def gateways(store, clock):
    """Three gateways that share a store."""
    stopping = Stopping()
    limiters = [Limiter(store, InMemoryUsage(clock), clock=clock) for _ in range(3)]
    tasks = [asyncio.create_task(draw_for(each, stopping)) for each in limiters]
    yield limiters
    stopping.set()
    await asyncio.gather(*tasks)


async def let_through(limiter, policy, count, client="k"):
    """Return how many of so many calls are let through."""
    passed = 0
    for _ in range(count):
        try:
            await limiter.take(client, policy)
        except LimitReached:
            continue
        passed += 1
    return passed


async def test_gateways_together_let_through_what_the_policy_gives(gateways):
    policy = Policy(name="requests", quota=40, per_second=1)

    passed = await asyncio.gather(*(let_through(each, policy, 40) for each in gateways))
    # What one has in hand, it may use yet.
    passed += await asyncio.gather(*(let_through(each, policy, 40) for each in gateways))

    assert sum(passed) == 40


async def test_clients_do_not_share_and_policies_do_not_either(gateways):
    assert await let_through(gateways[0], BUCKET, 12, client="a") == 10
    assert await let_through(gateways[0], BUCKET, 12, client="b") == 10
    assert await let_through(gateways[0], DAILY, 12, client="a") == 10


async def test_who_is_refused_is_told_when_to_come_again_and_is_let_through_then(gateways, clock):
    await let_through(gateways[0], BUCKET, 10)
    with pytest.raises(LimitReached) as refused:
        await gateways[0].take("k", BUCKET)
    clock.at += refused.value.retry_in

    assert 0 < refused.value.retry_in <= 0.5
    await gateways[0].take("k", BUCKET)


async def test_the_store_is_asked_for_many_calls_at_once_and_not_for_refusals(
    gateways, store, clock
):
    policy = Policy(name="requests", quota=10_000, per_second=10_000)
    assert await let_through(gateways[0], policy, 2000) == 2000
    of_calls = store.asked
    await let_through(gateways[0], BUCKET, 11)
    before = store.asked
    await let_through(gateways[0], BUCKET, 1000)

    assert of_calls < 100
    assert store.asked - before <= 1


async def test_many_are_taken_together_or_not_at_all(gateways):
    await gateways[0].take("k", DAILY, 6)
    with pytest.raises(LimitReached):
        await gateways[0].take("k", DAILY, 5)
    with pytest.raises(LimitReached):
        await gateways[0].take("k", DAILY, 11)

    await gateways[0].take("k", DAILY, 4)


async def test_who_comes_while_the_store_is_asked_is_in_the_next_draw(gateways, store):
    store.is_slow = True

    async def come_later(number):
        for _ in range(number):
            await asyncio.sleep(0)
        return await let_through(gateways[0], BUCKET, 1)

    assert sum(await asyncio.gather(*(come_later(each) for each in range(20)))) == 10


async def test_what_came_to_nothing_is_given_back(gateways):
    allowance = await gateways[0].take("k", DAILY, 10)
    gateways[0].give_back(allowance, 10)

    assert await let_through(gateways[0], DAILY, 12) == 10


async def test_what_lies_idle_on_one_gateway_is_there_for_another(gateways, clock):
    allowance = await gateways[0].take("k", DAILY, 10)
    gateways[0].give_back(allowance, 10)
    assert await let_through(gateways[1], DAILY, 1) == 0
    clock.at += 5

    async with asyncio.timeout(60):
        while not await let_through(gateways[1], DAILY, 1):
            clock.at += 1
            await asyncio.sleep(0.05)


async def test_nobody_is_refused_because_the_store_is_down_and_limits_hold_on(gateways, store):
    store.is_down = True
    first = await let_through(gateways[0], BUCKET, 20)
    store.is_down = False

    assert first == 10


async def test_nobody_is_refused_because_the_store_is_silent(gateways, store):
    store.hangs = True

    await gateways[0].take("k", BUCKET)


async def test_a_gateway_that_stops_gives_back_what_it_has(store, clock):
    stopping, limiter = Stopping(), Limiter(store, InMemoryUsage(clock), clock=clock)
    running = asyncio.create_task(draw_for(limiter, stopping))
    limiter.give_back(await limiter.take("k", DAILY, 10), 10)
    stopping.set()
    await running
    [left] = await store.draw([Draw(client="k", policy=DAILY, wanted=99)])

    assert left.granted == 10


def test_a_policy_says_in_how_long_all_of_it_is_back():
    fast = Policy(name="requests", quota=10, per_second=100)

    assert (BUCKET.window, BUCKET.in_window) == (5, 10)
    assert (fast.window, fast.in_window) == (1, 100)
    assert (DAILY.window, DAILY.in_window) == (86_400, 10)
