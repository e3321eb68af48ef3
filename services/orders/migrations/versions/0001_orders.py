"""Orders, their lines, their moves, and the copy of the products."""

from alembic import op

from common.migrations import machinery_tables

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE products (
    id uuid CONSTRAINT pk_products PRIMARY KEY, version integer NOT NULL, kind text NOT NULL, name text NOT NULL,
    price_amount bigint NOT NULL, currency text NOT NULL, active boolean NOT NULL, image text
);
CREATE TABLE orders (
    id uuid CONSTRAINT pk_orders PRIMARY KEY, number text NOT NULL CONSTRAINT uq_orders_number UNIQUE,
    user_id uuid NOT NULL, total bigint NOT NULL CONSTRAINT ck_orders_total CHECK (total >= 0), currency text NOT NULL,
    provider text NOT NULL, flow text NOT NULL, created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
    due_at timestamptz, metadata jsonb NOT NULL, status text NOT NULL, payment_status text NOT NULL,
    version integer NOT NULL, attempt integer NOT NULL, payment_id uuid, payment_state text, client_secret text,
    checkout_url text, closing_into text, refund_id uuid, refunded bigint NOT NULL, end_reason text
);
CREATE INDEX ix_orders_user_id_id ON orders (user_id, id);
CREATE INDEX ix_orders_due ON orders (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE order_lines (
    id uuid CONSTRAINT pk_order_lines PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT fk_order_lines_order_id REFERENCES orders (id), position integer NOT NULL,
    product_id uuid NOT NULL, kind text NOT NULL, name text NOT NULL,
    quantity integer NOT NULL CONSTRAINT ck_order_lines_quantity CHECK (quantity > 0),
    unit_price bigint NOT NULL CONSTRAINT ck_order_lines_price CHECK (unit_price >= 0), image text,
    delivered_at timestamptz
);
CREATE INDEX ix_order_lines_order_id ON order_lines (order_id);
CREATE TABLE order_transitions (
    id uuid CONSTRAINT pk_order_transitions PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT fk_order_transitions_order_id REFERENCES orders (id), version integer NOT NULL,
    came_from text, went_to text NOT NULL, at timestamptz NOT NULL, event_id uuid, event_type text,
    CONSTRAINT uq_order_transitions_order_id_version UNIQUE (order_id, version)
);
"""


def upgrade() -> None:
    """Lay out the database."""
    for statement in (*machinery_tables(), *filter(str.strip, _TABLES.split(";\n"))):
        op.execute(statement)
