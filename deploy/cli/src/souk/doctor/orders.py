"""The orders' own book, and what its keys promise."""

from typing import Final

from souk.doctor.checks import Visit, check

_LOST: Final = """
SELECT k.resource AS id FROM idempotency_keys k LEFT JOIN orders o ON o.id = k.resource AND o.user_id = k.user_id
WHERE k.route = 'POST /api/v1/orders' AND k.resource IS NOT NULL AND o.id IS NULL
"""
_SHARED: Final = """
SELECT resource AS id FROM idempotency_keys
WHERE route = 'POST /api/v1/orders' AND resource IS NOT NULL GROUP BY resource HAVING count(*) > 1
"""
# Keys are kept for seven days.
_KEYLESS: Final = """
SELECT o.id FROM orders o WHERE o.created_at > now() - interval '6 days' AND NOT EXISTS (
    SELECT FROM idempotency_keys k WHERE k.resource = o.id AND k.route = 'POST /api/v1/orders')
"""
_LOST_PRODUCT: Final = """
SELECT k.made AS id FROM (
    SELECT convert_from(body, 'UTF8')::jsonb ->> 'id' AS made FROM idempotency_keys
    WHERE route = 'POST /api/v1/products' AND status BETWEEN 200 AND 299
) k LEFT JOIN products p ON p.id::text = k.made WHERE p.id IS NULL
"""
_SUMS: Final = """
SELECT o.id FROM orders o LEFT JOIN (
    SELECT order_id, sum(quantity::numeric * unit_price) AS total FROM order_lines GROUP BY order_id
) l ON l.order_id = o.id WHERE l.total IS DISTINCT FROM o.total
"""
# A refund that comes back to us after all leaves the order refunded, and its money here.
_DISAGREEING: Final = """
SELECT id FROM orders WHERE
    (status IN ('paid', 'fulfilled') AND payment_status NOT IN ('succeeded', 'partially_refunded'))
    OR (status = 'refunded' AND payment_status <> 'refunded'
        AND NOT jsonb_path_exists(refunds, '$.*.state ? (@ == "failed")'))
    OR (status IN ('pending', 'awaiting_payment') AND payment_status IN ('succeeded', 'refunded'))
"""


@check("I3 one order per key", "orders")
async def one_order_per_key(visit: Visit) -> None:
    """A key has one effect, and what it was answered with is there."""
    await visit.saw("orders", "idempotency_keys")
    await visit.accuse("orders", _LOST, "A request was answered with this order, and its buyer has no such order.")
    await visit.accuse("orders", _SHARED, "Two keys were answered with this order.")
    await visit.accuse("orders", _KEYLESS, "No key names this order: one key made two, or nobody asked for it.")


@check("I3 one product per key", "catalog")
async def one_product_per_key(visit: Visit) -> None:
    """What a seller was answered with is there."""
    await visit.saw("catalog", "idempotency_keys")
    await visit.accuse("catalog", _LOST_PRODUCT, "A request was answered with this product, and it is not there.")


@check("I6 an order's sum", "orders")
async def lines_add_up(visit: Visit) -> None:
    """The lines add up to the total, and the order agrees with itself about its money."""
    await visit.saw("orders", "orders", "order_lines")
    await visit.accuse("orders", _SUMS, "The order's lines do not add up to its total.")
    await visit.accuse("orders", _DISAGREEING, "The order's status and its payment status contradict each other.")


CHECKS: Final = (one_order_per_key, one_product_per_key, lines_add_up)
