"""The sellers' journal, with what was sold and given back before there was one."""

from alembic import op

revision = "0004"
down_revision = "0003"

_STATEMENTS = (
    """
    CREATE TABLE sale_entries (
        id uuid CONSTRAINT pk_sale_entries PRIMARY KEY, seller_id uuid, product_id uuid NOT NULL, variant_id uuid,
        order_id uuid NOT NULL, line_id uuid NOT NULL, kind text NOT NULL
            CONSTRAINT ck_sale_entries_kind CHECK (kind IN ('sold', 'refunded', 'downloaded')),
        quantity integer NOT NULL, amount bigint NOT NULL, currency text NOT NULL, at timestamptz NOT NULL
    )
    """,
    """
    INSERT INTO sale_entries
    SELECT gen_random_uuid(), coalesce(l.seller_id, p.seller_id), l.product_id, l.variant_id, o.id, l.id, 'sold',
        l.quantity, l.quantity * l.unit_price, o.currency,
        coalesce((SELECT min(t.at) FROM order_transitions t WHERE t.order_id = o.id AND t.went_to = 'paid'),
            o.created_at)
    FROM orders o JOIN order_lines l ON l.order_id = o.id LEFT JOIN products p ON p.id = l.product_id
    WHERE o.status IN ('paid', 'fulfilled', 'refunded')
    """,
    # A line gets what falls to it and all before it, less what falls to those: the lines add up to what went back.
    """
    INSERT INTO sale_entries
    SELECT gen_random_uuid(), coalesce(l.seller_id, p.seller_id), l.product_id, l.variant_id, o.id, l.id, 'refunded',
        CASE o.status WHEN 'refunded' THEN l.quantity ELSE 0 END,
        div(o.back::numeric * l.reached, o.total) - div(o.back::numeric * l.before, o.total), o.currency,
        coalesce((SELECT max(t.at) FROM order_transitions t WHERE t.order_id = o.id), o.created_at)
    FROM (
        SELECT o.*, (
            SELECT coalesce(sum((r.value ->> 'amount')::bigint), 0) FROM jsonb_each(o.refunds) r
            WHERE r.value ->> 'state' = 'succeeded' AND (r.value ->> 'own')::boolean
        ) AS back FROM orders o WHERE o.status IN ('paid', 'fulfilled', 'refunded') AND o.total > 0
    ) o JOIN (
        SELECT l.*, sum(l.quantity::numeric * l.unit_price) OVER lines AS reached,
            sum(l.quantity::numeric * l.unit_price) OVER lines - l.quantity::numeric * l.unit_price AS before
        FROM order_lines l WINDOW lines AS (PARTITION BY l.order_id ORDER BY l.position)
    ) l ON l.order_id = o.id LEFT JOIN products p ON p.id = l.product_id WHERE o.back > 0 OR o.status = 'refunded'
    """,
    "CREATE INDEX ix_sale_entries_seller_id_at ON sale_entries (seller_id, at)",
    "CREATE INDEX ix_sale_entries_at ON sale_entries (at)",
    "CREATE UNIQUE INDEX uq_sale_entries_sold ON sale_entries (line_id) WHERE kind = 'sold'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
