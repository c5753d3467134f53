"""What clients have used up of their limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("client", sa.String(16), primary_key=True),
        sa.Column("policy", sa.String(16), primary_key=True),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
