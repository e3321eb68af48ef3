"""The sending of a mail belongs to the trace that asked for it."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the trace."""
    op.execute("ALTER TABLE notifications ADD COLUMN traceparent text")
