"""Several addresses per channel, and what is known of their health.

The release before goes on working with this schema: it writes one address per channel, and reads
any one of several.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

USER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _make_addresses_anew()
    else:
        _extend_addresses()
    # A hash takes addresses of any length; a tree of PostgreSQL refuses long ones. `tables` does
    # not say it: with it, each start would load what SQLAlchemy knows of PostgreSQL.
    op.create_index("addresses_address", "addresses", ["address"], postgresql_using="hash")
    op.create_table(
        "address_health",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("address", sa.String(4096), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("since", sa.DateTime(timezone=True)),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("evidence", sa.Text),
        sa.Column("provider", sa.String(128)),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index(
        "address_health_address", "address_health", ["address"], postgresql_using="hash"
    )
    op.create_index("address_health_since", "address_health", ["since", "digest"])


def _new_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.Column("label", sa.String(128)),
        sa.Column("added_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
    ]


def _extend_addresses() -> None:
    # A new primary key is the only part that takes long: rows are not written again.
    for column in _new_columns():
        op.add_column("addresses", column)
    op.alter_column("addresses", "address", type_=sa.String(4096))
    op.drop_constraint("addresses_pkey", "addresses")
    op.create_primary_key("addresses_pkey", "addresses", ["user_id", "channel", "position"])


def _make_addresses_anew() -> None:
    # SQLite cannot change a primary key.
    op.create_table(
        "addresses_0002",
        sa.Column("user_id", USER_ID, sa.ForeignKey("users.user_id", ondelete="CASCADE")),
        sa.Column("channel", sa.String(64)),
        sa.Column("address", sa.String(4096), nullable=False),
        *_new_columns(),
        sa.PrimaryKeyConstraint("user_id", "channel", "position"),
    )
    op.execute(
        "INSERT INTO addresses_0002 (user_id, channel, address)"
        " SELECT user_id, channel, address FROM addresses"
    )
    op.drop_table("addresses")
    op.rename_table("addresses_0002", "addresses")
