"""The tables. Change them together with a new migration; a test compares the two."""

from service_kit.sql.times import UTC_TIME
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

# `scopes` and `channels` are words with spaces between them; no channels are all of them.
api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", String(16), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("channels", Text),
    Column("requests_per_second", Integer),
    Column("burst", Integer),
    Column("notifications_per_day", Integer),
    Column("streams", Integer),
    Column("family", String(16), nullable=False),
    Column("created_at", UTC_TIME, nullable=False),
    Column("expires_at", UTC_TIME),
    Column("last_used_at", UTC_TIME),
    Column("replaced_by", String(16)),
    Column("grace_ends_at", UTC_TIME),
    Column("revoked_at", UTC_TIME),
    Column("revision", BigInteger, nullable=False),
    Index("api_keys_revision", "revision"),
    Index("api_keys_created_at", "created_at", "prefix"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("prefix", String(16), nullable=False),
    Column("expires_at", UTC_TIME, nullable=False),
    Column("ended_at", UTC_TIME),
    Column("revision", BigInteger, nullable=False),
    Index("sessions_revision", "revision"),
)

# One row: who changes keys or sessions counts it up first, so that changes come one after another,
# and their revisions are visible in the order of their numbers.
key_revision = Table("key_revision", metadata, Column("revision", BigInteger, nullable=False))

# How much of a policy a client had used up at a time, in seconds since 1970.
usage = Table(
    "usage",
    metadata,
    Column("client", String(16), primary_key=True),
    Column("policy", String(16), primary_key=True),
    Column("used", Double, nullable=False),
    Column("at", Double, nullable=False),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    # SQLite numbers rows only in a column of this very type.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UTC_TIME, nullable=False),
    Column("actor_name", String(100)),
    Column("actor_prefix", String(16)),
    Column("action", String(64), nullable=False),
    Column("target", Text),
    Column("count", Integer),
    Column("status", Integer, nullable=False),
    Column("request_id", String(128), nullable=False),
    Index("audit_entries_at", "at"),
)
