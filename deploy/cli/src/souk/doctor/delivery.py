"""What buyers get for their money: each paid digital line one grant, nothing for those who did not pay."""

from typing import Final

from souk.doctor.checks import Visit, check

_LINES: Final = """
SELECT l.id, o.refund_id IS NOT NULL OR o.status = 'refunded' AS going_back,
    (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = o.id) AS at
FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE l.kind = 'digital' AND o.status IN ('paid', 'fulfilled', 'refunded')
"""
_NOT_GRANTED: Final = """
SELECT l.id, greatest(l.at, g.updated_at) AS at
FROM unnest($1::uuid[], $2::boolean[], $3::timestamptz[]) AS l (id, going_back, at)
LEFT JOIN grants g ON g.line_id = l.id WHERE NOT l.going_back AND coalesce(g.status, '') <> 'granted'
"""
_TWICE: Final = "SELECT line_id AS id FROM grants GROUP BY line_id HAVING count(*) > 1"
_LIVE: Final = "SELECT line_id, order_id, updated_at AS at FROM grants WHERE status = 'granted'"
_NOT_PAID: Final = """
SELECT g.id, greatest(g.at, (SELECT max(t.at) FROM order_transitions t WHERE t.order_id = g.order_id)) AS at
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS g (id, order_id, at)
LEFT JOIN order_lines l ON l.id = g.id AND l.order_id = g.order_id LEFT JOIN orders o ON o.id = l.order_id
WHERE coalesce(o.status, '') NOT IN ('paid', 'fulfilled')
"""
_HALF: Final = """
SELECT o.id FROM orders o JOIN (
    SELECT order_id, bool_and(delivered_at IS NOT NULL) AS whole FROM order_lines GROUP BY order_id
) l ON l.order_id = o.id WHERE (o.status = 'fulfilled' AND NOT l.whole) OR (o.status = 'paid' AND l.whole)
"""


@check("I16 fulfilment once", "orders", "catalog")
async def paid_lines_are_delivered_once(visit: Visit) -> None:
    """Every paid digital line has one grant, and there is none for what is not paid or was given back."""
    await visit.confront(
        ("orders", _LINES), ("catalog", _NOT_GRANTED), "This digital line is paid, and its buyer cannot download it."
    )
    await visit.accuse("catalog", _TWICE, "This line was granted twice.")
    await visit.confront(
        ("catalog", _LIVE), ("orders", _NOT_PAID), "This line can be downloaded, and it is not paid or was given back."
    )
    await visit.accuse(
        "orders", _HALF, "The order counts as fulfilled with lines missing, or as not with all delivered."
    )


CHECKS: Final = (paid_lines_are_delivered_once,)
