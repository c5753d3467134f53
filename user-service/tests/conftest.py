from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection
from testkit.http import asgi_client, hot_client
from testkit.postgres_server import (  # noqa: F401 - fixtures
    emptied_postgres_url,
    pooled_postgres_url,
    postgres_down,
    postgres_server,
    postgres_url,
)
from user_service.infrastructure.memory import InMemoryUsers
from user_service.infrastructure.sql.repository import SqlUsers
from user_service.infrastructure.sql.tables import address_health
from user_service.infrastructure.sql.tables import users as users_table
from user_service.main import Users, build
from user_service.settings import UserServiceSettings


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/data/users.db"


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def every_store(request: pytest.FixtureRequest) -> AsyncIterator[Users]:
    """Yield an empty store of each kind in turn."""
    if request.param == "memory":
        yield InMemoryUsers()
        return
    fixture = {"sqlite": "sqlite_url", "postgres": "emptied_postgres_url"}[request.param]
    store = SqlUsers(request.getfixturevalue(fixture))
    await store.start()
    yield store
    await store._store.write(_empty)
    await store.stop()


def _empty(connection: Connection) -> None:
    for table in (address_health, users_table):
        connection.execute(table.delete())


@pytest.fixture
def users() -> InMemoryUsers:
    return InMemoryUsers()


@pytest.fixture
async def client(
    request: pytest.FixtureRequest, users: InMemoryUsers
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client; with the parameter "hot" its server has hot calls, else none."""
    asking = hot_client if getattr(request, "param", "general") == "hot" else asgi_client
    async with asking(build(UserServiceSettings(), users=users)) as client:
        yield client
