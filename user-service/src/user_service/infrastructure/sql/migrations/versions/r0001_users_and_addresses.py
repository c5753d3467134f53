"""Users and their addresses, one row per channel."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

USER_ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", USER_ID, primary_key=True),
        sa.Column("preferred_channel", sa.String(64)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "addresses",
        sa.Column(
            "user_id",
            USER_ID,
            sa.ForeignKey("users.user_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("channel", sa.String(64), primary_key=True),
        sa.Column("address", sa.String(512), nullable=False),
    )
