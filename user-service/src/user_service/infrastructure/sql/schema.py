"""The schema of this release, and the first users."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from service_kit.sql.schema import Schema
from sqlalchemy import Connection, insert

from user_service.domain.user import User
from user_service.infrastructure.sql.migrations import HEAD
from user_service.infrastructure.sql.tables import address_rows, addresses, user_row, users

ADVISORY_LOCK: Final = int.from_bytes(b"ANusers")


def schema_with(seeds: Sequence[User]) -> Schema:
    """Give the schema; a database without one gets `seeds` as its first users."""

    def plant(connection: Connection) -> None:
        now = datetime.now(UTC)
        for user in seeds:
            connection.execute(insert(users).values(user_row(user, at=now)))
            connection.execute(insert(addresses), address_rows(user))

    return Schema(
        migrations=f"{__package__}:migrations",
        head=HEAD,
        advisory_lock=ADVISORY_LOCK,
        plant=plant,
    )
