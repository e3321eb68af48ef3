"""Products and their prices, stock and its journal, holdings and reservations, download grants."""

from alembic import op

from common.migrations import machinery_tables

revision = "0001"
down_revision = None

TRANSITIONS = """
CREATE TABLE {table} (
    id uuid CONSTRAINT pk_{table} PRIMARY KEY, aggregate_id uuid NOT NULL, version integer NOT NULL,
    from_status text, to_status text NOT NULL, at timestamptz NOT NULL, event_id uuid, event_type text,
    CONSTRAINT uq_{table}_aggregate_id_version UNIQUE (aggregate_id, version)
)
"""
TABLES = """
CREATE TABLE products (
    id uuid CONSTRAINT pk_products PRIMARY KEY, seller_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT ck_products_kind CHECK (kind IN ('physical', 'digital', 'credits', 'pass')),
    name text NOT NULL, description text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_products_amount CHECK (amount BETWEEN 0 AND 1000000000000),
    currency text NOT NULL, category text, tags text[] NOT NULL, images text[] NOT NULL, metadata jsonb NOT NULL,
    active boolean NOT NULL, version integer NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE INDEX ix_products_active_kind ON products (kind, id) WHERE active;
CREATE INDEX ix_products_active_category ON products (category, id) WHERE active;
CREATE INDEX ix_products_active_seller ON products (seller_id, id) WHERE active;
CREATE TABLE product_prices (
    id uuid CONSTRAINT pk_product_prices PRIMARY KEY,
    product_id uuid NOT NULL CONSTRAINT fk_product_prices_product_id REFERENCES products (id),
    amount bigint NOT NULL, currency text NOT NULL, valid_from timestamptz NOT NULL, valid_to timestamptz
);
CREATE INDEX ix_product_prices_product_id ON product_prices (product_id, valid_from);
CREATE UNIQUE INDEX uq_product_prices_current ON product_prices (product_id) WHERE valid_to IS NULL;
CREATE TABLE stock (
    product_id uuid CONSTRAINT pk_stock PRIMARY KEY CONSTRAINT fk_stock_product_id REFERENCES products (id),
    on_hand bigint NOT NULL, reserved bigint NOT NULL,
    CONSTRAINT ck_stock_reserved CHECK (reserved >= 0), CONSTRAINT ck_stock_free CHECK (on_hand >= reserved)
) WITH (fillfactor = 50);
CREATE TABLE stock_entries (
    id uuid CONSTRAINT pk_stock_entries PRIMARY KEY,
    product_id uuid NOT NULL CONSTRAINT fk_stock_entries_product_id REFERENCES products (id),
    delta bigint NOT NULL, reason text NOT NULL, actor_id uuid, order_id uuid, at timestamptz NOT NULL
);
CREATE INDEX ix_stock_entries_product_id ON stock_entries (product_id, id);
CREATE TABLE holdings (
    order_id uuid CONSTRAINT pk_holdings PRIMARY KEY, user_id uuid NOT NULL,
    status text NOT NULL
        CONSTRAINT ck_holdings_status CHECK (status IN ('active', 'rejected', 'sold', 'released', 'refused')),
    version integer NOT NULL, reason text, ended text, refunded_whole boolean NOT NULL, refunded_lines uuid[] NOT NULL,
    expires_at timestamptz NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
    CONSTRAINT ck_holdings_ended CHECK (ended IS NULL OR status NOT IN ('active', 'sold'))
);
CREATE INDEX ix_holdings_active_expires_at ON holdings (expires_at) WHERE status = 'active';
CREATE TABLE reservations (
    order_id uuid NOT NULL CONSTRAINT fk_reservations_order_id REFERENCES holdings (order_id),
    product_id uuid NOT NULL CONSTRAINT fk_reservations_product_id REFERENCES products (id),
    kind text NOT NULL, quantity bigint NOT NULL CONSTRAINT ck_reservations_quantity CHECK (quantity > 0),
    counted boolean NOT NULL,
    status text NOT NULL CONSTRAINT ck_reservations_status CHECK (status IN ('active', 'sold', 'released')),
    created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL,
    CONSTRAINT pk_reservations PRIMARY KEY (order_id, product_id)
);
CREATE INDEX ix_reservations_product_id ON reservations (product_id, status);
CREATE TABLE grants (
    id uuid CONSTRAINT pk_grants PRIMARY KEY, line_id uuid NOT NULL CONSTRAINT uq_grants_line_id UNIQUE,
    order_id uuid NOT NULL CONSTRAINT fk_grants_order_id REFERENCES holdings (order_id),
    product_id uuid NOT NULL CONSTRAINT fk_grants_product_id REFERENCES products (id),
    user_id uuid NOT NULL, name text NOT NULL,
    status text NOT NULL CONSTRAINT ck_grants_status CHECK (status IN ('granted', 'revoked')),
    version integer NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE INDEX ix_grants_user_id ON grants (user_id, id);
CREATE INDEX ix_grants_order_id ON grants (order_id);
"""


def upgrade() -> None:
    for statement in machinery_tables():
        op.execute(statement)
    for statement in filter(str.strip, TABLES.split(";\n")):
        op.execute(statement)
    for table in ("product_transitions", "holding_transitions", "grant_transitions"):
        op.execute(TRANSITIONS.format(table=table))
