"""What clients have used up, in every store: the same, whoever asks, however many at once."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from gateway.application.ports import StoreUnavailable
from gateway.domain.limits import Draw, Policy
from gateway.infrastructure.limits_memory import InMemoryUsage
from gateway.infrastructure.sql.schema import SCHEMA
from gateway.infrastructure.sql.usage import SqlUsage
from service_kit.sql.store import SqlStore
from testkit.postgres_server import postgres_server, postgres_url  # noqa: F401 - fixtures

DAILY = Policy(name="notifications", quota=100)
SLOW = Policy(name="requests", quota=10, per_second=0.001)


@asynccontextmanager
async def opened(url):
    database = SqlStore(url, schema=SCHEMA, unavailable=StoreUnavailable)
    await database.start()
    try:
        yield SqlUsage(database)
    finally:
        await database.stop()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def gateways(request, tmp_path):
    """Two gateways, as far as the store can tell."""
    if request.param == "memory":
        shared = InMemoryUsage()
        yield shared, shared
        return
    url = f"sqlite+aiosqlite:///{tmp_path}/gateway.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    async with opened(url) as first, opened(url) as second:
        yield first, second


def draw(wanted, policy=DAILY, client="k", returned=0):
    return Draw(client=client, policy=policy, wanted=wanted, returned=returned)


async def granted(store, *draws):
    return [each.granted for each in await store.draw(draws)]


async def test_gateways_share_what_there_is(gateways):
    first, second = gateways

    assert await granted(first, draw(60)) == [60]
    assert await granted(second, draw(60)) == [40]
    assert await granted(first, draw(1)) == [0]
    assert await granted(first, draw(0, returned=5)) == [0]
    assert await granted(second, draw(9)) == [5]


async def test_clients_and_policies_are_counted_apart(gateways):
    first, second = gateways
    await first.draw([draw(100), draw(10, SLOW)])

    again = await granted(second, draw(1), draw(1, SLOW), draw(1, client="l"), draw(1, SLOW, "l"))

    assert again == [0, 0, 1, 1]


async def test_who_gets_nothing_is_told_when_there_is_more(gateways):
    [drawn] = await gateways[0].draw([draw(99, SLOW)])

    assert (drawn.granted, drawn.left) == (10, 0)
    assert 900 < drawn.next_in <= 1000


async def test_draws_at_once_give_out_nothing_twice(gateways):
    turns = [
        each.draw([draw(8, client=client) for client in names])
        for each in gateways
        for names in ("ab", "ba", "a", "b")
        for _ in range(3)
    ]

    got = [drawn.granted for turn in await asyncio.gather(*turns) for drawn in turn]

    assert sum(got) == 200


async def test_what_is_old_is_forgotten_and_what_is_not_is_kept(gateways):
    await gateways[0].draw([draw(100)])
    await gateways[0].forget()

    assert await granted(gateways[1], draw(1)) == [0]


async def test_what_is_older_than_any_window_is_forgotten(tmp_path):
    async with opened(f"sqlite+aiosqlite:///{tmp_path}/gateway.db") as store:
        old, now = SqlUsage(store._store, now=lambda: 1_000_000), store
        await old.draw([draw(100)])
        await now.forget()
        assert await granted(old, draw(1)) == [1]


async def test_a_database_that_cannot_be_reached_is_said_to_be_so():
    database = SqlStore(
        "postgresql+asyncpg://nobody@127.0.0.1:1/none",
        schema=SCHEMA,
        unavailable=StoreUnavailable,
        lock_wait=timedelta(seconds=1),
    )
    with pytest.raises(StoreUnavailable):
        await SqlUsage(database).draw([draw(1)])
    await database.stop()
