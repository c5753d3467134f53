"""PostgreSQL behind a pooler that gives each transaction whichever session is free."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from user_service.domain.user import User, UserId
from user_service.infrastructure.sql.repository import SqlUsers

AT = datetime(2026, 1, 1, tzinfo=UTC)


def _user(number: int) -> User:
    return User.reached_at(
        UserId(f"u{number}"), {"push": "t"}, added_at=AT, preferred_channel="push"
    )


@pytest.fixture
async def stores(pooled_postgres_url: str) -> AsyncIterator[list[SqlUsers]]:
    stores = [SqlUsers(pooled_postgres_url) for _ in range(3)]
    for store in stores:
        await store.start()
    yield stores
    for store in stores:
        await store.stop()


async def test_all_calls_work_though_sessions_are_shared(stores: list[SqlUsers]) -> None:
    now = datetime.now(UTC)

    async def use(store: SqlUsers, numbers: range) -> None:
        for number in numbers:
            await use_for(store, number)

    async def use_for(store: SqlUsers, number: int) -> None:
        user = _user(number)
        assert (await store.put(user, at=now)).is_new
        assert not (await store.put(user, at=now)).is_new
        assert await store.get(user.id) == user
        assert await store.get_many([user.id, UserId("nobody")]) == {user.id: user}
        assert await store.page(after=None, limit=5)
        if number % 2:
            assert await store.remove(user.id)

    await asyncio.gather(*(use(stores[n % 3], range(n, 60, 6)) for n in range(6)))

    kept = await stores[0].page(after=None, limit=200)
    assert {user.id for user in kept} == {f"u{number}" for number in range(0, 60, 2)}
