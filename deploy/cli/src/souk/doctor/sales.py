"""The sellers' journal: what was paid is sold, once, and what went back is given back, to the last unit."""

from typing import Final

from souk.doctor.checks import Visit, check

_UNLIKE_ITS_LINE: Final = """
SELECT l.order_id AS id FROM order_lines l JOIN orders o ON o.id = l.order_id LEFT JOIN sale_entries e
    ON e.line_id = l.id AND e.kind = 'sold'
WHERE o.status IN ('paid', 'fulfilled', 'refunded')
    AND (e.order_id, e.product_id, e.variant_id, e.seller_id, e.quantity, e.amount, e.currency) IS DISTINCT FROM
        (o.id, l.product_id, l.variant_id, coalesce(l.seller_id, e.seller_id), l.quantity,
        l.quantity::bigint * l.unit_price, o.currency)
"""
_TWICE: Final = """
SELECT order_id AS id FROM sale_entries WHERE kind = 'sold' GROUP BY order_id, line_id HAVING count(*) > 1
"""
_NOT_PAID: Final = """
SELECT e.order_id AS id FROM sale_entries e
LEFT JOIN order_lines l ON l.id = e.line_id AND l.order_id = e.order_id
LEFT JOIN orders o ON o.id = l.order_id AND o.status IN ('paid', 'fulfilled', 'refunded') WHERE o.id IS NULL
"""
# Of the order's own money: a surplus or a mismatched payment was never the sellers'.
_GONE_BACK: Final = """
SELECT o.id FROM (
    SELECT id, CASE WHEN status IN ('paid', 'fulfilled', 'refunded') THEN (
        SELECT coalesce(sum((r.value ->> 'amount')::bigint), 0) FROM jsonb_each(refunds) r
        WHERE r.value ->> 'state' = 'succeeded' AND (r.value ->> 'own')::boolean) ELSE 0 END AS back FROM orders
) o LEFT JOIN (
    SELECT order_id, sum(amount) AS entered FROM sale_entries WHERE kind = 'refunded' GROUP BY order_id
) e ON e.order_id = o.id WHERE coalesce(e.entered, 0) <> o.back
"""
_PIECES: Final = """
SELECT e.order_id AS id FROM sale_entries e LEFT JOIN orders o ON o.id = e.order_id
WHERE e.kind <> 'downloaded' GROUP BY e.order_id, e.line_id, o.status
HAVING sum(CASE e.kind WHEN 'sold' THEN e.quantity ELSE -e.quantity END) <>
    CASE o.status WHEN 'refunded' THEN 0 ELSE sum(e.quantity) FILTER (WHERE e.kind = 'sold') END
"""


@check("I28 the sellers' journal", "orders")
async def sales_are_entered(visit: Visit) -> None:
    """Each paid line is sold once, as it was bought, and what is given back of an order is what went back of it."""
    await visit.saw("orders", "sale_entries")
    await visit.accuse("orders", _UNLIKE_ITS_LINE, "The order is paid, and a line of it is not entered as sold so.")
    await visit.accuse("orders", _TWICE, "A line of this order is entered as sold twice.")
    await visit.accuse("orders", _NOT_PAID, "Sales are entered of this order, and it is not paid or has no such line.")
    await visit.accuse("orders", _GONE_BACK, "Another sum is entered as given back than went back of this order.")
    await visit.accuse("orders", _PIECES, "Pieces of this order are entered as taken back that were not, or not all.")


CHECKS: Final = (sales_are_entered,)
