"""The tables. A row of `addresses` names its channel, so that a new channel needs no migration.

Change them together with a new migration; a test compares the two.
"""

from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, String, Table

from user_service.domain import User

# PostgreSQL's default collation depends on its host. "C" is the order of code points, like SQLite's
# and Python's, and so a page's cursor means the same in every store.
USER_ID = String(128).with_variant(String(128, collation="C"), "postgresql")

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("user_id", USER_ID, primary_key=True),
    Column("preferred_channel", String(64)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

addresses = Table(
    "addresses",
    metadata,
    Column("user_id", USER_ID, ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String(64), primary_key=True),
    Column("address", String(512), nullable=False),
)

# Alembic's own, and no part of our schema.
revisions = Table("alembic_version", MetaData(), Column("version_num", String(32)))


def user_row(user: User, *, at: datetime) -> dict[str, str | datetime | None]:
    """Return the row of `users` for one who is stored for the first time."""
    return {
        "user_id": user.id,
        "preferred_channel": user.preferred_channel,
        "created_at": at,
        "updated_at": at,
    }


def address_rows(user: User) -> list[dict[str, str]]:
    """Return the rows of `addresses` for a user: none if they have no address."""
    return [
        {"user_id": user.id, "channel": channel, "address": address}
        for channel, address in user.addresses.items()
    ]
