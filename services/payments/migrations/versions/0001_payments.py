"""Payments, refunds, what the providers said, and the copy of the customers."""

from alembic import op

from common.migrations import machinery_tables

revision = "0001"
down_revision = None

_LEASED = """due_at timestamptz, lease uuid, leased_until timestamptz, attempts integer NOT NULL, last_error text"""
_TABLES = f"""
CREATE TABLE customers (
    user_id uuid CONSTRAINT pk_customers PRIMARY KEY, name text NOT NULL, email text NOT NULL, version integer NOT NULL
);
CREATE TABLE payments (
    id uuid CONSTRAINT pk_payments PRIMARY KEY, order_id uuid NOT NULL, user_id uuid NOT NULL, number text NOT NULL,
    attempt integer NOT NULL, provider text NOT NULL, flow text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_payments_amount CHECK (amount > 0), currency text NOT NULL,
    expires_at timestamptz NOT NULL, correlation_id text NOT NULL, status text NOT NULL, version integer NOT NULL,
    provider_ref text, livemode boolean, idempotency_key text, request text, called_at timestamptz,
    polls integer NOT NULL, closing text, tried_at timestamptz, capture_ref text, captured_at timestamptz,
    created_at timestamptz NOT NULL, {_LEASED},
    CONSTRAINT uq_payments_order_id_attempt UNIQUE (order_id, attempt),
    CONSTRAINT uq_payments_provider_provider_ref UNIQUE (provider, provider_ref)
);
CREATE UNIQUE INDEX uq_payments_live ON payments (order_id)
    WHERE status IN ('authorized', 'intended', 'open', 'processing', 'unknown');
CREATE INDEX ix_payments_user_id_id ON payments (user_id, id);
CREATE INDEX ix_payments_due_at ON payments (due_at);
CREATE TABLE payment_transitions (
    id uuid CONSTRAINT pk_payment_transitions PRIMARY KEY, payment_id uuid NOT NULL, version integer NOT NULL,
    came_from text, went_to text NOT NULL, fact_key text NOT NULL, event_id uuid, event_type text,
    at timestamptz NOT NULL,
    CONSTRAINT uq_payment_transitions_payment_id_fact_key UNIQUE (payment_id, fact_key),
    CONSTRAINT uq_payment_transitions_payment_id_version UNIQUE (payment_id, version)
);
CREATE TABLE refunds (
    id uuid CONSTRAINT pk_refunds PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT fk_refunds_payment_id REFERENCES payments (id), order_id uuid NOT NULL,
    provider text NOT NULL, payment_ref text NOT NULL,
    amount bigint NOT NULL CONSTRAINT ck_refunds_amount CHECK (amount > 0), currency text NOT NULL,
    reason text NOT NULL, correlation_id text NOT NULL, system boolean NOT NULL, status text NOT NULL,
    version integer NOT NULL, provider_ref text, idempotency_key text, request text, called_at timestamptz,
    polls integer NOT NULL, created_at timestamptz NOT NULL, {_LEASED},
    CONSTRAINT uq_refunds_provider_provider_ref UNIQUE (provider, provider_ref)
);
CREATE UNIQUE INDEX uq_refunds_system ON refunds (payment_id) WHERE system;
CREATE INDEX ix_refunds_payment_id ON refunds (payment_id);
CREATE INDEX ix_refunds_due_at ON refunds (due_at);
CREATE TABLE refund_transitions (
    id uuid CONSTRAINT pk_refund_transitions PRIMARY KEY, refund_id uuid NOT NULL, version integer NOT NULL,
    came_from text, went_to text NOT NULL, event_id uuid, event_type text, at timestamptz NOT NULL,
    CONSTRAINT uq_refund_transitions_refund_id_went_to UNIQUE (refund_id, went_to)
);
CREATE TABLE provider_events (
    id uuid CONSTRAINT pk_provider_events PRIMARY KEY, provider text NOT NULL, event_ref text NOT NULL,
    type text NOT NULL, origin text NOT NULL, body bytea NOT NULL, sha256 text NOT NULL, status text NOT NULL,
    object_ref text, received_at timestamptz NOT NULL, {_LEASED},
    CONSTRAINT uq_provider_events_provider_event_ref UNIQUE (provider, event_ref)
);
CREATE INDEX ix_provider_events_unmatched ON provider_events (object_ref) WHERE status = 'unmatched';
CREATE INDEX ix_provider_events_due_at ON provider_events (due_at);
CREATE TABLE provider_cursors (
    id text CONSTRAINT pk_provider_cursors PRIMARY KEY, since timestamptz NOT NULL, {_LEASED}
);
CREATE INDEX ix_provider_cursors_due_at ON provider_cursors (due_at)
"""


def upgrade() -> None:
    """Lay out the database."""
    for statement in (*machinery_tables(), *_TABLES.split(";\n")):
        op.execute(statement)
