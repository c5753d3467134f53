"""Look-ups in a SQLite file, at once: what is done again and again."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Dialect

from service_kit.sql.engine import AnyRow, AnySelect


class SqliteLookUps:
    """Runs queries that are built once, on a connection of its own, which waits for no lock.

    Measured, warm: 15 µs for a user with two addresses, where SQLAlchemy's engine takes 46, and a
    thread makes it 28 more. A page that is not in memory comes from the disk meanwhile.
    """

    def __init__(self, file: Path, dialect: Dialect) -> None:
        self._file = file
        self._dialect = dialect
        self._connection: sqlite3.Connection | None = None
        self._compiled: dict[AnySelect, _Compiled] = {}

    def rows(self, query: AnySelect, parameters: Mapping[str, str]) -> Sequence[AnyRow]:
        """Return what the query finds.

        Raises:
            sqlite3.Error: it cannot be told now.
        """
        compiled = self._compiled.get(query)
        if compiled is None:
            compiled = self._compiled[query] = _Compiled(query, self._dialect)
        if self._connection is None:
            # Where there is no file, it must not make one.
            self._connection = sqlite3.connect(
                f"{self._file.absolute().as_uri()}?mode=ro", uri=True, timeout=0
            )
        try:
            return compiled.rows(self._connection, parameters)
        except sqlite3.Error:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection; the next look-up makes another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Compiled:
    """A query as SQLite reads it, and what makes Python's values of SQLite's."""

    def __init__(self, query: AnySelect, dialect: Dialect) -> None:
        compiled = query.compile(dialect=dialect)
        self._text = compiled.string
        self._names = compiled.positiontup or []
        self._conversions: list[tuple[int, Callable[[Any], Any]]] = [
            (place, convert)
            for place, column in enumerate(query.selected_columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def rows(
        self, connection: sqlite3.Connection, parameters: Mapping[str, str]
    ) -> Sequence[AnyRow]:
        found = connection.execute(self._text, [parameters[name] for name in self._names])
        rows = [list(row) for row in found]
        for row in rows:
            for place, convert in self._conversions:
                row[place] = convert(row[place])
        return rows
