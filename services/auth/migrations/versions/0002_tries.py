"""Counted tries, and the addresses at which somebody has logged in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tries",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("key", sa.LargeBinary(), primary_key=True),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("free_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
    )
    op.create_index("ix_tries_seen_at", "tries", ["seen_at"])
    op.create_table(
        "known_addresses",
        sa.Column("account", sa.LargeBinary(), primary_key=True),
        sa.Column("address", sa.LargeBinary(), primary_key=True),
        sa.Column("logged_in_at", _TIME, nullable=False),
    )
    op.create_index("ix_known_addresses_logged_in_at", "known_addresses", ["logged_in_at"])
