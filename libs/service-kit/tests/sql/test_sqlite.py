"""SQLite: look-ups at once, writers in turn."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from service_kit.sql.engine import Database
from service_kit.sql.opening import open_database
from service_kit.sql.times import UTC_TIME, in_utc
from sqlalchemy import Column, Connection, MetaData, String, Table, bindparam, select, update

THINGS = Table(
    "things", MetaData(), Column("name", String, primary_key=True), Column("at", UTC_TIME)
)
BY_NAME = select(THINGS.c.at, THINGS.c.name).where(THINGS.c.name == bindparam("wanted"))
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "a file?.db"


@pytest.fixture
def url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{str(file).replace('?', '%3F')}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = open_database(url, lock_wait=timedelta(0))
    await database.make_room()
    await database.migrate(THINGS.create)
    await database.write(lambda connection: connection.execute(THINGS.insert(), [_thing("a")]))
    yield database
    await database.close()


def _thing(name: str) -> dict[str, str | datetime]:
    return {"name": name, "at": AT}


async def test_a_look_up_finds_what_was_just_written(database: Database) -> None:
    await database.write(lambda connection: connection.execute(THINGS.insert(), [_thing("b")]))

    [(at, name)] = await database.look_up(BY_NAME, {"wanted": "b"})

    assert (in_utc(at), name) == (AT, "b")
    assert await database.look_up(BY_NAME, {"wanted": "c"}) == []


async def test_a_look_up_waits_for_no_writer(database: Database, file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM things")

        assert len(await database.look_up(BY_NAME, {"wanted": "a"})) == 1


async def test_a_look_up_that_has_to_wait_for_a_lock_holds_nobody_else_up(
    url: str, file: Path
) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as other:  # a file that is not written ahead
        other.executescript("CREATE TABLE things (name, at); INSERT INTO things VALUES ('a', NULL)")
        other.execute("BEGIN EXCLUSIVE")
        database = open_database(url, lock_wait=timedelta(seconds=60))
        looking = asyncio.create_task(database.look_up(BY_NAME, {"wanted": "a"}))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not looking.done()
        other.rollback()

    assert [tuple(row) for row in await looking] == [(None, "a")]
    await database.close()


async def test_a_look_up_makes_a_new_connection_after_an_error(database: Database) -> None:
    await database.write(lambda connection: connection.exec_driver_sql("DROP TABLE things"))
    with pytest.raises(Exception, match="no such table"):
        await database.look_up(BY_NAME, {"wanted": "a"})

    await database.migrate(THINGS.create)

    assert await database.look_up(BY_NAME, {"wanted": "a"}) == []


async def test_writers_of_one_process_take_turns(database: Database) -> None:
    """None waits for SQLite's lock, for which there is no time at all."""

    def count_up(connection: Connection) -> None:
        seen = connection.scalar(select(THINGS.c.at))
        assert seen is not None
        connection.execute(update(THINGS).values(at=seen + timedelta(days=1)))

    await asyncio.gather(*(database.write(count_up) for _ in range(20)))

    [(at, _)] = await database.look_up(BY_NAME, {"wanted": "a"})
    assert in_utc(at) == AT + timedelta(days=20)


async def test_what_a_change_raises_takes_it_back(database: Database) -> None:
    def change(connection: Connection) -> None:
        connection.execute(THINGS.delete())
        raise KeyError

    with pytest.raises(KeyError):
        await database.write(change)

    assert len(await database.look_up(BY_NAME, {"wanted": "a"})) == 1


async def test_what_is_being_written_is_finished_before_it_closes(url: str, file: Path) -> None:
    database = open_database(url, lock_wait=timedelta(0))
    await database.make_room()
    writing = asyncio.create_task(database.migrate(THINGS.create))
    await asyncio.sleep(0)

    await database.close()

    assert writing.done()
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT count(*) FROM things").fetchone() == (0,)


async def test_all_is_in_the_file_itself_once_it_is_closed(database: Database, file: Path) -> None:
    """Who copies it then, has all of it."""
    await database.look_up(BY_NAME, {"wanted": "a"})

    await database.close()

    assert [each.name for each in file.parent.iterdir()] == [file.name]


async def test_who_asks_while_it_closes_is_answered(url: str) -> None:
    database, may_end = open_database(url, lock_wait=timedelta(seconds=60)), threading.Event()
    await database.make_room()
    writing = asyncio.create_task(database.write(lambda _: may_end.wait()))
    closing_it = asyncio.create_task(database.close())

    for _ in range(3):
        assert await database.read(lambda connection: connection.scalar(select(1))) == 1

    assert not closing_it.done()
    may_end.set()
    await asyncio.gather(writing, closing_it)
    await database.close()
