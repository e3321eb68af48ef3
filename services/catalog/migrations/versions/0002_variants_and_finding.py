"""Variants with their prices and stock, planned prices, categories as a tree, drafts, slugs, full-text search."""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# A plain product is its own only variant: prices, stock and reservations keep their ids.
VARIANTS = """
CREATE TABLE variants (
    id uuid CONSTRAINT pk_variants PRIMARY KEY,
    product_id uuid NOT NULL CONSTRAINT fk_variants_product_id REFERENCES products (id),
    position integer NOT NULL, options jsonb NOT NULL, sku text, prices jsonb NOT NULL,
    amount bigint NOT NULL, regular_amount bigint NOT NULL, active boolean NOT NULL, created_at timestamptz NOT NULL
);
INSERT INTO variants
SELECT id, id, 0, '{}', NULL,
    jsonb_build_array(jsonb_build_object('amount', amount, 'currency', currency, 'valid_from', NULL, 'valid_to', NULL)),
    amount, amount, true, created_at
FROM products;
CREATE INDEX ix_variants_product_id ON variants (product_id, position);
ALTER TABLE product_prices RENAME COLUMN product_id TO variant_id;
ALTER TABLE product_prices DROP CONSTRAINT fk_product_prices_product_id,
    ADD CONSTRAINT fk_product_prices_variant_id FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER INDEX ix_product_prices_product_id RENAME TO ix_product_prices_variant_id;
DROP INDEX uq_product_prices_current;
CREATE UNIQUE INDEX uq_product_prices_current ON product_prices (variant_id, currency) WHERE valid_to IS NULL;
CREATE TABLE listed_prices (
    product_id uuid NOT NULL CONSTRAINT fk_listed_prices_product_id REFERENCES products (id),
    currency text NOT NULL, amount bigint NOT NULL, CONSTRAINT pk_listed_prices PRIMARY KEY (product_id, currency)
);
INSERT INTO listed_prices SELECT id, currency, amount FROM products;
CREATE INDEX ix_listed_prices_currency ON listed_prices (currency, amount, product_id);
ALTER TABLE stock RENAME COLUMN product_id TO variant_id;
ALTER TABLE stock DROP CONSTRAINT fk_stock_product_id,
    ADD CONSTRAINT fk_stock_variant_id FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER TABLE stock_entries RENAME COLUMN product_id TO variant_id;
ALTER TABLE stock_entries DROP CONSTRAINT fk_stock_entries_product_id,
    ADD CONSTRAINT fk_stock_entries_variant_id FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER INDEX ix_stock_entries_product_id RENAME TO ix_stock_entries_variant_id;
ALTER TABLE reservations RENAME COLUMN product_id TO variant_id;
ALTER TABLE reservations DROP CONSTRAINT fk_reservations_product_id,
    ADD CONSTRAINT fk_reservations_variant_id FOREIGN KEY (variant_id) REFERENCES variants (id);
ALTER INDEX ix_reservations_product_id RENAME TO ix_reservations_variant_id
"""
# Categories were names; each becomes a root.
CATEGORIES = """
CREATE TABLE categories (
    id uuid CONSTRAINT pk_categories PRIMARY KEY,
    parent_id uuid CONSTRAINT fk_categories_parent_id REFERENCES categories (id),
    name text NOT NULL, path text NOT NULL CONSTRAINT uq_categories_path UNIQUE,
    position integer NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL
);
CREATE INDEX ix_categories_path_prefix ON categories (path text_pattern_ops);
CREATE INDEX ix_categories_parent_id ON categories (parent_id);
INSERT INTO categories
SELECT gen_random_uuid(), NULL, name, name, 0, now(), now()
FROM (SELECT DISTINCT replace(category, '/', '-') AS name FROM products WHERE category IS NOT NULL) named
"""
PRODUCTS = """
DROP INDEX ix_products_active_kind;
DROP INDEX ix_products_active_category;
DROP INDEX ix_products_active_seller;
ALTER TABLE products
    ADD COLUMN status text, ADD COLUMN slug text, ADD COLUMN sku text, ADD COLUMN regular_amount bigint,
    ADD COLUMN prices_turn_at timestamptz, ADD COLUMN thumbnail text, ADD COLUMN licence text,
    ADD COLUMN category_id uuid CONSTRAINT fk_products_category_id REFERENCES categories (id),
    ADD COLUMN files uuid[] NOT NULL DEFAULT '{}', ADD COLUMN min_quantity integer NOT NULL DEFAULT 1,
    ADD COLUMN max_quantity integer, ADD COLUMN low_stock bigint, ADD COLUMN download_limit integer,
    ADD COLUMN download_days integer, ADD COLUMN several boolean NOT NULL DEFAULT false,
    ADD COLUMN words text[], ADD COLUMN sort_name text COLLATE "C", ADD COLUMN limits_at timestamptz;
UPDATE products SET status = CASE WHEN active THEN 'active' ELSE 'archived' END, regular_amount = amount,
    category_id = (SELECT c.id FROM categories c WHERE c.path = replace(products.category, '/', '-')),
    limits_at = created_at
"""
WHOLE = """
ALTER TABLE products
    ALTER COLUMN status SET NOT NULL, ALTER COLUMN slug SET NOT NULL, ALTER COLUMN regular_amount SET NOT NULL,
    ALTER COLUMN words SET NOT NULL, ALTER COLUMN sort_name SET NOT NULL, ALTER COLUMN limits_at SET NOT NULL,
    ALTER COLUMN files DROP DEFAULT, ALTER COLUMN min_quantity DROP DEFAULT, ALTER COLUMN several DROP DEFAULT,
    ADD CONSTRAINT ck_products_status CHECK (status IN ('draft', 'active', 'archived')),
    ADD CONSTRAINT ck_products_quantity CHECK (min_quantity >= 1 AND max_quantity >= min_quantity),
    ADD CONSTRAINT uq_products_slug UNIQUE (slug), DROP COLUMN category, DROP COLUMN active,
    ADD COLUMN search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', words[1]), 'A') || setweight(to_tsvector('simple', words[2]), 'B')
        || setweight(to_tsvector('simple', words[3]), 'C')
    ) STORED;
CREATE UNIQUE INDEX uq_products_sku ON products (seller_id, sku);
CREATE INDEX ix_products_active_id ON products (id) WHERE status = 'active';
CREATE INDEX ix_products_active_kind ON products (kind, id) WHERE status = 'active';
CREATE INDEX ix_products_active_category_id ON products (category_id, id) WHERE status = 'active';
CREATE INDEX ix_products_active_sort_name ON products (sort_name, id) WHERE status = 'active';
CREATE INDEX ix_products_seller_id ON products (seller_id, id);
CREATE INDEX ix_products_tags ON products USING gin (tags);
CREATE INDEX ix_products_search ON products USING gin (search);
CREATE INDEX ix_products_prices_turn_at ON products (prices_turn_at) WHERE prices_turn_at IS NOT NULL
"""
NAME = "UPDATE products SET slug = :slug, words = :words, sort_name = :sort_name WHERE id = :id"


def upgrade() -> None:
    _execute(VARIANTS, CATEGORIES, PRODUCTS)
    connection = op.get_bind()
    named = sa.text(NAME).bindparams(sa.bindparam("words", type_=sa.ARRAY(sa.Text)))
    for product in connection.execute(sa.text("SELECT id, name, tags, description FROM products")).all():
        name = _fold(product.name)
        slug = f"{re.sub('[^a-z0-9]+', '-', name)[:80].strip('-') or 'product'}-{product.id.hex[-8:]}"
        words = [name, _fold(" ".join(product.tags)), _fold(product.description)]
        connection.execute(named, {"id": product.id, "slug": slug, "words": words, "sort_name": name[:80]})
    _execute(WHOLE)


def _execute(*scripts: str) -> None:
    for script in scripts:
        for statement in filter(str.strip, script.split(";\n")):
            op.execute(sa.text(statement.replace(":", "\\:")))


def _fold(text: str) -> str:
    # As the catalogue folded words when this step was written.
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c))))
