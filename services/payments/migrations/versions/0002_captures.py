"""The captures of an order, of which it keeps one, and payments that wait for another to be closed."""

from alembic import op

revision = "0002"
down_revision = "0001"

# At Stripe the money is named by its PaymentIntent, which until now was what every payment was opened as.
_CHANGES = """
CREATE TABLE captures (
    id uuid CONSTRAINT pk_captures PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT fk_captures_payment_id REFERENCES payments (id), order_id uuid NOT NULL,
    provider text NOT NULL, capture_ref text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_captures_amount CHECK (amount > 0), currency text NOT NULL,
    status text NOT NULL, captured_at timestamptz NOT NULL,
    CONSTRAINT uq_captures_provider_capture_ref UNIQUE (provider, capture_ref)
);
CREATE UNIQUE INDEX uq_captures_accepted ON captures (order_id) WHERE status = 'accepted';
CREATE INDEX ix_captures_payment_id ON captures (payment_id);
UPDATE payments SET capture_ref = provider_ref WHERE capture_ref IS NOT NULL;
INSERT INTO captures (id, payment_id, order_id, provider, capture_ref, amount, currency, status, captured_at)
    SELECT gen_random_uuid(), id, order_id, provider, provider_ref, amount, currency,
        CASE WHEN row_number() OVER (PARTITION BY order_id ORDER BY captured_at, attempt) = 1
            THEN 'accepted' ELSE 'surplus' END, captured_at
    FROM payments WHERE status = 'succeeded';
INSERT INTO captures (id, payment_id, order_id, provider, capture_ref, amount, currency, status, captured_at)
    SELECT gen_random_uuid(), payment_id, order_id, provider, payment_ref, amount, currency, 'mismatched', created_at
    FROM refunds WHERE system;
ALTER TABLE refunds RENAME COLUMN payment_ref TO capture_ref;
DROP INDEX uq_refunds_system;
CREATE UNIQUE INDEX uq_refunds_system ON refunds (provider, capture_ref) WHERE system;
ALTER TABLE payments ADD COLUMN waits_for uuid;
ALTER TABLE payments ADD COLUMN superseded_at timestamptz;
DROP INDEX uq_payments_live;
CREATE UNIQUE INDEX uq_payments_live ON payments (order_id)
    WHERE status IN ('authorized', 'intended', 'open', 'processing', 'unknown') AND waits_for IS NULL;
CREATE INDEX ix_payments_waits_for ON payments (waits_for) WHERE waits_for IS NOT NULL;
DROP INDEX ix_provider_events_unmatched;
CREATE INDEX ix_provider_events_unmatched ON provider_events (object_ref) WHERE status IN ('foreign', 'unmatched')
"""


def upgrade() -> None:
    """Give every capture a row of its own."""
    for statement in _CHANGES.split(";\n"):
        op.execute(statement)
