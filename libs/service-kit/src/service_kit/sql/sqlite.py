"""SQLite, through the standard library's driver: small look-ups at once, all else in two threads.

Measured: what asyncio makes of a driver with a thread for each connection costs a look-up ten
times what SQLite does, and a transaction two changes of the thread for each of its statements.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from service_kit.sql.engine import SQLITE, AnyRow, AnySelect
from service_kit.sql.sqlite_look_ups import SqliteLookUps

T = TypeVar("T")

# Longer than one who holds the lock makes one writer wait: the next one gets its chance, too.
_TURN_WAIT: Final = timedelta(seconds=5)
_WAL_PAUSE_SECONDS: Final = 0.05
_PRIMARY_CODE: Final = 0xFF

_BEGIN: Final = "sqlite_begin"


class SqliteDatabase:
    """A `Database` in a file, written ahead: whoever reads it waits for no writer.

    Writers take turns within this process, in the order in which they came, so that SQLite's lock,
    which knows no order, is only waited for while another process has it.
    """

    backend = SQLITE

    def __init__(self, url: URL, *, lock_wait: timedelta) -> None:
        self._file = Path(url.database or "")
        self._lock_wait = lock_wait
        self._patience = (lock_wait + _TURN_WAIT).total_seconds()
        self._reading = _engine(url.set(drivername=SQLITE), lock_wait)
        self._look_ups = SqliteLookUps(self._file, self._reading.dialect)
        # The lock is taken at the first statement, where SQLite waits for it, and not by the
        # first write of a transaction that has read, where it refuses to.
        self._writing = self._reading.execution_options(**{_BEGIN: "IMMEDIATE"})
        self._reader, self._writer = _thread("reader"), _thread("writer")

    async def look_up(self, query: AnySelect, parameters: Mapping[str, str]) -> Sequence[AnyRow]:
        """See `Database`. In the event loop: it takes less than to hand it to a thread."""
        try:
            return self._look_ups.rows(query, parameters)
        except sqlite3.Error:
            # A thread may wait for a lock; and it gives whatever else is wrong its name.
            return await self.read(
                lambda connection: connection.execute(query, parameters).fetchall()
            )

    async def read(self, query: Callable[[Connection], T]) -> T:
        """See `Database`."""
        async with asyncio.timeout(self._patience):
            return await _run(self._reader, partial(_read, self._reading, query))

    async def write(self, change: Callable[[Connection], T]) -> T:
        """See `Database`."""
        async with asyncio.timeout(self._patience):
            return await _run(self._writer, partial(_write, self._writing, change))

    async def make_room(self) -> None:
        """Make the file, written ahead: then readers and the writer do not wait for each other.

        The file keeps the mode.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._lock_wait.total_seconds()
        while True:
            try:
                await _run(self._writer, self._make_file)
            except OperationalError as error:
                # SQLite does not wait for this lock: measured, one of forty simultaneous
                # starts was refused at once.
                if not _is_busy(error) or loop.time() >= deadline:
                    raise
            else:
                return
            await asyncio.sleep(_WAL_PAUSE_SECONDS)

    async def migrate(self, change: Callable[[Connection], T]) -> T:
        """See `Database`."""
        return await _run(self._writer, partial(_write, self._writing, change))

    async def close(self) -> None:
        """See `Database`. What is being written is finished."""
        threads = self._reader, self._writer
        self._reader, self._writer = _thread("reader"), _thread("writer")
        for thread in threads:
            await _run(thread, _nothing)
            thread.shutdown(wait=False)
        # Last, one that may write: it moves what is written ahead into the file.
        self._look_ups.close()
        self._reading.dispose()

    def _make_file(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._reading.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _engine(url: URL, lock_wait: timedelta) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # addresses stay out of errors, and so out of logs
        pool_size=2,  # the reader's, and the writer's
        max_overflow=0,
        pool_use_lifo=True,  # each connection keeps up to 2 MB of the file
        connect_args={
            "timeout": lock_wait.total_seconds(),
            # The driver begins nothing by itself: its transactions would leave CREATE TABLE out.
            "isolation_level": None,
            "check_same_thread": False,  # the pool sees to it that one thread uses it at a time
        },
    )
    event.listen(engine, "connect", _enforce_foreign_keys)
    event.listen(engine, "begin", _begin)
    return engine


def _enforce_foreign_keys(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    if mode := connection.get_execution_options().get(_BEGIN):
        connection.exec_driver_sql(f"BEGIN {mode}")


def _read(engine: Engine, query: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        return query(connection)


def _write(engine: Engine, change: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return change(connection)


def _is_busy(error: OperationalError) -> bool:
    code: int = getattr(error.orig, "sqlite_errorcode", 0)
    return code & _PRIMARY_CODE == sqlite3.SQLITE_BUSY


def _thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, f"sqlite-{name}")


async def _run(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


def _nothing() -> None:
    return
