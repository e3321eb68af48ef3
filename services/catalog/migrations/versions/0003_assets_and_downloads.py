"""Files that are sold, from the token for their upload on; what a buyer may download, how often and until when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE assets (
    id uuid CONSTRAINT pk_assets PRIMARY KEY, owner_id uuid NOT NULL, store text NOT NULL,
    key text NOT NULL CONSTRAINT uq_assets_key UNIQUE, name text NOT NULL, content_type text NOT NULL,
    size bigint NOT NULL CONSTRAINT ck_assets_size CHECK (size > 0), width integer, height integer, file_id text,
    status text NOT NULL CONSTRAINT ck_assets_status CHECK (
        status IN ('issued', 'checking', 'ready', 'refused', 'orphaned', 'swept', 'unused', 'deleted')),
    version integer NOT NULL, reason text, preview_url text, thumbnail_url text, expires_at timestamptz NOT NULL,
    due_at timestamptz, lease uuid, leased_until timestamptz, attempts integer NOT NULL, last_error text,
    created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE INDEX ix_assets_owner_id ON assets (owner_id, id);
CREATE INDEX ix_assets_file_id ON assets (file_id);
CREATE INDEX ix_assets_due_at ON assets (due_at);
CREATE TABLE registrations (
    id uuid CONSTRAINT pk_registrations PRIMARY KEY, owner_id uuid NOT NULL, file_id text NOT NULL,
    due_at timestamptz, lease uuid, leased_until timestamptz, attempts integer NOT NULL, last_error text,
    created_at timestamptz NOT NULL, CONSTRAINT uq_registrations_owner_id_file_id UNIQUE (owner_id, file_id)
);
CREATE INDEX ix_registrations_due_at ON registrations (due_at);
CREATE TABLE asset_transitions (
    id uuid CONSTRAINT pk_asset_transitions PRIMARY KEY, aggregate_id uuid NOT NULL, version integer NOT NULL,
    from_status text, to_status text NOT NULL, at timestamptz NOT NULL, event_id uuid, event_type text,
    CONSTRAINT uq_asset_transitions_aggregate_id_version UNIQUE (aggregate_id, version)
);
CREATE INDEX ix_products_files ON products USING gin (files) WHERE files <> '{}';
ALTER TABLE grants
    ADD COLUMN files uuid[] NOT NULL DEFAULT '{}', ADD COLUMN downloads_used integer NOT NULL DEFAULT 0,
    ADD COLUMN downloads_left integer CONSTRAINT ck_grants_downloads_left CHECK (downloads_left >= 0),
    ADD COLUMN expires_at timestamptz, ADD COLUMN licence text;
ALTER TABLE grants ALTER COLUMN files DROP DEFAULT, ALTER COLUMN downloads_used DROP DEFAULT;
CREATE INDEX ix_grants_files ON grants USING gin (files) WHERE files <> '{}'
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(sa.text(statement))
