"""Products in variants and several currencies, with limits, licence and seller; lines that say which was bought."""

from alembic import op

revision = "0003"
down_revision = "0002"

# The defaults let the release before this one go on writing orders and copies while it is replaced.
_STATEMENTS = (
    """
    ALTER TABLE products ADD COLUMN seller_id uuid, ADD COLUMN prices jsonb NOT NULL DEFAULT '{}',
        ADD COLUMN variants jsonb NOT NULL DEFAULT '{}', ADD COLUMN min_quantity integer NOT NULL DEFAULT 1,
        ADD COLUMN max_quantity integer, ADD COLUMN licence text
    """,
    "UPDATE products SET prices = jsonb_build_object(currency, price_amount)",
    "ALTER TABLE order_lines ADD COLUMN variant_id uuid, ADD COLUMN seller_id uuid, ADD COLUMN licence text",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
