"""The catalogue's list, detail and search on 100,000 products, beside bare Starlette and asyncpg with the same SQL."""

import orjson

from bench.load import Load, request, send
from bench.machines import Machines
from bench.rounds import Measured, Rounds, alternate, compare, say
from common.events import new_id

CONNECTIONS, PRODUCTS = 16, 100_000
# Names of three words out of 64 and a number: a word is found in some 3 % of the catalogue, two in some 0.1 %.
_WORD = "chr(97 + {0}::int / 8) || chr(97 + {0}::int % 8) || 'sand'"
_PRODUCTS = f"""
WITH given AS (
    SELECT id, n, {_WORD.format("(n % 64)")} || ' ' || {_WORD.format("(n / 64 % 64)")} || ' '
        || {_WORD.format("(n / 4096 % 64)")} || ' ' || n AS name
    FROM unnest($1::uuid[]) WITH ORDINALITY AS g (id, n)
)
INSERT INTO products (id, seller_id, kind, status, name, slug, description, amount, regular_amount, currency,
    category_id, tags, images, files, min_quantity, metadata, version, several, words, sort_name,
    created_at, updated_at, limits_at)
SELECT id, $2, 'physical', 'active', name, 'p-' || n, repeat('One of the pictures of the shop. ', 8),
    100 + n * 7919 % 100000, 100 + n * 7919 % 100000, 'USD', $3, ARRAY['landscape', 'physical'],
    ARRAY['https://images.souk.test/dunes.jpg'], ARRAY[]::uuid[], 1, jsonb_build_object('maker', 'Sara'), 1, false,
    ARRAY[name, 'landscape physical', repeat('one of the pictures of the shop ', 8)], name, now(), now(), now()
FROM given
"""  # noqa: S608 - our own text
_OTHERS = (
    """INSERT INTO variants (id, product_id, position, options, prices, amount, regular_amount, active, created_at)
    SELECT id, id, 0, '{}', jsonb_build_array(jsonb_build_object('amount', amount, 'currency', 'USD',
        'valid_from', NULL, 'valid_to', NULL)), amount, amount, true, now() FROM products""",
    "INSERT INTO listed_prices (product_id, currency, amount) SELECT id, 'USD', amount FROM products",
    "INSERT INTO stock (variant_id, on_hand, reserved) SELECT id, 100, 3 FROM products",
    "VACUUM ANALYZE",
)
_CATEGORY = """
INSERT INTO categories (id, name, path, position, created_at, updated_at)
VALUES ($1, 'Prints', 'Prints', 0, now(), now())
"""
# What is asked, and how often in a round.
_ASKED = {
    "list": ("limit=20", 500),
    "list by price": ("limit=20&category=Prints&currency=USD&sort=price&in_stock=true", 500),
    "search": ("limit=20&q=absand%20b", 500),
    "search of a common word": ("limit=20&q=absand", 200),
}


async def measure(machines: Machines) -> Measured:
    """Read as fast as possible."""
    await machines.services()
    ids, category = sorted(new_id() for _ in range(PRODUCTS)), new_id()
    say(f"   putting {PRODUCTS:,} products up …")
    await machines.sql("souk_catalog", _CATEGORY, category)
    await machines.sql("souk_catalog", _PRODUCTS, ids, new_id(), category)
    for statement in _OTHERS:
        await machines.sql("souk_catalog", statement)
    asked = {what: [request("GET", f"/api/v1/products?{query}")] * often for what, (query, often) in _ASKED.items()}
    asked["detail"] = [request("GET", f"/api/v1/products/{ids[n * 37 % PRODUCTS]}") for n in range(2000)]
    found: Rounds = {}
    with machines.api("catalog") as ours, machines.floor("catalogue", "souk_catalog") as floor:

        async def run(port: int, requests: list[bytes]) -> float:
            return (await send(Load(port, requests, CONNECTIONS))).all_are(200).rate

        for what, requests in asked.items():
            say(f"   {what}")
            one, other = [(await send(Load(port, requests[:100], CONNECTIONS))) for port in (ours, floor)]
            last = [(await send(Load(port, requests[:1], 1))).last for port in (ours, floor)]
            assert orjson.loads(last[0]) == orjson.loads(last[1]), "the same JSON"
            assert one.statuses == other.statuses
            found |= await alternate(
                {f"bare {what}": lambda: run(floor, requests), what: lambda: run(ours, requests)}  # noqa: B023 - awaited here
            )
    return Measured(
        "catalogue",
        f"{PRODUCTS:,} products, {CONNECTIONS} connections, one api process",
        [compare(found, f"catalogue, {what}", (what, f"bare {what}"), 0.5) for what in asked],
    )
