"""What is done with a database, whether it is SQLite or PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Insert, Select, Table

T = TypeVar("T")
AnySelect = Select[*tuple[Any, ...]]
AnyRow = Sequence[Any]
"""Its columns, in the order of the query's."""

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"


def insert_new(backend: str, table: Table) -> Insert:
    """Return an INSERT that leaves a row alone that is there already: each backend has its own."""
    dialect = import_module(f"sqlalchemy.dialects.{backend}")  # no other backend's is loaded
    insert: Insert = dialect.insert(table).on_conflict_do_nothing()
    return insert


class Database(Protocol):
    """One database. It connects when it is first used.

    Work is a plain function of a connection: it waits for nothing but its statements. `backend` is
    `SQLITE` or `POSTGRESQL`.
    """

    @property
    def backend(self) -> str: ...

    async def look_up(self, query: AnySelect, parameters: Mapping[str, str]) -> Sequence[AnyRow]:
        """Return the few rows that a query finds by their key. It is one that is built once."""
        ...

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Read, outside of any transaction: each statement is of a moment of its own."""
        ...

    async def write(self, change: Callable[[Connection], T]) -> T:
        """Change something in one transaction."""
        ...

    async def make_room(self) -> None:
        """Make what has to be there before the first transaction: a file, for SQLite."""
        ...

    async def migrate(self, change: Callable[[Connection], T]) -> T:
        """Change the schema in one transaction, which may take long."""
        ...

    async def close(self) -> None:
        """Let go of all connections. It may be used again."""
        ...
