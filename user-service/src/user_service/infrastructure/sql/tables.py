"""The tables. A row of `addresses` names its channel, so that a new channel needs no migration.

Change them together with a new migration; a test compares the two.
"""

from datetime import datetime

from service_kit.sql.times import UTC_TIME
from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from user_service.domain.user import User

# PostgreSQL's default collation depends on its host. "C" is the order of code points, like SQLite's
# and Python's, and so a page's cursor means the same in every store.
USER_ID = String(128).with_variant(String(128, collation="C"), "postgresql")

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("user_id", USER_ID, primary_key=True),
    Column("preferred_channel", String(64)),
    Column("created_at", UTC_TIME, nullable=False),
    Column("updated_at", UTC_TIME, nullable=False),
)

addresses = Table(
    "addresses",
    metadata,
    Column("user_id", USER_ID, ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String(64), primary_key=True),
    # The default is for releases that know one address per channel, and write no position.
    Column("position", Integer, primary_key=True, server_default="0"),
    Column("address", String(4096), nullable=False),
    Column("label", String(128)),
    # None in what those releases wrote: then it was added when the user was last stored.
    Column("added_at", UTC_TIME),
    Column("last_used_at", UTC_TIME),
    Index("addresses_address", "address"),  # on PostgreSQL a hash: see the migration
)

# `state` is all that is known, as JSON; the columns before it are what is found and shown.
address_health = Table(
    "address_health",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("address", String(4096), nullable=False),
    Column("reason", String(32)),
    Column("since", UTC_TIME),
    Column("until", UTC_TIME),
    Column("evidence", Text),
    Column("provider", String(128)),
    Column("state", Text, nullable=False),
    Index("address_health_address", "address"),  # on PostgreSQL a hash, too
    Index("address_health_since", "since", "digest"),
)


def user_row(user: User, *, at: datetime) -> dict[str, str | datetime | None]:
    """Return the row of `users` for one who is stored for the first time."""
    return {
        "user_id": user.id,
        "preferred_channel": user.preferred_channel,
        "created_at": at,
        "updated_at": at,
    }


def address_rows(user: User) -> list[dict[str, str | int | datetime | None]]:
    """Return the rows of `addresses` for a user: none if they have no address."""
    return [
        {
            "user_id": user.id,
            "channel": channel,
            "position": position,
            "address": each.address,
            "label": each.label,
            "added_at": each.added_at,
            "last_used_at": each.last_used_at,
        }
        for channel, on_channel in user.addresses.items()
        for position, each in enumerate(on_channel)
    ]
