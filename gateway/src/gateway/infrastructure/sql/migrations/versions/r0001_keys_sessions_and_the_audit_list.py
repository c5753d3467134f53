"""Keys, sessions and the audit list."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _make_keys()
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("prefix", sa.String(16), nullable=False),
        _time("expires_at", nullable=False),
        _time("ended_at"),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("sessions_revision", "sessions", ["revision"])
    op.create_table("key_revision", sa.Column("revision", sa.BigInteger, nullable=False))
    op.execute("INSERT INTO key_revision (revision) VALUES (0)")
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        _time("at", nullable=False),
        sa.Column("actor_name", sa.String(100)),
        sa.Column("actor_prefix", sa.String(16)),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("count", sa.Integer),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
    )
    op.create_index("audit_entries_at", "audit_entries", ["at"])


def _make_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.String(16), primary_key=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("channels", sa.Text),
        sa.Column("requests_per_second", sa.Integer),
        sa.Column("burst", sa.Integer),
        sa.Column("notifications_per_day", sa.Integer),
        sa.Column("streams", sa.Integer),
        sa.Column("family", sa.String(16), nullable=False),
        _time("created_at", nullable=False),
        _time("expires_at"),
        _time("last_used_at"),
        sa.Column("replaced_by", sa.String(16)),
        _time("grace_ends_at"),
        _time("revoked_at"),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("api_keys_revision", "api_keys", ["revision"])
    op.create_index("api_keys_created_at", "api_keys", ["created_at", "prefix"])
