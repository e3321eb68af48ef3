"""When a payment was last looked at because somebody came back from it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Remember it, so that nobody can have a provider asked without end."""
    op.execute("ALTER TABLE payments ADD COLUMN looked_at timestamptz")
