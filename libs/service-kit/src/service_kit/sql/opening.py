"""Opens the database that a setting names."""

from datetime import timedelta

from sqlalchemy import make_url

from service_kit.sql.engine import SQLITE, Database


def open_database(database_url: str, *, lock_wait: timedelta) -> Database:
    """Open a database; `lock_wait` is how long a SQLite write waits for another process's."""
    url = make_url(database_url)
    # Measured: PostgreSQL's driver, and what SQLAlchemy has for asyncio, take 8 MB.
    if url.get_backend_name() == SQLITE:
        from service_kit.sql.sqlite import SqliteDatabase  # noqa: PLC0415 - see above

        return SqliteDatabase(url, lock_wait=lock_wait)
    from service_kit.sql.postgresql import PostgresqlDatabase  # noqa: PLC0415

    return PostgresqlDatabase(url)
