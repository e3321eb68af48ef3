"""Catalog's stock: never oversold, every piece accounted for, nothing held for those who left."""

from typing import Final

from souk.doctor.checks import Visit, check

_OVERSOLD: Final = "SELECT variant_id AS id FROM stock WHERE on_hand < reserved OR reserved < 0"
_RESERVED: Final = """
SELECT variant_id AS id FROM stock FULL JOIN (
    SELECT variant_id, sum(quantity) AS held FROM reservations WHERE status = 'active' AND counted GROUP BY variant_id
) r USING (variant_id) WHERE stock.reserved IS DISTINCT FROM coalesce(r.held, 0)
"""
_JOURNAL: Final = """
SELECT variant_id AS id FROM stock FULL JOIN (
    SELECT variant_id, sum(delta) AS total FROM stock_entries GROUP BY variant_id
) e USING (variant_id) WHERE stock.on_hand IS DISTINCT FROM coalesce(e.total, 0)
"""
_SOLD: Final = """
SELECT r.order_id AS id FROM reservations r LEFT JOIN (
    SELECT order_id, variant_id, sum(delta) AS taken FROM stock_entries
    WHERE reason = 'sold' AND order_id IS NOT NULL GROUP BY order_id, variant_id
) e USING (order_id, variant_id)
WHERE coalesce(e.taken, 0) <> CASE WHEN r.counted AND r.status = 'sold' THEN -r.quantity ELSE 0 END
"""
_UNLIKE_HOLDING: Final = """
SELECT DISTINCT r.order_id AS id FROM reservations r JOIN holdings h USING (order_id)
WHERE r.status <> CASE h.status WHEN 'refused' THEN 'released' ELSE h.status END
"""
_ACTIVE: Final = "SELECT order_id, updated_at AS at FROM holdings WHERE status = 'active'"
_ENDED: Final = """
SELECT h.id, greatest(h.at, (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = h.id)) AS at
FROM unnest($1::uuid[], $2::timestamptz[]) AS h (id, at) LEFT JOIN orders o ON o.id = h.id
WHERE o.id IS NULL OR o.status IN ('rejected', 'expired', 'cancelled', 'refunded')
"""
_PAID: Final = """
SELECT o.id, o.refund_id IS NOT NULL AS going_back,
    (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = o.id) AS at
FROM orders o WHERE o.status IN ('paid', 'fulfilled', 'refunded')
"""
_NOT_SOLD: Final = """
SELECT o.id, greatest(o.at, h.updated_at) AS at
FROM unnest($1::uuid[], $2::boolean[], $3::timestamptz[]) AS o (id, going_back, at)
LEFT JOIN holdings h ON h.order_id = o.id
WHERE coalesce(h.status, '') <> 'sold' AND NOT (coalesce(h.status, '') = 'refused' AND o.going_back)
"""
_SALES: Final = "SELECT order_id, updated_at AS at FROM holdings WHERE status = 'sold'"
_NOT_PAID: Final = """
SELECT h.id, h.at FROM unnest($1::uuid[], $2::timestamptz[]) AS h (id, at) LEFT JOIN orders o ON o.id = h.id
WHERE coalesce(o.status, '') NOT IN ('paid', 'fulfilled', 'refunded')
"""


@check("I8 no oversell", "catalog")
async def stock_is_never_oversold(visit: Visit) -> None:
    """Free stock is never below zero, and reservations and journal account for every piece."""
    await visit.saw("catalog", "stock", "stock_entries", "reservations")
    await visit.accuse("catalog", _OVERSOLD, "More of this variant is promised than there is.")
    await visit.accuse("catalog", _RESERVED, "This variant's reserved count is not the sum of its active reservations.")
    await visit.accuse("catalog", _JOURNAL, "This variant's journal does not add up to what is on hand.")
    await visit.accuse("catalog", _SOLD, "The journal has not taken away, once, what this order's reservation sold.")
    await visit.accuse("catalog", _UNLIKE_HOLDING, "This order's reservations do not follow its holding.")


@check("I9 no leaked reservation", "catalog", "orders")
async def reservations_end_with_their_orders(visit: Visit) -> None:
    """Nothing is held for an order that has ended, and a paid order's reservation is a sale."""
    await visit.confront(
        ("catalog", _ACTIVE), ("orders", _ENDED), "Stock is held for this order, and it has ended or does not exist."
    )
    await visit.confront(
        ("orders", _PAID),
        ("catalog", _NOT_SOLD),
        "The order is paid, and its stock is neither sold nor its money on the way back.",
    )
    await visit.confront(("catalog", _SALES), ("orders", _NOT_PAID), "Stock is sold to this order, and it is not paid.")


CHECKS: Final = (stock_is_never_oversold, reservations_end_with_their_orders)
