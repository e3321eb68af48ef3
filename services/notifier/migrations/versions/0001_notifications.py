"""Mails, their moves, and the copies of users and orders."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from common.migrations import machinery_tables

revision = "0001"
down_revision = None

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    for statement in machinery_tables():
        op.execute(statement)
    op.create_table(
        "recipients",
        sa.Column("user_id", sa.UUID(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("context", postgresql.JSONB(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Text()),
        sa.Column("resent_after_unknown", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("due_at", _TIME),
        sa.Column("lease", sa.UUID()),
        sa.Column("leased_until", _TIME),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.UniqueConstraint("user_id", "channel", "cause"),
        sa.CheckConstraint("status IN ('queued', 'sending', 'sent', 'rejected', 'unknown')", name="status"),
    )
    op.create_index("ix_notifications_due_at", "notifications", ["due_at"])
    op.create_index("ix_notifications_user_id_id", "notifications", ["user_id", "id"])
    op.create_table(
        "notification_transitions",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("notification_id", sa.UUID(), sa.ForeignKey("notifications.id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from", sa.Text()),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("event_id", sa.UUID()),
        sa.Column("event_type", sa.Text()),
        sa.UniqueConstraint("notification_id", "version"),
    )
