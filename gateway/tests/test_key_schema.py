"""The tables of keys: made by the migrations, and named when they cannot be reached."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from asyncnotify.local.ports import free_port
from gateway.application.ports import StoreUnavailable
from gateway.infrastructure.sql import migrations
from gateway.infrastructure.sql.keys import SqlKeys
from gateway.infrastructure.sql.migrations import HEAD
from gateway.infrastructure.sql.schema import SCHEMA
from gateway.infrastructure.sql.tables import metadata
from service_kit.sql.store import SqlStore


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_the_migrations_make_the_tables_that_the_queries_use(request, kind):
    store = SqlStore(
        request.getfixturevalue(f"{kind}_url"), schema=SCHEMA, unavailable=StoreUnavailable
    )
    await store.start()

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await store.read(differences) == []
    await store.stop()


def test_the_last_migration_is_the_head():
    assert ScriptDirectory(migrations.__path__[0]).get_current_head() == HEAD


async def test_a_database_that_is_down_is_named_without_its_password():
    url = f"postgresql+asyncpg://postgres:s3cret@127.0.0.1:{free_port()}/keys"
    store = SqlStore(url, schema=SCHEMA, unavailable=StoreUnavailable)
    await store.start()

    with pytest.raises(StoreUnavailable) as outage:
        await SqlKeys(store).changes(0)

    assert "s3cret" not in f"{outage.value!r} {outage.value.__cause__!r}"
    await store.stop()
