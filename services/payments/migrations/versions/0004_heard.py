"""When a provider was last heard of, without reading all it ever said."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index that finds a provider's newest webhook."""
    op.execute(
        "CREATE INDEX ix_provider_events_heard ON provider_events (provider, received_at) WHERE origin = 'webhook'"
    )
