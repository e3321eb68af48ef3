"""What loops do for a payment or a refund belongs to the trace that asked for it."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the trace."""
    op.execute("ALTER TABLE payments ADD COLUMN traceparent text")
    op.execute("ALTER TABLE refunds ADD COLUMN traceparent text")
