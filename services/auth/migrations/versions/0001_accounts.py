"""Accounts, sessions, refresh tokens and signing keys, beside the machinery."""

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
    _users()
    _sessions()
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), primary_key=True),
        sa.Column("jwk", postgresql.JSONB(), nullable=False),
        sa.Column("signs_from", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
    )


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", postgresql.JSONB(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", _TIME),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint("email = lower(email)", name="email_normal"),
    )


def _sessions() -> None:
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.UUID(), primary_key=True),
        sa.Column("user_id", sa.UUID(), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("refreshed_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("ended_because", sa.Text()),
    )
    live, ended = sa.text("ended_at IS NULL"), sa.text("ended_at IS NOT NULL")
    op.create_index("ix_user_sessions_live", "user_sessions", ["user_id"], postgresql_where=live)
    op.create_index("ix_user_sessions_expires_at", "user_sessions", ["expires_at"])
    op.create_index("ix_user_sessions_ended_at", "user_sessions", ["ended_at"], postgresql_where=ended)
    op.create_table(
        "refresh_tokens",
        sa.Column("fingerprint", sa.LargeBinary(), primary_key=True),
        sa.Column("session_id", sa.UUID(), sa.ForeignKey("user_sessions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
