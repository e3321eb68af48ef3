"""Earlier attempts to pay, each refund by its id, and a copy of the customers."""

from alembic import op

revision = "0002"
down_revision = "0001"

# The defaults let the release before this one go on writing orders while it is replaced.
_STATEMENTS = (
    """
    ALTER TABLE orders ADD COLUMN razorpay jsonb,
        ADD COLUMN other_attempts jsonb NOT NULL DEFAULT '[]', ADD COLUMN refunds jsonb NOT NULL DEFAULT '{}'
    """,
    """
    UPDATE orders SET refunds = jsonb_build_object(coalesce(refund_id, id)::text, jsonb_build_object(
        'amount', CASE WHEN refunded > 0 THEN refunded ELSE total END,
        'state', CASE WHEN refunded > 0 THEN 'succeeded' ELSE 'asked' END,
        'own', refund_id IS NOT NULL))
    WHERE refund_id IS NOT NULL OR refunded > 0
    """,
    """
    CREATE TABLE customers (
        user_id uuid CONSTRAINT pk_customers PRIMARY KEY, name text NOT NULL, email text NOT NULL,
        version integer NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Make room for them."""
    for statement in _STATEMENTS:
        op.execute(statement)
